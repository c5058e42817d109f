"""Scores with 95 % intervals from bootstrap replicates.

The replicates give a standard error; the interval is built from it on the scale on which the score is closest to
normal, with Student's t at (units - 1) degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from audio_ft.errors import InputError
from audio_ft.metrics.units import FloatArray, Units

# - proportion: Wilson's interval at an effective number of clips. For accuracy by clip that is Wilson's own interval;
#   for groups it is the design-effect form that Franco, Little, Louis and Slud (2019, Journal of Survey Statistics and
#   Methodology 7:334) recommend for clustered proportions.
# - rate: errors over reference words, which may exceed 1: the score interval of a Poisson rate, Wilson's counterpart.
#   No error in n words leaves [0, q^2 design / n].
# - correlation: Fisher's z = atanh(value).
# - positive: log(value).
# Plain percentiles were tried first and dropped: at accuracy .98 on 40 clips they collapse to [1, 1] and cover the
# truth in 55 % of draws, and with ten groups of 50 in 76 to 92 %; see benchmarks/interval_coverage.py.
Scale = Literal["proportion", "rate", "correlation", "positive"]

# Few errors say little about how errors cluster, so the observed design effect is shrunk towards the expected one, with
# the weight of so many errors. A rate counts them after the design effect of its clips: one is two or three words, and
# with a prior of three, rates of few errors cover the truth in up to 98.5 % of draws.
_PRIOR_ERRORS = {"proportion": 3.0, "rate": 1.0}
# How much faster than a binomial's or Poisson's the variance grows with the rate where errors cluster in some clips or
# speakers: as rate^1.25, between Poisson's power 1 and the 2 of rates that are gamma distributed
# (the compound of both is Tweedie's adapter: Jorgensen 1987, Journal of the Royal Statistical Society B 49:127). At 1,
# intervals of ten very different groups are too low two to three times as often as too high.
_LEAN = 1.25


@dataclass(frozen=True)
class Score:
    """Hold a score, its 95 % interval and the number of clips it is based on.

    `low` and `high` are NaN where there is no interval (one clip says nothing about the spread of an error); JSON has
    no NaN, so `to_dict` writes them as None.
    """

    value: float
    low: float
    high: float
    n: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the four fields as plain JSON values."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Score:
        """Read what `to_dict` wrote.

        Raises:
            InputError: a field is missing or unknown.
        """
        if set(fields) != {"value", "low", "high", "n"}:
            raise InputError(f"a score has the fields value, low, high and n; this one has {sorted(fields)}")
        numbers = {key: math.nan if fields[key] is None else float(fields[key]) for key in ("value", "low", "high")}
        return cls(n=int(fields["n"]), **numbers)

    def __format__(self, spec: str) -> str:
        """Write value and interval, each with the float format `spec` (".3f" when empty)."""
        spec = spec or ".3f"
        if math.isnan(self.low) or math.isnan(self.high):
            return f"{self.value:{spec}} [no interval]"
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return format(self, "")


@dataclass(frozen=True)
class Measured:
    """Hold one score in b resamples, (b,), NaN where it is undefined, and how many clips it is based on.

    Attributes:
        values: the score in each resample.
        n: clips it is computed from; None means all.
        effective: the effective number of clips of a proportion, or of words of a rate, behind its precision (an
            average over classes is as uncertain as its rare classes make it); None means n.
        plain: whether it is a plain proportion of n clips.
    """

    values: FloatArray
    n: FloatArray | None = None
    effective: FloatArray | None = None
    plain: bool = False


def with_interval(
    measured: Measured, replicates: FloatArray, units: Units, scale: Scale, *, level: float = 0.95
) -> Score:
    """Return a score with its interval, NaN where it has none.

    Args:
        measured: the score on all clips.
        replicates: its bootstrap replicates (resamples,); NaN (undefined) is left out. Where they do not vary, the
            effective number of clips decides: 40 of 40 right is [0.907, 1], not [1, 1]. An error of exactly 0 or a
            correlation of exactly 1 keeps its point.
        units: what was resampled.
        scale: the scale of the score.
        level: the coverage probability (0.95: the interval covers the truth in 95 % of draws).
    """
    from scipy.stats import norm, t

    value, clips, count = float(measured.values[0]), len(units.codes), units.equal
    n = clips if measured.n is None else float(measured.n[0])
    upper = (1 + level) / 2
    quantile = float(t.ppf(upper, count - 1)) if count > 1 else float(norm.ppf(upper))
    if scale != "proportion" and (count < 2 or np.isfinite(replicates).sum() < 2):
        ends = math.nan, math.nan
    elif scale in ("proportion", "rate"):
        effective = max(n if measured.effective is None else float(measured.effective[0]), 1.0)
        design, prior = units.design_effect(n / clips), _PRIOR_ERRORS[scale]
        variance, share = (value, value) if scale == "rate" else (value * (1 - value), min(value, 1 - value))
        seen = standard_error(replicates, count) ** 2 / (variance / effective) if variance > 0 else design
        errors = effective * share
        ratio = quantile**2 * ((errors * seen + prior * design) / (errors + prior)) / effective
        if measured.plain:
            # A few groups that agree by chance are not evidence of a smaller error than Wilson's by clip.
            ratio = max(ratio, float(norm.ppf(upper)) ** 2 / effective)
        # Single clips are binomial. With no errors, or nothing but errors, the skew cannot be estimated.
        lean = _LEAN if variance > 0 and (scale == "rate" or design > 1) else 1.0
        ends = poisson(value, ratio, lean) if scale == "rate" else wilson(value, ratio, lean)
    elif (scale == "correlation" and abs(value) >= 1) or (scale == "positive" and value <= 0):
        ends = value, value
    else:
        forward, backward = (np.arctanh, np.tanh) if scale == "correlation" else (np.log, np.exp)
        with np.errstate(divide="ignore", invalid="ignore"):
            half = quantile * standard_error(forward(replicates), count)
        ends = float(backward(forward(value) - half)), float(backward(forward(value) + half))
    return Score(value, *ends, round(n))


def standard_error(replicates: FloatArray, count: float) -> float:
    """Return the standard error from a score's replicates over `count` units; 0 where they do not vary.

    The spread of bootstrap replicates is that of a mean with the divisor `count`; one less makes it unbiased.
    """
    finite = replicates[np.isfinite(replicates)]
    if len(finite) < 2 or count < 2:
        return 0.0
    spread = float(finite.std())
    # Equal replicates differ by rounding errors only.
    return spread * math.sqrt(count / (count - 1)) if spread > 1e-12 * max(1.0, abs(float(finite.mean()))) else 0.0


def wilson(value: float, ratio: float, lean: float = 1.0) -> tuple[float, float]:
    """Return Wilson's interval for a proportion (Wilson 1927, JASA 22:209).

    It contains all shares p with (value - p)^2 <= ratio * p (1 - p).

    Args:
        value: the proportion, 0 to 1.
        ratio: squared quantile over effective sample size, q^2 / n.
        lean: factor on the slope that p (1 - p) has at `value`, which moves both ends towards one half.
    """
    slope = lean * ratio * (1 - 2 * value)
    center = value + slope / 2 / (1 + ratio)
    half = math.sqrt((1 + ratio) * ratio * value * (1 - value) + slope**2 / 4) / (1 + ratio)
    # At 0 and 1 the near end is exact on paper and off by rounding in floats.
    return min(value, max(0.0, center - half)), max(value, min(1.0, center + half))


def poisson(value: float, ratio: float, lean: float = 1.0) -> tuple[float, float]:
    """Return the score interval for a Poisson rate (Barker 2002, The American Statistician 56:85).

    It contains all rates r with (value - r)^2 <= ratio * (value + lean * (r - value)), so zero errors leave [0, ratio].

    Args:
        value: the rate, 0 or more.
        ratio: squared quantile over effective exposure, q^2 / n.
        lean: the power of the rate that the variance grows with, 1 for Poisson's, which moves both ends up.
    """
    half = math.sqrt(ratio * value + (lean * ratio) ** 2 / 4)
    return max(0.0, value + lean * ratio / 2 - half), value + lean * ratio / 2 + half
