"""Rows that are channels of recordings: "A" and "B", "left" and "right", or numbers from 0 or 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from audio_ft.data.columns import named
from audio_ft.data.parts.units import Recordings
from audio_ft.errors import InputError
from audio_ft.targets.cells import as_text, missing

_SIDES = {"a": 0, "b": 1, "l": 0, "r": 1, "left": 0, "right": 1}
_OTHER = -1


def channels_of(
    columns: Mapping[str, Sequence[Any]], found: Sequence[str], setting: str | None, recordings: Recordings, path: str
) -> tuple[list[int | None], list[str]]:
    """Return the channel of each row, counted from 0 (None: all channels), and notes.

    `found` are columns whose names say that they hold channels; a `setting` names one, with the number of the first
    channel if need be ("channel:1").

    Raises:
        InputError: the setting names no column of channels, or it is unclear which channel 1 is.
    """
    everything: list[int | None] = [None] * len(recordings.of)
    if not setting and len(found) != 1:
        return everything, []
    column, _, base = (setting or found[0], "", "")
    if column not in columns and column[-2:] in (":0", ":1"):
        column, base = column[:-2], column[-1]
    numbers = [_number(cell) for cell in columns[named(columns, column, path)]]
    known = set(numbers) - {None}
    if not known or _OTHER in known:
        if setting:
            raise InputError(f"{path}: column {column!r} (channel=) holds no channels; expected numbers, A and B, or "
                             "left and right")  # fmt: skip
        return everything, []
    counts = [info.channels if (info := recordings.info(row)) else 1 for row in range(len(numbers))]
    if max(counts) == 1 and not setting:
        return everything, []  # there is nothing to choose
    letters = any(as_text(cell).strip().lower() in _SIDES for cell in columns[column])
    if known == {1} and not base and not letters:
        raise InputError(f"{path}: column {column!r} is 1 in all rows, which may be the first channel or the second; "
                         f"set channel='{column}:1' (1 is the first) or '{column}:0', or '' for all")  # fmt: skip
    first = int(base) if base else 0 if letters or 0 in known else 1
    chosen = [None if number is None or count == 1 else number - first
              for number, count in zip(numbers, counts, strict=True)]  # fmt: skip
    outside = next((row for row, one in enumerate(chosen) if one is not None and not 0 <= one < counts[row]), None)
    if outside is not None:
        said = f"{numbers[outside]} is not a channel of a file with {counts[outside]} channels"
        if setting:
            raise InputError(f"{path}: column {column!r}, row {outside + 1}: {said}; correct it, or set channel=''")
        return everything, [f"column {column!r} is not used: {said}"]
    return chosen, [f"channels of files: from column {column!r}" + ("" if letters else f", {first} is the first")]


def _number(cell: Any) -> int | None:
    """Return the number in a cell, None for a gap, `_OTHER` for anything else."""
    if missing(cell):
        return None
    text = as_text(cell).strip().lower()
    number = _SIDES.get(text, int(text) if text.isdecimal() and len(text) < 4 else _OTHER)
    return number
