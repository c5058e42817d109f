"""Find the recordings that manifests list."""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.data.columns import find_audio
from audio_ft.data.manifests import read_manifest
from audio_ft.data.rows import Columns, File, Rows, Source, merged
from audio_ft.data.tree import by_ending, file_at
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.targets.cells import missing

# Folders in which published data sets keep recordings that their manifest lists by file name alone.
_AUDIO_FOLDERS = ("", "clips", "audio", "wavs", "wav", "..", "../audio")
# Rows that are tried to find the folder of a manifest's files, and files among which a missing one is searched.
_TRIED, _SEARCHED = 50, 100_000
# Folders such as fold3 of UrbanSound8K.
_FOLD = re.compile(r"fold[ _-]?\d+", re.IGNORECASE)


def read_manifests(
    root: Path,
    tables: Mapping[str, str],
    audio: str | None,
    known: Mapping[str, File],
    bases: Sequence[Path] = (),
) -> Source:
    """Read manifests by the name of their split, with files `known` by their path below `root`, or on the disk.

    Paths are absolute or relative to one of `bases`, by default each manifest's folder or one beside it.

    Raises:
        InputError: a manifest is broken, or none of its recordings exists.
    """
    parts: dict[str, Rows] = {}
    notes: list[str] = []
    column = ""
    for split, table in tables.items():
        path = root / table
        columns = read_manifest(path)
        column = find_audio(columns, audio, str(path))
        near = bases or [path.parent / name for name in _AUDIO_FOLDERS]
        parts[split], new = listed(columns, column, path, near, root, known)
        notes += new
    rows = merged(parts)
    unlisted = sorted(known.keys() - rows.keys)
    if unlisted:
        notes.append(f"{counted(len(unlisted), 'recording')} in no manifest left out (first: {unlisted[0]})")
    return Source(rows, column, notes=tuple(notes))


def listed(
    columns: Columns, column: str, table: Path, bases: Sequence[Path], root: Path, known: Mapping[str, File]
) -> tuple[Rows, list[str]]:
    """Return the rows of a manifest sorted by key, and notes.

    Raises:
        InputError: a row has no path, or none of the files exists.
    """
    names = columns[column]
    empty = next((row for row, name in enumerate(names) if missing(name) or not isinstance(name, str)), None)
    if empty is not None:
        raise InputError(f"{table}: row {empty + 1} has no path in column {column!r}; fill it in or remove the row")
    base = _base(names, bases)
    paths = [_as_on_disk(os.path.normpath(os.path.join(base, name))) for name in names]
    top = os.path.abspath(root) + os.sep
    keys = [_key(path, name, top) for path, name in zip(paths, names, strict=True)]
    files = [known.get(key) or file_at(path) for key, path in zip(keys, paths, strict=True)]
    gone = [name for name, file in zip(names, files, strict=True) if file.size < 0]
    if len(gone) == len(names) and (found := _by_name(names, os.path.abspath(bases[0]))):
        listing = columns | {column: found}
        rows, notes = listed(listing, column, table, bases, root, known)
        folder = os.path.commonpath([os.path.dirname(path) for path in found if path])
        return rows, [f"{table.name}: files are found by their names in {folder}", *notes]
    if len(gone) == len(names):
        fix = _elsewhere(names, column, bases, known)
        raise InputError(f"{table}: none of its {len(names)} files exists (first: {paths[0]!r}); paths in "
                         f"column {column!r} are relative to {base}, or absolute{fix}")  # fmt: skip
    notes = [f"{table.name}: paths are relative to {base}"] if base != os.path.abspath(bases[0]) else []
    if gone:
        notes.append(f"{counted(len(gone), 'file')} listed in {table.name} missing (first: {gone[0]})")
    return Rows(columns, keys, files).take(sorted(range(len(keys)), key=keys.__getitem__)), notes


def _elsewhere(names: list[str], column: str, bases: Sequence[Path], known: Iterable[str]) -> str:
    """Say where one of the first files really is, "" where it is not found."""
    slashed = [name.replace("\\", "/") for name in names[:_TRIED]]
    meant = next(filter(os.path.isfile, (base / path for base in bases for path in slashed)), None)
    if meant is not None:
        return f"; {meant} exists: write / instead of \\ in that column"
    wanted = {os.path.basename(path): path for path in reversed(slashed)}
    nearby = known or sorted(islice(glob.iglob("**/*", root_dir=bases[0], recursive=True), _SEARCHED))
    found = next((path for path in nearby if os.path.basename(path) in wanted), None)
    if found is None:
        return ""
    name = wanted[os.path.basename(found)]
    return f"; {name!r} is listed and {found!r} exists: write the paths with their folders into column {column!r}"


def _by_name(names: list[str], folder: str) -> list[str] | None:
    """Return the path of each file that is listed by its name without suffix, or that is in the folder of its fold.

    None where no file below the folder or beside it has such a name, or several have the same.
    """
    if any("/" in name or "\\" in name for name in names):
        return None
    for top in (folder, os.path.dirname(folder)):
        below = (path for path in glob.iglob("**/*.*", root_dir=top, recursive=True) if _is_audio(path))
        places = by_ending(path.replace(os.sep, "/") for path in islice(below, _SEARCHED))
        found = [places.get(name) for name in names]
        if "" in found:
            return None
        in_folds = all(_FOLD.fullmatch(os.path.basename(os.path.dirname(path))) for path in found if path)
        if any(found) and (in_folds or not any(map(_is_audio, names))):
            return [os.path.join(top, path) if path else name for name, path in zip(names, found, strict=True)]
    return None


def _is_audio(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in AUDIO_SUFFIXES


def _base(names: list[str], bases: Sequence[Path]) -> str:
    """Return the first folder that contains one of the first files, by default the first one."""
    for base in map(os.path.abspath, bases):
        if any(os.path.isfile(_as_on_disk(os.path.join(base, name))) for name in names[:_TRIED]):
            return base
    return os.path.abspath(bases[0])


def _as_on_disk(path: str) -> str:
    """Return a path with the Unicode form of the disk: archives from a Mac decompose é, manifests do not."""
    if path.isascii() or os.path.lexists(path):
        return path
    spelled = (unicodedata.normalize(form, path) for form in ("NFC", "NFD"))
    return next(filter(os.path.lexists, spelled), path)


def _key(path: str, name: str, root: str) -> str:
    """Return a file's path relative to the root, which ends in a separator; an absolute path outside of it stays."""
    if os.path.isabs(name) and not path.startswith(root):
        return name
    return (path[len(root) :] if path.startswith(root) else os.path.relpath(path, root)).replace(os.sep, "/")
