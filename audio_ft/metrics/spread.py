"""The spread of a score over trainings that differ by chance alone."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """Hold mean, standard deviation (of a sample, n - 1), least and greatest value of one score in `n` trainings."""

    mean: float
    deviation: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of two values or more.

        Example:
            >>> str(Spread.of([0.5, 0.6, 0.7]))
            '0.600 ± 0.100 (0.500 to 0.700)'
        """
        return cls(statistics.fmean(values), statistics.stdev(values), min(values), max(values), len(values))

    def to_dict(self) -> dict[str, Any]:
        """Return the five fields as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.deviation:.3f} ({self.low:.3f} to {self.high:.3f})"


def spreads(trainings: Sequence[Mapping[str, Any]]) -> dict[str, Spread]:
    """Return the spread of each score that all trainings have, from the `Score`s of each by name."""
    return {
        name: Spread.of([scores[name].value for scores in trainings])
        for name in trainings[0]
        if all(name in scores for scores in trainings)
    }
