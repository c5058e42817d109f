"""Find the recordings that manifests list."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from audio_ft.data.readers.delimited import names_recordings
from audio_ft.data.readers.elsewhere import Found, find_elsewhere, recordings_below
from audio_ft.data.readers.manifests import LIST_SUFFIXES, read_manifest
from audio_ft.data.readers.remote import downloaded
from audio_ft.data.readers.text_files import read_text
from audio_ft.data.readers.tracks.cells import has_regions, with_regions
from audio_ft.data.readers.tracks.label_studio import at_hand
from audio_ft.data.readers.tree import Tree, by_ending, file_at, split_in
from audio_ft.data.rows import Columns, File, Rows, Source, merged
from audio_ft.data.spec import Data
from audio_ft.data.table.columns import AUDIO, FILE, among, find_audio
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.targets.cells import missing

# Folders in which published data sets keep recordings that their manifest lists by file name alone.
_AUDIO_FOLDERS = ("", "clips", "audio", "wavs", "wav", "..", "../audio")
# Names of folders that hold the lists of the recordings in the folders beside them, such as FSD50K.ground_truth.
_LISTS = re.compile("meta|label|annotation|truth|transcript|split|list|csv|table|protocol|info")
# Rows that are tried to find the folder of a manifest's files.
_TRIED = 50


def read_manifests(
    root: Path,
    tables: Mapping[str, str],
    data: Data,
    known: Mapping[str, File],
    bases: Sequence[Path] = (),
) -> Source:
    """Read manifests by the name of their split, with files `known` by their path below `root`, or on the disk.

    Paths are absolute or relative to one of `bases`, by default each manifest's folder or one beside it;
    `data.root` replaces them.

    Raises:
        InputError: a manifest is broken, or none of its recordings exists.
    """
    parts: dict[str, Rows] = {}
    notes: list[str] = []
    column = ""
    for split, table in tables.items():
        path = root / table
        manifest = read_manifest(path, data.columns, known)
        own = _of_split(known, split_in(table))
        columns = _with_meld_names(manifest.columns)
        column = find_audio(columns, data.audio, str(path))
        if any(map(has_regions, columns.values())):
            columns |= {column: at_hand(columns[column], Path(data.root or path.parent).expanduser())}
        near = bases or [path.parent / name for name in _AUDIO_FOLDERS]
        if data.root is not None:
            near = [Path(data.root).expanduser()]
        parts[split], new = listed(columns, column, path, near, root, own)
        notes += [*manifest.notes, *new]
    rows = merged(parts)
    unlisted = sorted(known.keys() - rows.keys)
    if unlisted:
        notes.append(f"{counted(len(unlisted), 'recording')} in no manifest left out (first: {unlisted[0]})")
    files = frozenset(str(root / table) for table in tables.values())
    source = Source(rows, column, notes=tuple(notes), files=files)
    return with_regions(source, root / next(iter(tables.values())), data)


def _with_meld_names(columns: Columns) -> Columns:
    """Return the columns with the names of files that MELD's tables leave out: dia0_utt3."""
    if not {"Dialogue_ID", "Utterance_ID"} <= columns.keys() or any(among(name, *AUDIO[:2]) for name in columns):
        return columns
    pairs = zip(columns["Dialogue_ID"], columns["Utterance_ID"], strict=True)
    return {FILE: [f"dia{dialogue}_utt{utterance}" for dialogue, utterance in pairs], **columns}


def _of_split(known: Mapping[str, File], split: str | None) -> Mapping[str, File]:
    """Return the recordings in folders of a split, all where there are none: names may repeat in those of others."""
    own = {path: file for path, file in known.items() if split in map(split_in, path.split("/")[:-1])}
    return own if split and own else known


def read_text_lists(tree: Tree, data: Data) -> Source | None:
    """Read text files in the folder that list its recordings with something else: one, or one a split (train.txt)."""
    places = by_ending(tree.audio)
    tables: dict[str, str] = {}
    for path in sorted((*tree.texts, *tree.lists)):
        if "/" in path or Path(path).suffix.lower() not in LIST_SUFFIXES or Path(path).stem in places:
            continue
        text = read_text(tree.root / path)
        # Prose, transcripts by name and lists of paths alone are other things.
        if names_recordings(text, places) and tables.setdefault(split_in(path) or "", path) != path:
            return None
    return read_manifests(tree.root, tables, data, tree.audio) if tables else None


