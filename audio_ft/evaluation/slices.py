"""Slices: the headline score of every class, group, value of a column and range of duration, loudness and noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_ft.evaluation.slice_columns import Cut, cuts
from audio_ft.metrics import Score, direction

if TYPE_CHECKING:
    from audio_ft.evaluation.predictions import Predictions

# A smaller slice says next to nothing: 10 of 10 right is [0.72, 1].
LEAST_CLIPS = 10
# Only the spread of the replicates is used, and 400 give it within 4 %.
RESAMPLES = 400


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
