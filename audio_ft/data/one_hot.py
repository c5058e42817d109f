"""One-hot columns: a table with one column of zeros and ones for each label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from audio_ft.data.columns import AUDIO, GROUP, SPLIT, among, named
from audio_ft.data.parts.rows import gives_part
from audio_ft.data.rows import Columns
from audio_ft.errors import InputError
from audio_ft.targets.cells import as_text, missing

_VALUES = {"0": False, "1": True, "0.0": False, "1.0": True, "false": False, "true": True}


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
    """Return the columns of zeros and ones, if there are several; none that has another use by its name."""
    used = (*AUDIO, GROUP, SPLIT)
    names = [
        name
        for name, cells in columns.items()
        if name != audio
        and not (among(name, *used) or gives_part(name))
        and _binary(cells)
        and any(not missing(cell) for cell in cells)
    ]
    return names if len(names) > 1 else []


def labels_of(columns: Columns, names: Sequence[str], source: str) -> tuple[Columns, str, str]:
    """Return the columns with one of labels in the place of one-hot columns, its name, and how they were read.

    The cells are lists of the columns with a one; names, if each row has exactly one; None where a cell is empty.

    Raises:
        InputError: a cell is something else than zero, one, true or false.
    """
    for name in names:
        if not _binary(columns[name]):
            other = next(cell for cell in columns[name] if not missing(cell) and _value(cell) is None)
            raise InputError(
                f"{source}: as one of several columns for labels, {name!r} holds 0 and 1, and it has {other!r}; leave "
                "it out of data.target"
            )
    rows = list(zip(*(columns[name] for name in names), strict=True))
    cells: list[Any] = [
        None if any(map(missing, row)) else [name for name, cell in zip(names, row, strict=True) if _value(cell)]
        for row in rows
    ]
    if all(cell is None or len(cell) == 1 for cell in cells):
        cells = [cell and cell[0] for cell in cells]
    others = {name: own for name, own in columns.items() if name not in names}
    column = "labels" if "labels" not in others else "labels of " + ", ".join(names)
    shown = ", ".join(names) if len(names) < 7 else f"{', '.join(names[:5])} … {names[-1]}"
    return {**others, column: cells}, column, f", from {len(names)} columns of 0 and 1 ({shown})"


def _binary(cells: Sequence[Any]) -> bool:
    return all(missing(cell) or _value(cell) is not None for cell in cells)


def _value(cell: Any) -> bool | None:
    """Return a cell of a one-hot column as true or false; None where it is neither."""
    return _VALUES.get(as_text(cell).strip().lower())
