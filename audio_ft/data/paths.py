"""Find the recordings of a manifest on the disk."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from audio_ft.data.manifests import Columns
from audio_ft.data.rows import GONE, Part, Stat
from audio_ft.data.tree import count, stat_of
from audio_ft.errors import InputError
from audio_ft.targets.cells import missing

# Rows that are tried to find the folder of a manifest's files, and folders that are searched for a missing one.
_TRIED, _FOLDERS = 50, 2_000


def listed_part(
    columns: Columns, column: str, table: Path, bases: list[Path], root: Path, known: Mapping[str, Stat]
) -> tuple[Part, list[str]]:
    """Return the rows of a manifest as a part sorted by key, and notes; stats come from `known` or from the disk.

    Raises:
        InputError: a row has no path, or none of the files exists.
    """
    names = columns[column]
    empty = next((row for row, name in enumerate(names) if missing(name) or not isinstance(name, str)), None)
    if empty is not None:
        raise InputError(f"{table}: row {empty + 1} has no path in column {column!r}; fill it in or remove the row")
    base = _base(names, [Path(os.path.abspath(base)) for base in bases])
    files = [_as_on_disk(os.path.normpath(os.path.join(base, name))) for name in names]
    keys = list(_keys(files, names, str(root)))
    stats = [known[key] if key in known else stat_of(file) for key, file in zip(keys, files, strict=True)]
    gone = [row for row, about in enumerate(stats) if about == GONE]
    if len(gone) == len(names):
        fix = _elsewhere(names, column, bases, known)
        raise InputError(f"{table}: none of its {len(names)} files exists (first: {files[0]!r}); paths in "
                         f"column {column!r} are relative to {base}, or absolute{fix}")  # fmt: skip
    notes = [f"{table.name}: paths are relative to {base}"] if base != os.path.abspath(bases[0]) else []
    if gone:
        notes.append(f"{count(len(gone), 'file')} listed in {table.name} missing (first: {names[gone[0]]})")
    part = Part(columns, keys, [os.path.basename(file) for file in files], files, stats)
    return part.take(sorted(range(len(keys)), key=keys.__getitem__)), notes


def _elsewhere(names: list[str], column: str, bases: list[Path], known: Iterable[str]) -> str:
    """Say where one of the first files really is, "" where it is not found."""
    slashed = [name.replace("\\", "/") for name in names[:_TRIED]]
    for base in bases:
        for name, path in zip(names, slashed, strict=False):
            if path != name and os.path.isfile(base / path):
                return f"; {base / path} exists: write / instead of \\ in that column"
    listed = {os.path.basename(path): path for path in reversed(slashed)}
    found = next((path for path in known or _below(bases[0]) if os.path.basename(path) in listed), None)
    if found is None:
        return ""
    name = listed[os.path.basename(found)]
    return f"; {name!r} is listed and {found!r} exists: write the paths with their folders into column {column!r}"


def _below(folder: Path) -> Iterator[str]:
    """Yield the files in the first folders below a folder, by relative path."""
    for seen, (parent, folders, files) in enumerate(os.walk(folder)):
        if seen == _FOLDERS:
            return
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.relpath(os.path.join(parent, name), folder) for name in sorted(files))


def _base(names: list[str], bases: list[Path]) -> str:
    """Return the first folder that contains one of the first files, by default the first one."""
    for base in bases:
        if any(os.path.isfile(_as_on_disk(os.path.join(base, name))) for name in names[:_TRIED]):
            return str(base)
    return str(bases[0])


def _as_on_disk(file: str) -> str:
    """Return a path with the Unicode form of the disk: archives from a Mac decompose é, manifests do not."""
    if file.isascii() or os.path.lexists(file):
        return file
    spelled = (unicodedata.normalize(form, file) for form in ("NFC", "NFD"))
    return next(filter(os.path.lexists, spelled), file)


def _keys(files: Iterable[str], names: Iterable[str], root: str) -> Iterator[str]:
    """Yield each file's path relative to the root; an absolute path outside of it stays absolute."""
    start = os.path.abspath(root) + os.sep
    for file, name in zip(files, names, strict=True):
        if file.startswith(start):
            yield file[len(start) :].replace(os.sep, "/")
        else:
            yield name if os.path.isabs(name) else os.path.relpath(file, root).replace(os.sep, "/")
