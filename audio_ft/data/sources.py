"""Read any source of recordings into one table, filter its rows, and map its splits to train, validation and test."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from audio_ft.data.readers.archives import archives_in, is_archive, means_shards, shards, unpacked
from audio_ft.data.readers.arrow import TABLES, read_hub, read_parquet, read_saved
from audio_ft.data.readers.folders import read_folder
from audio_ft.data.readers.json_tables import YAML
from audio_ft.data.readers.manifests import LIST_SUFFIXES, MANIFEST_SUFFIXES
from audio_ft.data.readers.paths import read_manifests
from audio_ft.data.readers.remote import downloaded, is_address, is_remote_folder, mirrored
from audio_ft.data.readers.tracks.formats import TRACK_SUFFIXES
from audio_ft.data.readers.tracks.read import is_track, read_track, read_tracks
from audio_ft.data.readers.tree import scan, split_name
from audio_ft.data.rows import Rows, Source
from audio_ft.data.shards import is_shards
from audio_ft.data.spec import Data
from audio_ft.data.splitting.splits import SPLITS
from audio_ft.data.table.columns import SPLIT, among, parse_condition, plain, rows_where
from audio_ft.data.table.name_patterns import fields_of
from audio_ft.errors import InputError
from audio_ft.formatting import counted, first_five
from audio_ft.targets import Label
from audio_ft.targets.cells import as_text

# What to do with files that are not read.
_INSTEAD = {
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth", ".joblib"),
                    "pickles are not read, because they may run code; save the table as parquet or csv"),
    **dict.fromkeys((".xls", ".ods", ".xlsb", ".numbers"), "this kind of sheet is not read; save it as xlsx or csv"),
    **dict.fromkeys((".h5", ".hdf5", ".npz", ".npy", ".mat", ".tfrecord"),
                    "samples in this format are not read; save recordings as wav or flac, and list them in a csv"),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3"), "databases are not read; save the table as parquet or csv"),
    **dict.fromkeys((".7z", ".rar", ".gz", ".zst"), "this kind of archive is not read; unpack it, or pack it as zip"),
}  # fmt: skip
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def read(data: Data, *, classes: bool = True) -> Source:
    """Read the rows that meet the filters, in our splits, or all in the split "" where the data has none.

    `classes`: whether the names of folders can be the targets.

    Raises:
        InputError: the path does not exist or cannot be read, no row is left, or the splits have unknown names.
    """
    source = _with_named_fields(data, _read(data, classes))
    rows = _filtered(data, source.rows)
    if not len(rows):
        if data.where:
            raise InputError(f"{data.path}: no row meets {' and '.join(data.where)}; check the filters")
        raise InputError(f"{data.path}: it contains no recordings; add some, or give another path")
    rows, left_out = _in_our_splits(data, rows if len(rows.split_names) > 1 else _by_column(data, rows))
    return replace(source, rows=rows, notes=(*source.notes, *left_out))


def _read(data: Data, classes: bool) -> Source:
    """Read all rows of a folder, a manifest, a saved `datasets` folder or a data set of the Hub."""
    if data.sources is not None:
        raise InputError(f"{data.path}: several sources are for training and evaluation; give one of them here.")
    if is_remote_folder(data.path):
        folder, note = mirrored(data.path)
        source = _read(data.replace(path=str(folder)), classes)
        return replace(source, notes=(note, *source.notes))
    if is_address(data.path):
        files, notes = downloaded([data.path])
        source = _read(data.replace(path=files[data.path]), classes)
        return replace(source, notes=(*notes, *source.notes))
    path = Path(os.path.abspath(os.path.expanduser(data.path)))
    suffix, implied_by = path.suffix.lower(), "label" if classes or data.target == "label" else "text"
    if not path.exists() and means_shards(data.path):
        return _from_archives(shards(data.path), data, classes)
    if is_shards(str(path)):
        raise InputError(
            f"{data.path}: these shards are for training and evaluation; look at the raw recordings that they were "
            "made from (plan.json names them)."
        )
    if path.is_dir():
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            return read_saved(path, data)
        tree = scan(path)
        if not tree.audio and not tree.tables() and (archives := archives_in(path)):
            return _from_archives(archives, data, classes)
        tables = [path / name for name in tree.manifests if name.endswith(TABLES)]
        if tables and not tree.audio:
            return read_parquet(tables, path, data)
        return read_folder(tree, data, classes=classes and data.target is None and data.audio is None)
    if path.is_file() and is_archive(path):
        return _from_archives([path], data, classes)
    if path.is_file() and is_track(path):
        return read_track(path, data, implied_by)
    if path.is_file():
        if suffix not in (*MANIFEST_SUFFIXES, *LIST_SUFFIXES, *YAML):
            known = ", ".join(sorted(MANIFEST_SUFFIXES | LIST_SUFFIXES | TRACK_SUFFIXES))
            hint = _INSTEAD.get(suffix, f"expected a folder, a manifest or a label track ({known})")
            raise InputError(f"{data.path}: {hint}")
        if suffix not in TABLES:
            listed = read_manifests(path.parent, {"": path.name}, data, {})
            return (read_tracks(scan(path.parent), data, listed, implied_by) if data.tracks else None) or listed
        source = read_parquet([path], path.parent, data)
        # A single file is one table, like any manifest: neither its name nor its folder's is a split.
        return replace(source, rows=source.rows.in_splits(""))
    if suffix in MANIFEST_SUFFIXES | LIST_SUFFIXES or not _HUB_ID.fullmatch(data.path) or data.path.startswith("."):
        raise InputError(f"{data.path}: no such folder or file; expected a folder of recordings, a manifest "
                         "or an id on the Hub")  # fmt: skip
    return read_hub(data)


def _with_named_fields(data: Data, source: Source) -> Source:
    """Return the source with the columns that `name_pattern` finds in file names; other files are left out."""
    if data.name_pattern is None:
        return source
    paths = [one.path or key for one, key in zip(source.rows.recordings, source.rows.keys, strict=True)]
    matching, found = fields_of(data.name_pattern, paths)
    if known := next((name for name in found if name in source.rows.columns), None):
        raise InputError(f"{data.path}: name_pattern and the table both have {known!r}; rename it in the pattern")
    rows = source.rows.take(matching)
    example = ", ".join(f"{name}={cells[0]}" for name, cells in found.items())
    notes = [f"file names read by name_pattern: {rows.keys[0]} is {example}"]
    if gone := sorted(set(range(len(paths))).difference(matching)):
        notes.append(
            f"{counted(len(gone), 'file name')} without the form of name_pattern left out (first: {paths[gone[0]]})"
        )
    label = next((name for tier in Label.column_names for name in found if among(name, tier)), None)
    return replace(
        source,
        rows=replace(rows, columns=rows.columns | found),
        target=label or source.target,
        notes=(*source.notes, *notes),
    )


def _from_archives(archives: Sequence[Path], data: Data, classes: bool) -> Source:
    """Read archives from the folder that they are unpacked in."""
    folder = unpacked(archives)
    source = _read(data.replace(path=str(folder)), classes)
    said = f"{first_five([path.name for path in archives])} unpacked in {folder}"
    return replace(source, notes=(said, *source.notes))


def _filtered(data: Data, rows: Rows) -> Rows:
    """Return the rows that meet the filters, for which splits of folders, files or the Hub are a column `split`.

    A split that a filter on this column leaves out is gone; one that is empty for another reason is refused later.
    """
    name = SPLIT[0]
    given = {name: rows.splits} if name not in rows.columns and rows.split_names != ("",) else {}
    keep = rows_where(rows.columns | given, data.where, data.path)
    if keep is None:
        return rows
    on_splits = [condition for condition in data.where if given and parse_condition(condition)[0] == name]
    left = rows_where({name: rows.split_names}, on_splits, data.path)
    names = rows.split_names if left is None else tuple(rows.split_names[at] for at in left)
    return replace(rows.take(keep), split_names=names)


def _by_column(data: Data, rows: Rows) -> Rows:
    """Return the rows in the splits of the column that has them, where there is one."""
    for column, cells in rows.columns.items():
        if plain(column) in SPLIT and column != data.target:
            names = list(map(as_text, cells))
            if any(split_name(name) or name in (data.splits or ()) for name in set(names)):
                return rows.in_splits([name or "(empty)" for name in names])
    return rows


def _in_our_splits(data: Data, rows: Rows) -> tuple[Rows, list[str]]:
    """Return the rows in train, validation and test, in this order, and a note on rows in other splits."""
    found = rows.split_names
    absent = next((name for name in data.splits or () if name not in found), None)
    if absent is not None:
        there = ", ".join(filter(None, found)) or "none"
        raise InputError(
            f"{data.path}: no split {absent!r}; the splits there are {there}: correct "
            "data.splits={'NAME': 'train', …}"
        )
    ours = {name: split_name(name) if data.splits is None else data.splits.get(name) for name in found}
    notes = []
    if data.splits is None and "validation" not in ours.values():
        tests = [name for name in found if ours[name] == "test"]
        if evaluations := [name for name in tests if name.strip().lower().startswith("eval") and len(tests) > 1]:
            ours |= dict.fromkeys(evaluations, "validation")
            notes = [f"split {evaluations[0]!r} is read as validation, because there is a test split beside it; "
                     "data.splits changes that"]  # fmt: skip
    if not any(ours.values()):
        if len(found) == 1:
            return rows.in_splits(""), []
        raise InputError(f"{data.path}: splits {', '.join(found)} are not train, validation or test; map them "
                         "with data.splits={'NAME': 'train', …}")  # fmt: skip
    sizes = Counter(rows.splits)
    unused = [f"{name!r} ({sizes[name]:,} rows)" for name in found if ours[name] is None]
    splits = [ours[name] or "" for name in rows.splits]
    order = [row for split in SPLITS for row, own in enumerate(splits) if own == split]
    names = tuple(split for split in SPLITS if split in ours.values())
    notes += [f"splits {', '.join(unused)} left out"] if unused else []
    return replace(rows, splits=splits, split_names=names).take(order), notes


def select_splits(data: Data, rows: Rows, need: Sequence[str]) -> Rows:
    """Return the rows to use; without splits all, as train or as the one split in `need`.

    `need` may omit train; it is returned anyway where other splits are made from it.

    Raises:
        InputError: a split is empty, or missing and cannot be made.
    """
    given = rows.split_names
    if given == ("",):
        return rows.in_splits(need[0] if len(need) == 1 else "train")
    missing = [name for name in need if name not in given]
    if missing and ("train" in missing or "train" not in need):
        raise InputError(f"{data.path}: no {missing[0]} split; the splits there are {', '.join(given)}: ask for one of "
                         f"them, or rename one with data.splits={{'{given[0]}': '{missing[0]}'}}")  # fmt: skip
    used = tuple(name for name in given if name in need)
    for name in used:
        if name not in rows.splits:
            why = f" that meets {' and '.join(data.where)}" if data.where else ""
            raise InputError(f"{data.path}: split {name!r} has no recording{why}; add some, or remove it")
    return replace(rows, split_names=used).take([row for row, split in enumerate(rows.splits) if split in used])
