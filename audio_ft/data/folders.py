"""Read folders and manifests of recordings into rows, without opening a recording."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.cleaning.chain import Chain
from audio_ft.data.columns import find_audio, names_one_of
from audio_ft.data.manifests import Columns, read_manifest
from audio_ft.data.paths import listed_part
from audio_ft.data.rows import Part, Source
from audio_ft.data.tree import Tree, count, left_out, scan, split_name
from audio_ft.errors import InputError
from audio_ft.file_io import read_json
from audio_ft.targets import Target

LABEL, FILE, SUBFOLDER = "label", "file_name", "subfolder"
# Folders in which published data sets keep recordings that their manifest lists by file name alone.
_AUDIO_FOLDERS = ("", "clips", "audio", "wavs", "wav", "..", "../audio")


def read_folder(tree: Tree, audio: str | None, *, classes: bool = False) -> Source:
    """Read a folder of recordings, listed in `tree`.

    Layouts: what `audio-ft prepare` wrote; metadata files in the folder or in its split folders; one manifest a split,
    or one manifest; class folders, in split folders or not. With `classes`, class folders give the labels that a
    manifest lacks.

    Raises:
        InputError: there are no recordings, or their labels are unclear.
    """
    root = tree.root
    if (root / "chain.json").is_file() and ((root / "splits").is_dir() or (root / "prepared.json").is_file()):
        return _prepared(tree, audio)
    inner = _only_folder(tree)
    if inner is not None:
        return read_folder(scan(root / inner), audio, classes=classes)
    found = _by_metadata(tree, audio) or _by_root_manifests(tree, audio)
    if found is not None and classes:
        found = _labeled(tree, found)
    found = found or _by_folders(tree)
    if found is None:
        raise InputError(
            f"{root}: it contains no recordings ({', '.join(sorted(AUDIO_SUFFIXES))}) and no manifest; "
            "expected class folders, split folders, metadata.csv or a manifest"
        )
    return Source(found.parts, found.audio, found.label, (*found.notes, *left_out(tree)))


def _only_folder(tree: Tree) -> str | None:
    """Return the one folder that contains everything, as split folders: repositories on the Hub look like this."""
    names = tree.children()
    if len(names) != 1 or split_name(names[0]) or tree.tables() or any("/" not in path for path in tree.audio):
        return None
    inner = tree.children(f"{names[0]}/")
    return names[0] if inner and all(map(split_name, inner)) else None


def _labeled(tree: Tree, listed: Source) -> Source:
    """Return the class folders with the columns of the one manifest next to them, where that has no label column."""
    names = [name for part in listed.parts.values() for name in part.columns if name != listed.audio]
    known = [tier for kind in Target.registry.values() for tier in kind.column_names]
    if len(listed.parts) != 1 or names_one_of(names, known):
        return listed
    try:
        folders = _by_folders(tree)
    except InputError:
        return listed
    if folders is None or len({label for part in folders.parts.values() for label in part.columns[LABEL]}) < 2:
        return listed
    (manifest,) = listed.parts.values()
    rows = {key: row for row, key in reversed(list(enumerate(manifest.keys)))}
    parts = {}
    for split, part in folders.parts.items():
        listed_columns = {
            name: [manifest.columns[name][rows[key]] if key in rows else None for key in part.keys]
            for name in names
            if name not in part.columns
        }
        parts[split] = replace(part, columns={**part.columns, **listed_columns})
    there = f"its columns are {', '.join(names)}" if names else "it has no other column"
    notes = [f"the manifest next to the class folders has no label column ({there}), so the folders are the labels; "
             "set target=NAME to use a column instead"]  # fmt: skip
    unused = sorted(rows.keys() - {key for part in parts.values() for key in part.keys})
    if unused:
        notes.append(
            f"{count(len(unused), 'recording')} of that manifest in no class folder left out (first: {unused[0]})"
        )
    return replace(folders, parts=parts, notes=(*folders.notes, *notes))


def _prepared(tree: Tree, audio: str | None) -> Source:
    """Read the output of `audio-ft prepare`: its manifests, its chain, and the columns of target and group.

    Raises:
        InputError: it was interrupted before the manifests were written.
    """
    root = tree.root
    tables = {Path(path).stem: path for path in tree.tables("splits/")}
    if not tables:
        raise InputError(f"{root}: audio-ft prepare did not finish here; run it again and it resumes")
    marker = root / "prepared.json"
    known = read_json(marker) if marker.is_file() else {}
    source = _by_manifests(tree, tables, audio or FILE, [root])
    return replace(
        source,
        label=known.get("target") if known.get("implied_by") == "label" else None,
        text=known.get("target") if known.get("implied_by") == "text" else None,
        group=known.get("group"),
        chain=Chain.load(root / "chain.json").to_list(),
    )


def read_table(path: Path, audio: str | None) -> Source:
    """Read a CSV, TSV, JSONL or JSON manifest whose paths are relative to its folder, or absolute.

    Raises:
        InputError: the manifest is broken, or none of its recordings exists.
    """
    columns = read_manifest(path)
    column = find_audio(columns, audio, str(path))
    part, notes = listed_part(columns, column, path, [path.parent / name for name in _AUDIO_FOLDERS], path.parent, {})
    return Source({"": part}, column, notes=tuple(notes))


def _by_metadata(tree: Tree, audio: str | None) -> Source | None:
    """Read metadata files: one in the folder, or one in each split folder (others may contain class folders)."""
    table = tree.metadata()
    if table is not None:
        return _by_first_folder(_by_manifests(tree, {"": table}, audio, [tree.root]))
    top = [name for name in tree.folders if "/" not in name]
    tables = {name: found for name in top if (found := tree.metadata(f"{name}/"))}
    if not tables:
        return None
    source = _by_manifests(tree, tables, audio, None)
    bare = {name: _class_part(tree, f"{name}/") for name in top if split_name(name) and name not in tables}
    return Source({**source.parts, **bare}, source.audio, notes=source.notes)


def _by_root_manifests(tree: Tree, audio: str | None) -> Source | None:
    """Read one manifest a split (train.csv, dev.tsv, …), else the one manifest that lists recordings."""
    tables = tree.tables()
    splits = {Path(path).stem: path for path in tables if split_name(Path(path).stem)}
    if splits:
        return _by_manifests(tree, splits, audio, None)
    if not tables and len(tree.children()) < 2:
        tables = tree.manifests
    lists = {path: _lists_recordings(tree.root / path, audio) for path in tables if not path.endswith(".parquet")}
    listing = [path for path, result in lists.items() if result is True]
    broken = [result for result in lists.values() if isinstance(result, InputError)]
    if broken and not listing and len(tree.children()) < 2:
        raise broken[0]  # without class folders nothing else describes the recordings
    if len(listing) > 1:
        raise InputError(
            f"{tree.root}: {', '.join(listing)} each list recordings; give the path of the one to use, "
            "or call them train, validation and test"
        )
    return _by_manifests(tree, {"": listing[0]}, audio, None) if listing else None


def _lists_recordings(path: Path, audio: str | None) -> bool | InputError:
    """Tell whether a table has a column of paths, or return why it cannot be read.

    The caller decides whether that is an error: next to class folders any table may lie.
    """
    try:
        table = read_manifest(path)
    except InputError as error:
        return error
    try:
        find_audio(table, audio, str(path))
    except InputError:
        return False
    return True


def _by_manifests(tree: Tree, tables: Mapping[str, str], audio: str | None, bases: list[Path] | None) -> Source:
    """Read manifests by the name of their part; paths are relative to `bases`, by default to each manifest's folder."""
    parts, notes, column = {}, [], ""
    for name, table in tables.items():
        path = tree.root / table
        columns = read_manifest(path)
        column = find_audio(columns, audio, str(path))
        near = bases or [path.parent / name for name in _AUDIO_FOLDERS]
        parts[name], new = listed_part(columns, column, path, near, tree.root, tree.audio)
        notes += new
    used = {key for part in parts.values() for key in part.keys}
    unlisted = sorted(set(tree.audio) - used)
    if unlisted:
        notes.append(f"{count(len(unlisted), 'recording')} in no manifest left out (first: {unlisted[0]})")
    return Source(parts, column, notes=tuple(notes))


