"""Read the column of targets: which kind it is, which rows have none, and in one sentence how it was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from audio_ft.data.rows import Rows, Source
from audio_ft.data.spec import Data
from audio_ft.errors import InputError
from audio_ft.formatting import first_five
from audio_ft.settings.rules import shown
from audio_ft.targets import Labels, Target, target_class
from audio_ft.targets.reading import Form, Reading, gap_note, without_gaps


def read_targets(
    rows: Rows,
    column: str,
    data: Data,
    wanted: Sequence[type[Target]],
    source: Source,
    known: Target | None = None,
    how: str = "",
) -> tuple[Rows, type[Target], str, list[str]]:
    """Return the rows that have a target, with it, its kind, how it was read, and notes.

    `wanted` are the kinds to try, in order; `known` is a model's target. `how` says that the column was made of
    one-hot columns, whose names are not split.

    Raises:
        InputError: a cell is not of the kind, or a split has no target at all.
    """
    place = f"{data.path}{' where ' + ' and '.join(data.where) if data.where else ''}, column {column!r}"
    cells = rows.columns[column]
    form = form_of(column, data, source, known, whole=bool(how))
    # "nan" and "none" may be spoken.
    as_they_are = form.as_written or (wanted[-1].by_words and form.gaps is None)
    filled, note = (list(cells), "") if as_they_are else without_gaps(cells, form)
    kinds = kinds_of(data, wanted, source.kind, folders=form.as_written and not source.kind)
    how = how or (", from names of folders or files" if form.as_written and not source.kind else "")
    kind, reading = _first(kinds, filled, form, by_words=wanted[-1].by_words)
    empty = [row for row, cell in enumerate(reading.cells) if kind.empty(cell)]
    if empty and _lost(rows, empty):
        kind.parse([reading.cells[row] for row in empty], place, [rows.keys[row] for row in empty])
    kept = sorted(set(range(len(rows))) - set(empty))
    left = rows.take(kept) if empty else rows
    targets = kind.parse([reading.cells[row] for row in kept], place, left.keys)
    notes = [gap_note(cells, empty, rows.keys, classes=bool(kind.names_in(targets)))] if empty else []
    left = replace(left, targets=targets)
    return left, kind, f"{kind.counted(targets)}{how or reading.how}{note}", notes


def form_of(column: str, data: Data, source: Source, known: Target | None, *, whole: bool) -> Form:
    """Return what is known of a column before it is read; `whole`: its cells are whole names."""
    names = known.names if known else ()
    if data.target is None and source.target is not None and (source.kind or source.chain is None) and not source.parts:
        # `audio-ft prepare` excludes gaps, and separates several labels by ";".
        separator = ";" if source.kind == Labels.kind else ""
        return Form(column, separator, (), names, forced=bool(source.kind), as_written=True)
    forced = known is not None or data.kind is not None
    return Form(column, "" if whole else data.separator, data.gaps, names, forced)


def kinds_of(data: Data, wanted: Sequence[type[Target]], recorded: str, *, folders: bool) -> Sequence[type[Target]]:
    """Return the kinds to try: the one that is set or recorded, and for folders a label.

    Raises:
        InputError: the task does not predict the kind that is set.
    """
    chosen = data.kind or recorded or (Labels.kind if data.separator and Labels in wanted else "")
    if not chosen:
        return wanted[-1:] if folders else wanted
    kind = target_class(chosen)
    if kind not in wanted and data.kind:
        able = ", ".join(one.kind for one in wanted)
        raise InputError(f"data.kind: expected one of {able} for this task or model, got {shown(data.kind)}")
    return (kind,) if kind in wanted else wanted


def _first(
    kinds: Sequence[type[Target]], cells: Sequence[Any], form: Form, *, by_words: bool
) -> tuple[type[Target], Reading]:
    """Return the first kind that the cells are of; the last one takes any."""
    alone = replace(form, forced=form.forced or (len(kinds) == 1 and not by_words and not form.as_written))
    for kind in kinds[:-1]:
        if reading := kind.read(cells, form):
            return kind, reading
    return kinds[-1], kinds[-1].read(cells, alone) or Reading(cells)


def _lost(rows: Rows, empty: Sequence[int]) -> bool:
    """Return whether a split has no row with a target."""
    without = set(empty)
    return len({split for row, split in enumerate(rows.splits) if row not in without}) < len(set(rows.splits))


def refuse_unknown(names: Sequence[str], known: Target) -> None:
    """Refuse labels that a model does not know.

    Raises:
        InputError: there are such labels.
    """
    unknown = [name for name in names if known.names and name not in known.names]
    if unknown:
        raise InputError(
            f"labels {first_five(list(map(repr, unknown)))} are unknown to the model, which knows "
            f"{first_five(list(map(repr, known.names)))}; rename them or filter them out with where"
        )