def listed(
    columns: Columns, column: str, table: Path, bases: Sequence[Path], root: Path, known: Mapping[str, File]
) -> tuple[Rows, list[str]]:
    """Return the rows of a manifest sorted by key, and notes.

    Raises:
        InputError: a row has no path, or none of the files exists.
    """
    names = columns[column]
    if not names:
        raise InputError(f"{table}: it has no row; write one row per recording")
    empty = next((row for row, name in enumerate(names) if missing(name) or not isinstance(name, str)), None)
    if empty is not None:
        raise InputError(f"{table}: row {empty + 1} has no path in column {column!r}; fill it in or remove the row")
    addresses, fetched = downloaded(names)
    names = [addresses.get(name, name) for name in names]
    base = _base(names, bases)
    paths = [_as_on_disk(os.path.normpath(os.path.join(base, name))) for name in names]
    top = os.path.abspath(root) + os.sep
    keys = [_key(path, name, top) for path, name in zip(paths, names, strict=True)]
    files = [known.get(key) or file_at(path) for key, path in zip(keys, paths, strict=True)]
    files, keys, respelled = _respelled(files, keys, names, known or {}, base, top)
    gone = [name for name, file in zip(names, files, strict=True) if file.size < 0]
    notes = [f"{table.name}: paths are relative to {base}"] if base != os.path.abspath(bases[0]) else []
    if len(gone) == len(names):
        found = _found_elsewhere(names, table, bases, root, known)
        if found is None:
            raise InputError(f"{table}: none of its {len(names)} files exists (first: {paths[0]!r}); paths in column "
                             f"{column!r} are relative to {base}, or absolute: set data.root to the folder of the "
                             "recordings")  # fmt: skip
        notes = [f"{table.name}: {found.how}"]
        paths = [there or path for there, path in zip(found.paths, paths, strict=True)]
        keys = [_key(path, "", top) for path in paths]
        files = [known.get(key) or file_at(path) for key, path in zip(keys, paths, strict=True)]
        gone = [name for name, file in zip(names, files, strict=True) if file.size < 0]
    if gone:
        notes.append(f"{counted(len(gone), 'file')} listed in {table.name} missing (first: {gone[0]})")
    notes += [*respelled, *fetched]
    keys = [told if told in addresses else key for told, key in zip(columns[column], keys, strict=True)]
    numbers = list(range(1, len(keys) + 1))
    return Rows(columns, keys, files, numbers=numbers).take(sorted(range(len(keys)), key=keys.__getitem__)), notes


def _respelled(
    files: list[File], keys: list[str], names: Sequence[str], known: Mapping[str, File], base: str, top: str
) -> tuple[list[File], list[str], list[str]]:
    """Return files and keys, with those that are spelled otherwise: in another case, or with %20 for a blank."""
    gone = [row for row, file in enumerate(files) if file.size < 0]
    if not gone:
        return files, keys, []
    here = known or {path: file_at(os.path.join(base, path)) for path in recordings_below(Path(base))}
    by_case: dict[str, list[str]] = {}
    for path in here:
        by_case.setdefault(path.casefold(), []).append(path)
    prefix = "" if known else f"{os.path.relpath(base, top)}/".removeprefix("./").replace(os.sep, "/")
    taken, found, spelled = set(keys), list(files), list(keys)
    first = ""
    for row in gone:
        key = keys[row].removeprefix(prefix)
        same = by_case.get(unquote(key).casefold(), [])
        if len(same) == 1 and prefix + same[0] not in taken:
            found[row], spelled[row] = here[same[0]], prefix + same[0]
            first = first or f"'{names[row]}' is {same[0]}"
    changed = sum(one != other for one, other in zip(found, files, strict=True))
    note = f"{counted(changed, 'recording')} found by the name in another spelling (first: {first})"
    return found, spelled, [note] if changed else []


def _found_elsewhere(
    names: Sequence[str], table: Path, bases: Sequence[Path], root: Path, known: Mapping[str, File]
) -> Found | None:
    """Search the recordings of a manifest in its folder or, where that is one for lists, in the folder around it."""
    if known and Path(os.path.abspath(bases[0])).is_relative_to(os.path.abspath(root)):
        return find_elsewhere(names, root, known, "data.root=FOLDER")
    folders = [
        bases[0],
        *([table.parent.parent] if len(bases) > 1 and _LISTS.search(table.parent.name.lower()) else []),
    ]
    return next(filter(None, (find_elsewhere(names, folder, (), "data.root=FOLDER") for folder in folders)), None)


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