def _by_first_folder(source: Source) -> Source:
    """Divide the rows of one manifest by split folder, where every path begins with one."""
    (part,) = source.parts.values()
    heads = [key.partition("/")[0] if "/" in key else "" for key in part.keys]
    return replace(source, parts=_divided(part, heads)) if all(map(split_name, set(heads))) else source


def _divided(part: Part, names: Sequence[str]) -> dict[str, Part]:
    """Return the rows of each name."""
    return {name: part.take([row for row, other in enumerate(names) if other == name]) for name in sorted(set(names))}


def _by_folders(tree: Tree) -> Source | None:
    """Read class folders, in split folders or with split folders inside."""
    names = tree.children()
    if not names:
        if tree.audio:
            raise InputError(f"{tree.root}: recordings without labels; put them in one folder a class, or add "
                             "a metadata.csv with the columns file_name and label")  # fmt: skip
        return None
    splits = [name for name in names if split_name(name)]
    nested = [name for name in splits if tree.children(f"{name}/")]
    inner = [split_name(child) for name in names for child in tree.children(f"{name}/")]
    if nested and (len(splits) == len(names) or len(splits) > 1):
        empty = [name for name in tree.folders if "/" not in name and split_name(name) and name not in names]
        parts = {name: _class_part(tree, f"{name}/") for name in [*splits, *empty]}
        ignored = [name for name in names if name not in splits]
        note = [f"folders {', '.join(ignored)} next to the split folders left out"] if ignored else []
        return Source(parts, FILE, LABEL, tuple(note))
    if splits and len(splits) == len(names):
        raise InputError(
            f"{tree.root}: folders {', '.join(names)} contain recordings but no class folders and no metadata.csv, so "
            "they may be splits or labels; add class folders or a metadata.csv to each, or list them in a manifest"
        )
    flat = any(path.count("/") == 1 for path in tree.audio)
    if not splits and inner and all(inner) and not flat:
        return _by_inner_splits(tree)
    part = _class_part(tree, "")
    note = [f"folders inside class folders are not labels: they are in column {SUBFOLDER!r}"] if inner else []
    return Source({"": part}, FILE, LABEL, tuple(note))


def _by_inner_splits(tree: Tree) -> Source:
    """Read class folders that contain split folders: yes/train/a.wav."""
    part = _class_part(tree, "")
    heads = [below.partition("/")[0] for below in part.columns[SUBFOLDER]]
    return Source(_divided(part, heads), FILE, LABEL)


def _class_part(tree: Tree, prefix: str) -> Part:
    """Return the recordings below `prefix` with their first folder as label."""
    paths = tree.below(prefix)
    steps = [path[len(prefix) :].split("/") for path in paths]
    loose = next((path for path, step in zip(paths, steps, strict=True) if len(step) == 1), None)
    if loose is not None:
        raise InputError(f"{tree.root}: {loose} is not in a class folder, so it has no label; move it into one")
    columns: Columns = {FILE: list(paths), LABEL: [step[0] for step in steps]}
    if any(len(step) > 2 for step in steps):
        columns[SUBFOLDER] = ["/".join(step[1:-1]) for step in steps]
    files = [os.path.join(tree.root, path) for path in paths]
    return Part(columns, paths, [step[-1] for step in steps], files, [tree.audio[path] for path in paths])
