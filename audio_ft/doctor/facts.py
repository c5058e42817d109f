"""Facts of a data set: the clips, groups, classes and durations of its splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.data.probe import Probed
from audio_ft.data.rows import Rows
from audio_ft.targets import Target

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SplitFacts:
    """Count one split: clips listed, those readable and their seconds, groups (None without any), and targets.

    `classes` counts labels; `values` summarizes numbers (lowest, median, highest) and `words` transcripts (all words,
    those of the longest, empty transcripts); `events` counts all events, overlapping ones and recordings without any.
    """

    clips: int
    readable: int
    seconds: float
    groups: int | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)
    events: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Durations:
    """Summarize durations in seconds; `histogram` holds (from, to, recordings)."""

    shortest: float
    median: float
    p95: float
    longest: float
    histogram: tuple[tuple[float, float, int], ...]


def facts_of(rows: Rows, probed: Sequence[Probed], kind: type[Target]) -> SplitFacts:
    """Count one split."""
    good = [one.seconds for one in probed if one.error is None]
    counted: dict[str, Any] = kind.summary(rows.targets) if any(cell != "" for cell in rows.targets) else {}
    groups = len(set(rows.groups) - {None}) if rows.groups else None
    return SplitFacts(len(rows.keys), len(good), sum(good), groups, **counted)


def durations_of(seconds: NDArray[np.float64]) -> Durations | None:
    """Summarize durations; the last bar of the histogram holds all above the 95th percentile."""
    if not len(seconds):
        return None
    shortest, median, p95, longest = np.quantile(seconds, (0, 0.5, 0.95, 1)).tolist()
    rough = max(p95 - shortest, 0.01) / 8
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first = np.floor(shortest / step) * step
    count = max(1, int(np.ceil((p95 - first) / step + 1e-9)))
    edges = [round(float(first + step * index), 6) for index in range(count + 1)]
    numbers = np.histogram(seconds, [*edges, np.inf])[0].tolist()
    bars = tuple((low, high, number) for (low, high), number in zip(pairwise([*edges, longest]), numbers, strict=True))
    return Durations(shortest, median, p95, longest, bars if numbers[-1] else bars[:-1])
