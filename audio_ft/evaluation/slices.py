"""Slices: the headline score of every class, group, value of a column and range of duration, loudness and noise."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.data.table.columns import GROUP, among, plain
from audio_ft.errors import InputError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.metrics import Score, direction
from audio_ft.targets import Target

# A smaller slice says next to nothing: 10 of 10 right is [0.72, 1].
LEAST_CLIPS = 10
# Only the spread of the replicates is used, and 400 give it within 4 %.
RESAMPLES = 400
# Numbers with more different values than this are divided into ranges.
MOST_VALUES = 8
RANGES = 4
# Columns of the table that describe a recording: their name in slices, and their unit.
FACTS = {"seconds": ("duration", "s"), "level": ("loudness", "dBFS"), "snr": ("SNR", "dB"), "rate": ("rate", "kHz")}


@dataclass(frozen=True)
class Slice:
    """Hold the scores of one slice of the clips.

    Attributes:
        column: what the clips are sliced by: "class", "group", a column of the data, "duration", "loudness", …
        value: the value, or the range with its unit.
        n: clips in it.
        scores: its scores with 95 % intervals, the headline first.
        rest: the headline of all other clips.
        difference: headline of the slice less that of the rest, with an interval that holds for all slices at once.
        stands_out: whether the slice is worse than the rest by more than chance explains among so many slices.
    """

    column: str
    value: str
    n: int
    scores: Mapping[str, Score]
    rest: Score
    difference: Score
    stands_out: bool

    @property
    def headline(self) -> Score:
        """Return the score by which slices are compared."""
        return next(iter(self.scores.values()))


def slices(predictions: Predictions, columns: Sequence[str] | None = None, *, least: int = LEAST_CLIPS) -> list[Slice]:
    """Return the scores of each slice of at least `least` clips, the worst difference first.

    Args:
        predictions: clips of one split.
        columns: what to slice by; None takes all columns.
        least: the fewest clips of a slice.

    Raises:
        InputError: the clips lack a column.
    """
    found = cuts(predictions, least, columns)
    # The lowest of many slices is low by chance alone. So each is compared with all other clips by an interval that
    # holds for all slices at once (Bonferroni), and stands out only if that is on the worse side of zero.
    level = 1 - 0.05 / max(len(found), 1)
    scored = [one for cut in found if (one := _slice(predictions, cut, level))]
    worse = -1 if direction(predictions.target.headline) else 1
    return sorted(scored, key=lambda one: (not one.stands_out, -worse * one.difference.value, one.column, one.value))


def verdict(found: Sequence[Slice]) -> str:
    """Say in a sentence which slice is the worst, and whether that is more than chance among so many."""
    if not found:
        return f"no slice has {LEAST_CLIPS} clips and as many others to compare with"
    first = found[0]
    name = next(iter(first.scores)).replace("_", " ")
    named = f"{first.column} {first.value} ({name} {first.headline}, {first.rest.value:.3f} elsewhere)"
    if not first.stands_out:
        return f"no slice stands out among {len(found)} looked at; the weakest is {named}"
    more = sum(one.stands_out for one in found) - 1
    others = f", and {more} more {'stands' if more == 1 else 'stand'} out" if more else ""
    return f"the worst of {len(found)} slices is {named}, worse than chance among so many explains{others}"


def _slice(predictions: Predictions, cut: Cut, level: float) -> Slice | None:
    """Return the scores of one slice; None where they are undefined, as F1 is without any label."""
    target = predictions.target
    names = (target.headline,) if cut.by_target else (target.headline, target.second_score)
    inside, outside = predictions.where(cut.chosen), predictions.where(~cut.chosen)
    scores = inside.score(names, resamples=RESAMPLES)
    rest = outside.score(names[:1], resamples=RESAMPLES).get(names[0])
    if rest is None or names[0] not in scores:
        return None
    sides = [side.score(names[:1], level=level, resamples=RESAMPLES)[names[0]] for side in (inside, outside)]
    difference = _difference(*sides)
    stands_out = difference.high < 0 if direction(names[0]) else difference.low > 0
    ordered = {name: scores[name] for name in names if name in scores}
    return Slice(cut.column, cut.value, len(inside), ordered, rest, difference, stands_out)


def _difference(one: Score, other: Score) -> Score:
    """Return one score less another of other clips, with the interval combined from theirs."""
    # Newcombe 1998, Statistics in Medicine 17:873; Zou and Donner 2008, Statistics in Medicine 27:1693.
    value = one.value - other.value
    low = value - math.hypot(one.value - one.low, other.high - other.value)
    high = value + math.hypot(one.high - one.value, other.value - other.low)
    return Score(value, low, high, one.n)


@dataclass(frozen=True)
class Cut:
    """Choose the clips with a `value` in a `column`; `by_target`: the column is the target itself."""

    column: str
    value: str
    chosen: NDArray[np.bool_]
    by_target: bool = False


def cuts(predictions: Predictions, least: int, columns: Sequence[str] | None = None) -> list[Cut]:
    """Return every slice of at least `least` clips that leaves at least as many others, column by column.

    A column that divides the clips in the same way as an earlier one is left out.

    Raises:
        InputError: one of `columns` does not exist; lists those that do.
    """
    known = list(_columns(predictions, least))
    check_columns(columns or (), [name for name, _, _ in known])
    found: list[Cut] = []
    seen: set[tuple[int, ...]] = set()
    for column, names, by_target in known:
        # Equal for two columns that divide the clips in the same way, whatever the names.
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        division = tuple(numbers[name] for name in names)
        if division in seen or (columns is not None and column not in columns):
            continue
        seen.add(division)
        for value, count in Counter(name for name in names if name is not None).items():
            if least <= count <= len(names) - least:
                found.append(Cut(column, value, np.asarray([name == value for name in names]), by_target))
    return found


def known_columns(target: Target, groups: Iterable[str | None], metas: Iterable[str | None]) -> list[str]:
    """Return what clips can be sliced by, before anything is predicted: see `cuts`.

    `groups` and `metas` hold a group and the other columns (JSON) for each clip.
    """
    by_target = [target.slice_name] if target.slice_name else []
    grouped = ["group"] if any(group is not None for group in groups) else []
    return [*by_target, *grouped, *_meta({"meta": metas}), *(name for name, _ in FACTS.values())]


def check_columns(columns: Iterable[str], known: Sequence[str]) -> None:
    """Refuse a column that does not exist.

    Raises:
        InputError: a column does not exist; lists those that do.
    """
    for column in columns:
        if column not in known:
            raise InputError(f"the clips have no column {column!r} to slice by; there are {', '.join(known)}.")


def _columns(predictions: Predictions, least: int) -> Iterator[tuple[str, list[str | None], bool]]:
    """Yield each column with the slice of each clip, None for no slice."""
    table = predictions.table
    if predictions.target.slice_name:
        values = list(table["reference"])
        names = values if values and isinstance(values[0], str) else ranges(values, "", least)
        yield predictions.target.slice_name, names, True
    if predictions.groups:
        yield "group", list(predictions.groups), False
    for column, values in _meta(table).items():
        yield column, _named(column, values, least), False
    for column, (name, unit) in FACTS.items():
        if column in table:
            numbers = table[column].astype(float) / (1000 if column == "rate" else 1)
            if column == "rate" and numbers.nunique() <= MOST_VALUES:
                yield name, [None if math.isnan(rate) else f"{rate:g} {unit}" for rate in numbers], False
            else:
                yield name, ranges(numbers, unit, least), False


def _meta(table: Any) -> dict[str, list[Any]]:
    """Return the other columns of the data, by name, one value a clip."""
    if "meta" not in table:
        return {}
    rows = [json.loads(text) if isinstance(text, str) and text else {} for text in table["meta"]]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _named(column: str, values: Sequence[Any], least: int) -> list[str | None]:
    """Return the slices of a column of the data: its values, or ranges of many numbers."""
    numbers = [_number(value) for value in values]
    given = [number for value, number in zip(values, numbers, strict=True) if value not in (None, "")]
    identifies = among(column, GROUP) or plain(column).endswith("id")
    if given and None not in given and len(set(given)) > MOST_VALUES and not identifies:
        return ranges(numbers, "", least)
    return [None if value is None or value == "" else str(value) for value in values]


def _number(value: Any) -> float | None:
    """Return a value as a finite number; text such as "03" is a name."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and value.lstrip("-+") != "0" and value.lstrip("-+").startswith("0") and "." not in value:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def ranges(values: Any, unit: str, least: int) -> list[str | None]:
    """Return for each number the name of its range, "1.2–3.4 s"; the ranges have about equally many clips."""
    numbers = np.asarray(values, np.float64)  # None becomes NaN
    present = np.isfinite(numbers)
    count = min(RANGES, int(present.sum()) // least)
    if count < 2:
        return [None] * len(numbers)
    inner = np.unique(np.quantile(numbers[present], np.linspace(0, 1, count + 1)[1:-1], method="higher"))
    # A range contains what is below its upper edge, so equal values stay together.
    places = np.where(present, np.searchsorted(inner, numbers, side="right"), -1)
    names: dict[int, str | None] = {-1: None}
    names |= {place: _range_name(numbers[places == place], unit) for place in set(places[present].tolist())}
    return [names[place] for place in places.tolist()]


def _range_name(part: NDArray[np.float64], unit: str) -> str:
    """Return "1.2–3.4 s", with " to " between numbers below zero."""
    low, high = f"{part.min():.3g}", f"{part.max():.3g}"
    if low == high:
        return f"{low} {unit}".strip()
    return f"{low}{' to ' if part.min() < 0 else '–'}{high} {unit}".strip()
