"""Slicing: what clips can be parted by, and into which parts, with names a person reads."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.data.columns import GROUP, among, plain
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.targets import Target

# A number with more values than these is parted into ranges.
MOST_VALUES = 8
RANGES = 4
# Columns of the table that say what a recording was like: what to call them, and their unit.
FACTS = {"seconds": ("duration", "s"), "level": ("loudness", "dBFS"), "snr": ("SNR", "dB"), "rate": ("rate", "Hz")}


@dataclass(frozen=True)
class Cut:
    """Choose a part of the clips: the `value` of a `column`; `by_target` where the truth itself decides."""

    column: str
    value: str
    chosen: NDArray[np.bool_]
    by_target: bool = False


def cuts(predictions: Predictions, least: int, columns: Sequence[str] | None = None) -> list[Cut]:
    """Return every part of at least `least` clips that leaves as many others, column by column.

    A column that parts the clips just as an earlier one does is left out: the same slice twice is one slice.

    Raises:
        InputError: one of `columns` is not there; lists those that are.
    """
    known = list(_columns(predictions, least))
    check_columns(columns or (), [name for name, _, _ in known])
    found: list[Cut] = []
    seen: set[bytes] = set()
    for column, names, by_target in known:
        parting = _parting(names)
        if parting in seen or (columns is not None and column not in columns):
            continue
        seen.add(parting)
        for value, count in Counter(name for name in names if name is not None).items():
            if least <= count <= len(names) - least:
                found.append(Cut(column, value, np.asarray([name == value for name in names]), by_target))
    return found


def known_columns(target: Target, groups: Iterable[str | None], metas: Iterable[str | None]) -> list[str]:
    """Return what clips can be sliced by, before anything is predicted: see `cuts`.

    `groups` and `metas` hold a group and the other columns (JSON) for each clip.
    """
    own = [target.slice_name] if target.slice_name else []
    grouped = ["group"] if any(group is not None for group in groups) else []
    return [*own, *grouped, *_meta({"meta": metas}), *(name for name, _ in FACTS.values())]


def check_columns(columns: Iterable[str], there: Sequence[str]) -> None:
    """Refuse a column that is not there.

    Raises:
        InputError: lists those that are.
    """
    for column in columns:
        if column not in there:
            raise InputError(f"the clips have no column {column!r} to slice by; there are {', '.join(there)}.")


def _parting(names: Sequence[str | None]) -> bytes:
    """Return what is the same for two columns that part the clips alike, whatever the parts are called."""
    numbers: dict[str | None, int] = {}
    return np.asarray([numbers.setdefault(name, len(numbers)) for name in names]).tobytes()


def _columns(predictions: Predictions, least: int) -> Iterator[tuple[str, list[str | None], bool]]:
    """Yield each column with the part that each clip falls in, None for none."""
    table = predictions.table
    if predictions.target.slice_name:
        values = predictions.target.slice_values(table)
        names = values if values and isinstance(values[0], str) else ranges(values, "", least)
        yield predictions.target.slice_name, names, True
    if predictions.groups:
        yield "group", list(predictions.groups), False
    for column, values in _meta(table).items():
        yield column, _named(column, values, least), False
    for column, (name, unit) in FACTS.items():
        if column in table:
            values = [None if value is None or value != value else float(value) for value in table[column]]
            yield name, _rates(values, least) if column == "rate" else ranges(values, unit, least), False


def _meta(table: Any) -> dict[str, list[Any]]:
    """Return the other columns of the data, by name, one value a clip."""
    if "meta" not in table:
        return {}
    rows = [json.loads(text) if isinstance(text, str) and text else {} for text in table["meta"]]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _named(column: str, values: Sequence[Any], least: int) -> list[str | None]:
    """Return the parts of a column of the data: its values, or ranges where they are many numbers."""
    numbers = [_number(value) for value in values]
    given = [number for value, number in zip(values, numbers, strict=True) if value not in (None, "")]
    identifies = among(column, GROUP) or plain(column).endswith("id")
    if given and None not in given and len(set(given)) > MOST_VALUES and not identifies:
        return ranges(numbers, "", least)
    return [None if value is None or value == "" else str(value) for value in values]


def _number(value: Any) -> float | None:
    """Return a value as a finite number; text such as "03" is a name and none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and value.lstrip("-+") != "0" and value.lstrip("-+").startswith("0") and "." not in value:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _rates(values: Sequence[float | None], least: int) -> list[str | None]:
    """Return rates of origin by value, as "44.1 kHz", or as ranges where there are many."""
    if len(set(values)) > MOST_VALUES:
        return ranges([None if value is None else value / 1000 for value in values], "kHz", least)
    return [None if value is None else f"{value / 1000:g} kHz" for value in values]


def ranges(values: Sequence[float | None], unit: str, least: int) -> list[str | None]:
    """Return for each number the name of its range, "1.2–3.4 s"; the ranges hold about equally many clips."""
    present = np.asarray([value for value in values if value is not None], np.float64)
    count = min(RANGES, len(present) // least)
    if count < 2:
        return [None] * len(values)
    inner = np.unique(np.quantile(present, np.linspace(0, 1, count + 1)[1:-1], method="higher"))
    # A range holds what is below its upper edge, so that many equal values stay together.
    places = [None if value is None else int(np.searchsorted(inner, value, side="right")) for value in values]
    inside = [present[np.searchsorted(inner, present, side="right") == place] for place in range(len(inner) + 1)]
    names = [_range_name(part, unit) if len(part) else "" for part in inside]
    return [None if place is None else names[place] for place in places]


def _range_name(part: NDArray[np.float64], unit: str) -> str:
    """Return "1.2–3.4 s", with " to " between numbers below zero."""
    low, high = f"{part.min():.3g}", f"{part.max():.3g}"
    if low == high:
        return f"{low} {unit}".strip()
    return f"{low}{' to ' if part.min() < 0 else '–'}{high} {unit}".strip()
