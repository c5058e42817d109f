"""Cells that hold events: a label whose times are in other columns, or lists of events, also as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from audio_ft.errors import InputError
from audio_ft.formatting import why_not_parsed
from audio_ft.targets.cells import as_text, missing
from audio_ft.targets.separators import pieces

# The names that data sets give the parts of an event, without case.
_ONSET = ("onset", "start", "begin", "start_time", "xmin")
_OFFSET = ("offset", "end", "stop", "end_time", "xmax")
_LABEL = ("label", "event_label", "event", "class", "name", "text", "category")


def events_of(cell: Any, source: str, key: str, separator: str = "") -> list[dict[str, Any]]:
    """Return the events of a cell: {onset, offset, label}, where a label alone has None for its times.

    A cell is a label (several with a `separator`), a list of tables, a table of lists, or one of these as JSON.

    Raises:
        InputError: an event lacks a part, or ends before it begins.
    """
    if missing(cell):
        return []
    if isinstance(cell, str) and cell.lstrip()[:2] in ("[", "[]", "[{", '{"'):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError) as error:
            why = why_not_parsed(error)
            raise InputError(f"{source}: the events of {key} are not JSON ({why}); correct the cell") from error
    if isinstance(cell, Mapping):
        cell = _rows(cell, source, key)
    if isinstance(cell, Sequence) and not isinstance(cell, str | bytes):
        return [_event(one, source, key) for one in cell]
    labels = pieces(as_text(cell), separator) if separator else [as_text(cell).strip()]
    return [{"onset": None, "offset": None, "label": label} for label in labels]


def _rows(cell: Mapping[str, Any], source: str, key: str) -> list[dict[str, Any]]:
    """Return a table of lists as a list of tables."""
    sides = [list(side) if isinstance(side, Sequence) and not isinstance(side, str) else [side]
             for side in cell.values()]  # fmt: skip
    if len(set(map(len, sides))) > 1:
        raise InputError(f"{source}: the lists of the events of {key} have different lengths; correct the cell")
    return [dict(zip(cell, values, strict=True)) for values in zip(*sides, strict=True)]


def _event(one: Any, source: str, key: str) -> dict[str, Any]:
    """Return one event of a list."""
    parts = {str(name).lower(): value for name, value in one.items()} if isinstance(one, Mapping) else {}
    onset, offset, label = (
        next((parts[name] for name in names if not missing(parts.get(name))), None)
        for names in (_ONSET, _OFFSET, _LABEL)
    )
    if onset is None or offset is None or label is None:
        raise InputError(
            f"{source}: expected an event with onset, offset and label in the events of {key}, got {one!r:.80}; "
            "correct the cell"
        )
    return checked(onset, offset, as_text(label).strip(), source, key)


def checked(onset: Any, offset: Any, label: str, source: str, key: str) -> dict[str, Any]:
    """Return an event whose times (s) are numbers in order.

    Raises:
        InputError: they are not.
    """
    try:
        start, stop = float(onset), float(offset)
    except (TypeError, ValueError):
        start = stop = math.nan
    if not 0 <= start < stop < math.inf:
        raise InputError(
            f"{source}: an event of {key} lasts from {onset} to {offset} s; expected two numbers of seconds, the end "
            "after the start; correct them"
        )
    return {"onset": start, "offset": stop, "label": label}
