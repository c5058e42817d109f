"""Splits that the makers of a data set give: one manifest a split, or lists of files as in Speech Commands."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from audio_ft.data.readers.text_files import lines_of, read_text
from audio_ft.data.readers.tree import Tree, by_ending, split_in, split_name
from audio_ft.data.rows import Rows, Source
from audio_ft.data.table.columns import SPLIT, among
from audio_ft.errors import InputError
from audio_ft.formatting import counted, first_five
from audio_ft.targets.cells import as_text

# Rows that lists of training recordings leave out are in a split of this name, which is never used.
UNLISTED = "in no list"
# "1 id10001/1zcIwhmdeo4/00001.wav", 1 being train, 2 validation and 3 test.
_NUMBERED = re.compile(r"[123]\s+\S")
_SPLIT_OF = {"1": "train", "2": "validation", "3": "test"}
_FOLD = re.compile(r"fold[_-]?(\d+)", re.IGNORECASE)


def split_manifests(tree: Tree) -> dict[str, str]:
    """Return the manifests of splits (train.csv, dev.tsv, …), in the folder or in one without recordings inside it.

    NSynth has one in each of the folders nsynth-train, nsynth-valid and nsynth-test.
    """
    inside = sorted((name for name in tree.folders if not tree.below(f"{name}/")), key=lambda name: name.count("/"))
    for folder in ("", *inside):
        tables = tree.tables(folder)
        if exact := {Path(path).stem: path for path in tables if split_name(Path(path).stem)}:
            return exact
        # Such as balanced_train_segments.csv and eval_segments.csv: one alone may be the list of a whole data set.
        containing = {Path(path).stem: path for path in tables if split_in(path)}
        if len({split_in(path) for path in containing.values()}) > 1:
            return containing
    each = {name: tree.tables(f"{name}/") for name in tree.children()}
    if len(set(map(split_in, each))) == len(each) > 1 and all(split_in(name) and len(each[name]) == 1 for name in each):
        return {name: found[0] for name, found in each.items()}
    return {}


def in_own_splits(source: Source, tables: Mapping[str, str]) -> Source:
    """Return rows of manifests of splits in our splits, or in those of a manifest's own column.

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
    return replace(
        source,
        rows=source.rows.in_splits(splits),
        splits_from="" if plain else " and ".join(givers),
    )


def _divides(rows: Rows, column: str) -> bool:
    """Tell whether a column has several names of splits and nothing else."""
    names = set(map(as_text, rows.columns[column]))
    return len(names) > 1 and all(map(split_name, names))


def with_split_lists(tree: Tree, found: Source) -> Source:
    """Return the rows in the splits of validation_list.txt, testing_list.txt and the like; unlisted ones are train.

    Unlisted rows are left out where a list of training recordings exists. VoxCeleb's iden_split.txt has the number of
    the split before each recording; lists of several folds (fold1_test.csv) become a column of folds. A list is not
    used where the data has splits of its own, or where it names no recording of the folder; a note says so.

    Raises:
        InputError: a recording is in the lists of two splits.
    """
    recordings = {os.path.splitext(path)[0] for path in tree.audio}
    lists = [path for path in tree.lists if os.path.splitext(path)[0] not in recordings]  # no twins of recordings
    given = found.rows.split_names != ("",)
    if found.files and not given:
        lists += [path for path in tree.manifests if split_in(path) and path.endswith((".csv", ".tsv"))
                  and str(tree.root / path) not in found.files]  # fmt: skip
    lists += [path for path in tree.texts if "split" in os.path.basename(path).lower() and _is_numbered(tree, path)]
    if not lists:
        return found
    if given:
        why = f"the splits are {', '.join(found.rows.split_names)}"
        return replace(found, notes=(*found.notes, f"{first_five(lists)} not used: {why}"))
    places = by_ending(found.rows.keys)
    entries = {path: _entries(tree, path, places) for path in lists}
    used, notes = _usable(entries)
    files = found.files | {str(tree.root / path) for path in lists}
    found = replace(found, notes=(*found.notes, *notes), files=files)
    if not used:
        return found
    if len({_fold(path) for path in used} - {""}) > 1:
        return _in_folds(found, used)
    return _in_splits(tree, found, used)


