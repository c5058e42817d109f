"""Several columns for one target: a column of yes and no for each label (one-hot), or label_0, label_1 and so on."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from audio_ft.data.parts.rows import gives_part
from audio_ft.data.rows import Columns
from audio_ft.data.table.columns import AUDIO, GROUP, SPLIT, among, named
from audio_ft.errors import InputError
from audio_ft.targets.cells import as_text, missing
from audio_ft.targets.lists import listed

# What stands for no and for yes.
_NO = frozenset(("0", "0.0", "false", "f", "no", "n", "-", "-1", "nein", "non"))
_YES = frozenset(("1", "1.0", "true", "t", "yes", "y", "x", "\u2713", "\u2714", "\u2611", "ja", "oui", "si", "s\u00ed"))
# label_0, label_1: columns with one of several labels each.
_NUMBERED = re.compile(r"(?:labels?|class(?:es)?|tags?|categor(?:y|ies)|targets?|events?)[ _.-]?\d+", re.IGNORECASE)


def chosen_columns(names: Sequence[str], target: str, source: str) -> list[str]:
    """Return the columns that a target names: one, several separated by commas, or those that match "label_*".

    Raises:
        InputError: a column does not exist, or none matches.
    """
    if target in names:
        return [target]
    found: list[str] = []
    for part in filter(None, map(str.strip, target.split(","))):
        match = [name for name in names if fnmatchcase(name, part)] if any(sign in part for sign in "*?[") else []
        found += match or [named(names, part, source)]
    return list(dict.fromkeys(found)) or [named(names, target, source)]


def found_columns(columns: Mapping[str, Sequence[Any]], audio: str) -> list[str]:
    """Return the columns of yes and no, or of numbered labels, if there are several; none with another use by name."""
    used = (*AUDIO, GROUP, SPLIT)
    names = [
        name
        for name, cells in columns.items()
        if name != audio and not (among(name, *used) or gives_part(name)) and any(not missing(cell) for cell in cells)
    ]
    numbered = [name for name in names if _NUMBERED.fullmatch(name)]
    if len(numbered) > 1 and not _marks(columns, numbered):
        return numbered
    marked = [name for name in names if _marks(columns, (name,))]
    return marked if len(marked) > 1 and _marks(columns, marked) else []


def labels_of(columns: Columns, names: Sequence[str], source: str) -> tuple[Columns, str, str]:
    """Return the columns with one of labels in the place of several, its name, and how they were read.

    The cells are lists of the columns with a yes, or of the labels in columns that hold names; names, if each row has
    exactly one; None where a cell of yes and no is empty, unless a blank is the only way in which no is written.

    Raises:
        InputError: some columns hold yes and no, and a cell of another is something else.
    """
    marks = _marks(columns, names)
    shown = ", ".join(names) if len(names) < 7 else f"{', '.join(names[:5])} … {names[-1]}"
    if marks is not None:
        how = f", from {len(names)} columns of {marks} ({shown}){_groups(columns, names)}"
        cells: list[Any] = [
            None if None in row else [name for name, value in zip(names, row, strict=True) if value]
            for row in zip(*(_values(columns[name], blank="blank" in marks) for name in names), strict=True)
        ]
    else:
        _refuse_mixed(columns, names, source)
        how = f", from {len(names)} columns of labels ({shown})"
        each = [_lists(columns[name]) for name in names]
        cells = [list(dict.fromkeys(label for own in row for label in own)) for row in zip(*each, strict=True)]
    if all(cell is None or len(cell) == 1 for cell in cells):
        cells = [cell and cell[0] for cell in cells]
    others = {name: own for name, own in columns.items() if name not in names}
    column = "labels" if "labels" not in others else "labels of " + ", ".join(names)
    return {**others, column: cells}, column, how


def _marks(columns: Mapping[str, Sequence[Any]], names: Sequence[str]) -> str | None:
    """Return how columns write no and yes, "0 and 1" or "blank and x"; None where they hold something else."""
    found = Counter(_mark(cell) for name in names for cell in columns[name])
    no, yes = [one for one in found if one in _NO], [one for one in found if one in _YES]
    # -1 is no, unless there is also 0: then it means that nobody knows.
    if set(found) - {""} - _NO - _YES or ("-1" in no and len(no) > 1) or not found.keys() - {""}:
        return None
    if no:
        return f"{' or '.join(sorted(no))} and {' or '.join(sorted(yes)) or '1'}"
    return f"blank and {' or '.join(sorted(yes))}" if "" in found else "1" if yes else None


def _values(cells: Sequence[Any], *, blank: bool) -> list[bool | None]:
    """Return the cells of a column of yes and no; None where one is empty and that does not mean no."""
    return [mark in _YES if mark or blank else None for mark in map(_mark, cells)]


def _mark(cell: Any) -> str:
    text = as_text(cell).strip().lower()
    return {"0.0": "0", "1.0": "1"}.get(text, text)


def _groups(columns: Columns, names: Sequence[str]) -> str:
    """Return a hint where names begin with several words, of each of which every row has one: emotion_, gender_."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[re.split(r"[_.:/ -]", name)[0]].append(name)
    if len(groups) < 2 or any(len(group) < 2 for group in groups.values()):
        return ""
    for group in groups.values():
        rows = zip(*(_values(columns[name], blank=True) for name in group), strict=True)
        if any(sum(map(bool, row)) != 1 for row in rows):
            return ""
    first = next(iter(groups))
    return f"; they are {len(groups)} questions with one answer each, and data.target={first}* reads one of them"


def _lists(cells: Sequence[Any]) -> list[list[str]]:
    """Return the labels of each cell of a column of labels, which may hold lists."""
    found = listed(cells)
    read = found[0] if found else [[] if missing(cell) else [cell] for cell in cells]
    return [[as_text(one).strip() for one in cell] if isinstance(cell, list) else [] for cell in read]


def _refuse_mixed(columns: Columns, names: Sequence[str], source: str) -> None:
    marked = [name for name in names if _marks(columns, (name,))]
    for name in names if marked else ():
        known = _NO | _YES | {""}
        if other := next((cell for cell in columns[name] if _mark(cell) not in known), None):
            raise InputError(
                f"{source}: as one of several columns for labels, {name!r} holds 0 and 1, and it has {other!r}; leave "
                "it out of data.target"
            )
