"""Read any source of recordings, filter its rows, and map its splits to train, validation and test."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audio_ft.data.arrow import is_saved, read_hub, read_parquet, read_saved
from audio_ft.data.columns import SPLIT, plain, rows_where
from audio_ft.data.folders import read_folder, read_table
from audio_ft.data.manifests import MANIFEST_SUFFIXES
from audio_ft.data.rows import Part, Source, join
from audio_ft.data.spec import Data
from audio_ft.data.splits import SPLITS
from audio_ft.data.tree import scan, split_name
from audio_ft.errors import InputError
from audio_ft.targets.cells import as_text

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def read(data: Data, *, classes: bool = True) -> Source:
    """Read the rows of a folder, a manifest, a saved `datasets` folder or a data set of the Hub.

    `classes`: whether the names of folders can be the targets.

    Raises:
        InputError: the path does not exist, or cannot be read.
    """
    path = Path(os.path.abspath(os.path.expanduser(data.path)))
    suffix = path.suffix.lower()
    if path.is_dir():
        if is_saved(path):
            return read_saved(path, data.audio)
        tree = scan(path)
        tables = [path / name for name in tree.manifests if name.endswith(".parquet")]
        if tables and not tree.audio:
            return read_parquet(tables, path, data.audio)
        named = classes and data.target is None and data.audio is None
        return read_folder(tree, data.audio, classes=named)
    if path.is_file():
        if suffix not in MANIFEST_SUFFIXES:
            raise InputError(f"{data.path}: expected a folder or a manifest ({', '.join(sorted(MANIFEST_SUFFIXES))})")
        if suffix == ".parquet":
            source = read_parquet([path], path.parent, data.audio)
            # A single file is one table, like any manifest: neither its name nor its folder's is a split.
            return replace(source, parts={"": join(list(source.parts.values()))})
        return read_table(path, data.audio)
    if suffix in MANIFEST_SUFFIXES or not _HUB_ID.fullmatch(data.path) or data.path.startswith("."):
        raise InputError(f"{data.path}: no such folder or file; expected a folder of recordings, a manifest "
                         "or an id on the Hub")  # fmt: skip
    return read_hub(data.path, data.name, data.revision, data.audio)


def by_split(data: Data, source: Source) -> tuple[dict[str, Part], list[str]]:
    """Return the rows that meet the filters, by our split names ("" where the data has no splits), and notes.

    Raises:
        InputError: no row is left, or the splits have unknown names.
    """
    found = {}
    for name, part in source.parts.items():
        rows = rows_where(part.columns, data.where, data.path)
        found[name] = part if rows is None else part.take(rows)
    if not any(map(len, found.values())):
        if data.where:
            raise InputError(f"{data.path}: no row meets {' and '.join(data.where)}; check the filters")
        raise InputError(f"{data.path}: it contains no recordings; add some, or give another path")
    if len(found) == 1:
        found = _by_column(data, found)
    names = data.splits if data.splits is not None else {name: split_name(name) for name in found}
    absent = [name for name in data.splits or () if name not in found]
    if absent:
        there = ", ".join(filter(None, found)) or "none"
        raise InputError(f"{data.path}: no split {absent[0]!r}; the splits there are {there}: correct splits=…")
    ours: dict[str, list[Part]] = {}
    for name, part in found.items():
        if (split := names.get(name)) is not None:
            ours.setdefault(split, []).append(part)
    if not ours and len(found) == 1:
        return {"": next(iter(found.values()))}, []
    if not ours:
        raise InputError(f"{data.path}: splits {', '.join(found)} are not train, validation or test; map them "
                         "with splits={'NAME': 'train', …}")  # fmt: skip
    unused = [f"{name!r} ({len(part):,} rows)" for name, part in found.items() if names.get(name) is None]
    notes = [f"splits {', '.join(unused)} left out"] if unused else []
    return {name: join(ours[name]) for name in SPLITS if name in ours}, notes


def _by_column(data: Data, found: Mapping[str, Part]) -> dict[str, Part]:
    """Divide the rows by the column with their split, where there is one."""
    ((name, part),) = found.items()
    for column, cells in part.columns.items():
        if plain(column) not in SPLIT or column == data.target:
            continue
        values = sorted(set(map(as_text, cells)))
        known = set(data.splits or ()) | {value for value in values if split_name(value)}
        if known & set(values):
            rows = {value: [row for row, cell in enumerate(cells) if as_text(cell) == value] for value in values}
            return {value or "(empty)": part.take(chosen) for value, chosen in rows.items()}
    return {name: part}


def select_splits(data: Data, given: dict[str, Part], need: Sequence[str]) -> tuple[dict[str, Part], bool]:
    """Return the parts to use, and whether data without splits is used whole as the one split in `need`.

    `need` may omit train; it is returned anyway where other splits are made from it.

    Raises:
        InputError: a split is empty, or missing and cannot be made.
    """
    if "" in given:
        name = need[0] if len(need) == 1 else "train"
        return {name: given[""]}, len(need) == 1
    used = {name: part for name, part in given.items() if name in need}
    missing = [name for name in need if name not in given]
    if missing and ("train" in missing or "train" not in need):
        raise InputError(f"{data.path}: no {missing[0]} split; the splits there are {', '.join(given)}: ask for one of "
                         f"them, or rename one with splits={{'{next(iter(given))}': '{missing[0]}'}}")  # fmt: skip
    for name, part in used.items():
        if not len(part):
            why = f" that meets {' and '.join(data.where)}" if data.where else ""
            raise InputError(f"{data.path}: split {name!r} has no recording{why}; add some, or remove it")
    return used, False