# The split of each line, the line, and the key of the recording that it names, "" for one that is not there.
_Entries = list[tuple[str, str, str]]


def _is_numbered(tree: Tree, path: str) -> bool:
    """Tell whether lines begin with the number of a split, as in VoxCeleb's iden_split.txt."""
    first = [line for line in lines_of(read_text(tree.root / path))[:20] if line.strip()]
    return bool(first) and all(_NUMBERED.match(line) for line in first)


def _entries(tree: Tree, path: str, places: dict[str, str]) -> _Entries | None:
    """Return the lines of a list; None where they are pairs of recordings."""
    lines = [line.strip() for line in lines_of(read_text(tree.root / path)) if line.strip()]
    if "split" in os.path.basename(path).lower() and all(map(_NUMBERED.match, lines)):
        return [(_SPLIT_OF[line[0]], line, _named(line[1:].strip(), places)) for line in lines]
    if lines and all(sum(bool(places.get(word)) for word in line.split()) > 1 for line in lines[:20]):
        return None
    split = split_in(path) or ""
    entries = [(split, line, _named(line, places)) for line in lines]
    # A table has a header.
    return entries[1:] if entries and path.endswith((".csv", ".tsv")) and not entries[0][2] else entries


def _usable(entries: Mapping[str, _Entries | None]) -> tuple[dict[str, _Entries], list[str]]:
    """Return the lists that name recordings of the folder, and notes on the others and on missing recordings."""
    used = {path: own for path, own in entries.items() if own and any(key for _, _, key in own)}
    pairs = [path for path, own in entries.items() if own is None]
    elsewhere = [path for path, own in entries.items() if own is not None and path not in used]
    notes = []
    for path, own in used.items():
        if missing := [line for _, line, key in own if not key]:
            notes.append(f"{counted(len(missing), 'recording')} of {path} missing (first: {missing[0]})")
    if elsewhere:
        notes.append(f"{first_five(elsewhere)} not used: no recording of the folder is named there")
    if pairs:
        notes.append(f"{first_five(pairs)} not used: each line is a pair of recordings")
    return used, notes


def _in_splits(tree: Tree, found: Source, used: Mapping[str, _Entries]) -> Source:
    """Return the rows in the splits that lists give them."""
    listed: dict[str, tuple[str, str]] = {}
    for path, own in used.items():
        for split, _, key in own:
            other = listed.setdefault(key, (split, path)) if key else (split, path)
            if other[0] != split:
                raise InputError(f"{tree.root}: {key} is in both {other[1]} and {path}; remove it from one of them")
    rest = UNLISTED if any(split == "train" for split, _ in listed.values()) else "train"
    splits = [listed[key][0] if key in listed else rest for key in found.rows.keys]
    said = " and ".join(used) + ("" if rest == UNLISTED else " (all others are train)")
    return replace(found, rows=found.rows.in_splits(splits), splits_from=said)


def _in_folds(found: Source, used: Mapping[str, _Entries]) -> Source:
    """Return the rows with a column of the fold in whose test list each is."""
    of = {key: _fold(path) for path, own in used.items() for split, _, key in own if key and split == "test"}
    folds = [of.get(key, "") for key in found.rows.keys]
    note = f"column 'fold' is read from the test lists of the folds ({first_five(sorted(used))})"
    columns = found.rows.columns | {"fold": folds}
    return replace(found, rows=replace(found.rows, columns=columns), notes=(*found.notes, note))


def _fold(path: str) -> str:
    """Return the number of the fold that a list is of, "" for none."""
    match = _FOLD.search(os.path.basename(path))
    return match[1] if match else ""


def _named(line: str, places: dict[str, str]) -> str:
    """Return the key of the recording that a line names, alone or before other words; "" where there is none."""
    path = line.replace("\\", "/").removeprefix("./")
    names = (path, path.split("\t")[0], path.split(",")[0], path.split(" ")[0])
    return next((key for name in names if (key := places.get(name.strip(), ""))), "")
