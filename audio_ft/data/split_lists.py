"""Splits that the makers of a data set give: one manifest a split, or lists of files as in Speech Commands."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from audio_ft.data.columns import SPLIT, among
from audio_ft.data.readers.text_files import lines_of, read_text
from audio_ft.data.readers.tree import Tree, by_ending, split_in, split_name
from audio_ft.data.rows import Rows, Source
from audio_ft.data.splits import first_five
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.targets.cells import as_text

# Rows that lists of training recordings leave out are in a split of this name, which is never used.
UNLISTED = "in no list"


def split_manifests(tree: Tree) -> dict[str, str]:
    """Return the manifests of splits (train.csv, dev.tsv, …), in the folder or in one without recordings inside it."""
    for folder in ("", *(name for name in tree.folders if "/" not in name and not tree.below(f"{name}/"))):
        tables = tree.tables(folder)
        if exact := {Path(path).stem: path for path in tables if split_name(Path(path).stem)}:
            return exact
        # Such as balanced_train_segments.csv and eval_segments.csv: one alone may be the list of a whole data set.
        containing = {Path(path).stem: path for path in tables if split_in(path)}
        if len({split_in(path) for path in containing.values()}) > 1:
            return containing
    return {}


def in_own_splits(source: Source, tables: Mapping[str, str], beside: Sequence[str]) -> Source:
    """Return rows of manifests of splits in our splits, or in those of a manifest's own column; name those `beside`.

    FSD50K's dev.csv has a column `split` that divides it into train and val.
    """
    splits, givers = list[str](), list[str]()
    for name, rows in source.rows.by_split().items():
        column = next((column for column in rows.columns if among(column, SPLIT) and _divides(rows, column)), None)
        if column is not None:
            splits += map(as_text, rows.columns[column])
            givers.append(f"column {column!r} of {tables[name]}")
        else:
            splits += [name if split_name(name) else split_in(name) or ""] * len(rows)
            givers.append(tables[name])
    plain = all(map(split_name, tables)) and givers == list(tables.values())
    unused = f"{first_five(beside)} beside {' and '.join(tables.values())} not used; give the path of one to use it"
    return replace(
        source,
        rows=source.rows.in_splits(splits),
        notes=(*source.notes, unused) if beside else source.notes,
        splits_from="" if plain else " and ".join(givers),
    )


def _divides(rows: Rows, column: str) -> bool:
    """Tell whether a column has several names of splits and nothing else."""
    names = set(map(as_text, rows.columns[column]))
    return len(names) > 1 and all(map(split_name, names))


def with_split_lists(tree: Tree, found: Source) -> Source:
    """Return the rows in the splits of validation_list.txt, testing_list.txt and the like; unlisted ones are train.

    Unlisted rows are left out where a list of training recordings exists. A list is not used where the data has splits
    of its own, or where it names no recording of the folder; a note says so.

    Raises:
        InputError: a recording is in the lists of two splits.
    """
    recordings = {os.path.splitext(path)[0] for path in tree.audio}
    lists = [path for path in tree.lists if os.path.splitext(path)[0] not in recordings]  # no twins of recordings
    if not lists:
        return found
    if found.rows.split_names != ("",):
        why = f"the splits are {', '.join(found.rows.split_names)}"
        return replace(found, notes=(*found.notes, f"{first_five(lists)} not used: {why}"))
    notes, used, unused = list[str](), list[str](), list[str]()
    places = by_ending(found.rows.keys)
    listed: dict[str, tuple[str, str]] = {}
    for path in lists:
        split = split_in(path) or ""
        lines = [line.strip() for line in lines_of(read_text(tree.root / path)) if line.strip()]
        keys = [_named(line, places) for line in lines]
        inside = [key for key in keys if key]
        if not inside:
            unused.append(path)
            continue
        for key in inside:
            other = listed.setdefault(key, (split, path))
            if other[0] != split:
                raise InputError(f"{tree.root}: {key} is in both {other[1]} and {path}; remove it from one of them")
        used.append(path)
        missing = [line for line, key in zip(lines, keys, strict=True) if not key]
        if missing:
            notes.append(f"{counted(len(missing), 'recording')} of {path} missing (first: {missing[0]})")
    if unused:
        notes.append(f"{first_five(unused)} not used: no recording of the folder is named there")
    found = replace(found, notes=(*found.notes, *notes))
    if not used:
        return found
    rest = UNLISTED if any(split == "train" for split, _ in listed.values()) else "train"
    splits = [listed[key][0] if key in listed else rest for key in found.rows.keys]
    said = " and ".join(used) + ("" if rest == UNLISTED else " (all others are train)")
    return replace(found, rows=found.rows.in_splits(splits), splits_from=said)


def _named(line: str, places: dict[str, str]) -> str:
    """Return the key of the recording that a line names, alone or before other words; "" where there is none."""
    path = line.replace("\\", "/").removeprefix("./")
    names = (path, path.split("\t")[0], path.split(",")[0], path.split(" ")[0])
    return next((key for name in names if (key := places.get(name.strip(), ""))), "")
