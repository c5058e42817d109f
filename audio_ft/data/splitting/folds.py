"""Folds: which rows are tested together, by a column that the data has, by group, or made here."""

from __future__ import annotations

from dataclasses import replace

from audio_ft.data.parts.same_recording import inseparable
from audio_ft.data.rows import Columns, Rows
from audio_ft.data.spec import Data
from audio_ft.data.splitting import splits
from audio_ft.data.table.columns import among, named
from audio_ft.errors import InputError
from audio_ft.formatting import counted, first_five
from audio_ft.targets import Target
from audio_ft.targets.cells import as_text, sorted_names

FOLD = ("fold", "folds", "fold_id", "cv_fold", "kfold")


def uses_folds(data: Data) -> bool:
    """Tell whether folds take the place of splits."""
    return data.folds is not None or data.test_fold is not None


def fold_column(columns: Columns) -> str | None:
    """Return the column whose name and cells say that it has folds."""
    return next((name for name, cells in columns.items() if among(name, FOLD) and len(set(cells)) > 1), None)


def unused_folds(columns: Columns) -> list[str]:
    """Name a column of folds that splits made here do not use."""
    column = fold_column(columns)
    if column is None:
        return []
    names = sorted_names(map(as_text, columns[column]))
    return [
        f"column {column!r} ({counted(len(names), 'fold')}) not used: data.folds={column} trains and tests by all of "
        f"them, data.test_fold={names[-1]} tests on one"
    ]


def in_folds(data: Data, rows: Rows, kind: type[Target], group: str | None) -> tuple[Rows, tuple[str, ...], str]:
    """Return the rows with the test fold as test and all others as train, the names of the folds, and what gave them.

    Without `test_fold`, the first fold is tested.

    Raises:
        InputError: there is no such column or fold, a row has none, or there is only one.
    """
    own, giver = _folds(data, rows, kind, group)
    if gaps := own.count(""):
        raise InputError(f"{data.path}: {counted(gaps, 'row')} without {giver} (first: {rows.keys[own.index('')]}); "
                         "fill them in or filter them out with where")  # fmt: skip
    names = sorted_names(own)
    if len(names) < 2:
        raise InputError(f"{data.path}: {giver} has only one value, {names[0]!r}; folds need two or more")
    chosen = names[0] if data.test_fold is None else as_text(data.test_fold)
    if chosen not in names:
        raise InputError(f"data.test_fold: expected one of {first_five(names)}, got {chosen!r}")
    assigned = ["test" if name == chosen else "train" for name in own]
    return replace(rows, splits=assigned, split_names=("train", "test")), names, f"fold {chosen} of {giver}"


def _folds(data: Data, rows: Rows, kind: type[Target], group: str | None) -> tuple[list[str], str]:
    """Return the fold of each row, and where it comes from."""
    if isinstance(data.folds, int):
        # One recording may have parts of several groups.
        groups = inseparable(rows, data.together or (), group)[0] or None
        placed = splits.folds(rows.targets, groups, data.folds, seed=data.seed, target=kind, keys=rows.keys,
                              by=group or "group")  # fmt: skip
        apart = f" disjoint by {group}" if group else ""
        return [str(number + 1) for number in placed], f"{data.folds} folds made here{apart}"
    column = fold_column(rows.columns) if data.folds is None else data.folds
    if column is None:
        raise InputError(f"{data.path}: no column of folds for data.test_fold; name it with data.folds=COLUMN")
    by_names = group is not None and column not in rows.columns and group.split(",")[0] == column
    if column == group or by_names:
        return [own or "" for own in rows.groups], f"column {column!r}" if column == group else group or ""
    return list(map(as_text, rows.columns[named(rows.columns, column, data.path)])), f"column {column!r}"
