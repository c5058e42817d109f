"""95 % intervals from bootstrap replicates, resampled by clip or by group.

The replicates give a standard error; the interval is built from it on the scale on which the score is closest to
normal, with Student's t at (units - 1) degrees of freedom, where groups of unequal sizes count as fewer equal ones
(`equal_units`):

- proportion: Wilson's interval at an effective number of clips. For accuracy by clip that is Wilson's own interval; for
  groups it is the design-effect form that Franco, Little, Louis and Slud (2019, Journal of Survey Statistics and
  Methodology 7:334) recommend for clustered proportions. Few errors say little about how errors cluster, so the
  design effect is shrunk towards an expected one (`_PRIOR_ICC`), with the weight of `_PRIOR_ERRORS` errors.
- rate: errors over reference words, which may exceed 1: the score interval of a Poisson rate, Wilson's counterpart,
  with the errors' own design effect, shrunk in the same way. No error in n words leaves [0, q^2 design / n].
  Both are more skewed than Wilson's and Poisson's where errors cluster (`_LEAN`).
- correlation: Fisher's z = atanh(value).
- positive: log(value).

Plain percentiles were tried first and dropped: at accuracy .98 on 40 clips they collapse to [1, 1] and cover the
truth in 55 % of draws, and with ten groups of 50 in 76 to 92 %; see benchmarks/interval_coverage.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError

FloatArray = NDArray[np.float64]
Scale = Literal["proportion", "rate", "correlation", "positive"]

# Below five groups Student's t has at most three degrees of freedom and the interval is nearly the whole scale.
MIN_GROUPS = 5
# The assumed correlation of the errors of two clips of one speaker, until the data show another. Without it, intervals
# of ten groups of 50 at accuracy .98 cover the truth in 74 to 91 % of draws (correlation .2 to .05), with it in 96 %.
# With a true correlation of .2 to .3, half of it covers the truth in 83 % in the worst of 36 settings, this in 89 %.
_PRIOR_ICC = 0.1
# The number of errors that weigh as much as that prior. A rate counts them after the design effect of its clips: one is
# two or three words, and with a prior of three, rates of few errors cover the truth in up to 98.5 % of draws.
_PRIOR_ERRORS = {"proportion": 3.0, "rate": 1.0}
# How much faster than a binomial's or Poisson's the variance grows with the rate where errors cluster in some clips or
# speakers: as rate^1.25, between Poisson's power 1 and the 2 of rates that are gamma distributed
# (the compound of both is Tweedie's adapter: Jorgensen 1987, Journal of the Royal Statistical Society B 49:127). At 1,
# intervals of ten very different groups are too low two to three times as often as too high.
_LEAN = 1.25
# Weights a block: 1 million float64 are 8 MB, which fits the cache and bounds memory for any data size.
_CHUNK = 1_000_000


def group_codes(groups: Sequence[str | None]) -> tuple[NDArray[np.int64], int]:
    """Return group numbers in order of appearance; a clip with group None is a group by itself.

    Returns:
        The code of every clip, and the number of groups.
    """
    codes: dict[object, int] = {}
    keys = [("single", i) if group is None else group for i, group in enumerate(groups)]
    return np.asarray([codes.setdefault(key, len(codes)) for key in keys], dtype=np.int64), len(codes)


def resampling(groups: Sequence[str | None] | None) -> str:
    """Say what is resampled, "clip" or "group", followed by a colon and the reason.

    A cluster bootstrap of one group has no spread and of two or three hardly any, so with fewer than MIN_GROUPS groups
    clips are resampled; the interval then holds for more clips of these groups, not for new groups.
    """
    if groups is None or all(group is None for group in groups):
        return "clip: resampled by clip (no groups known)."
    count = group_codes(groups)[1]
    if count < MIN_GROUPS:
        few = "1 group" if count == 1 else f"{count} groups"
        return f"clip: resampled by clip ({few}, {MIN_GROUPS} needed); the interval does not speak for new groups."
    return f"group: resampled by group ({count} groups)."


def units(n: int, groups: Sequence[str | None] | None) -> tuple[NDArray[np.int64], int]:
    """Return the number of the unit that each clip is resampled with: its group if `resampling` says so, else itself.

    Raises:
        InputError: the number of `groups` differs from that of the clips.
    """
    if groups is not None and len(groups) != n:
        raise InputError(f"groups must name one group per clip: {n} clips, {len(groups)} groups")
    if groups is not None and resampling(groups).startswith("group"):
        return group_codes(groups)
    return np.arange(n), n


def equal_units(n: int, groups: Sequence[str | None] | None) -> float:
    """Return the effective number of units of equal size: all of them by clip, fewer for unequal groups.

    Kish's effective number, sum(size)^2 / sum(size^2) (Kish 1965, Survey Sampling), but no fewer than MIN_GROUPS. A
    large group moves the score more than the resamples show: where four of 15 or 28 groups have half of the clips,
    counting all groups covers the truth in 89 to 97 % of draws, this in 94 to 98 %.
    """
    codes, count = units(n, groups)
    if count == n:
        return float(n)
    sizes = np.bincount(codes, minlength=count)
    return max(float(MIN_GROUPS), float(sizes.sum()) ** 2 / float((sizes**2).sum()))


def weights(n: int, groups: Sequence[str | None] | None, seed: int, resamples: int) -> Iterator[FloatArray]:
    """Yield blocks (b, n) of how often each clip is drawn in each of `resamples` resamples.

    The draws depend on n, groups, seed and resamples only, so that two models scored on the same clips get the same
    resamples and can be compared in pairs.
    """
    codes, count = units(n, groups)
    rng = np.random.default_rng(seed)
    block = max(1, _CHUNK // max(n, 1))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
        yield times if count == n else times[:, codes]


def bootstrap(
    statistic: Callable[[FloatArray], FloatArray],
    n: int,
    *,
    groups: Sequence[str | None] | None = None,
    seed: int = 0,
    resamples: int = 1000,
) -> FloatArray:
    """Return the statistic's bootstrap replicates, (resamples, …).

    Args:
        statistic: takes weights (b, n), how often each clip counts in each of b resamples, and returns (b, …).
        n: number of clips.
        groups: the group (speaker, recording, session) of every clip; see `resampling` for when they are used.
        seed: seed of the draws.
        resamples: number of resamples.

    Raises:
        InputError: there are no clips, fewer than two resamples, or a wrong number of `groups`.
    """
    if n < 1:
        raise InputError("a score needs at least one clip; there are none")
    if resamples < 2:
        raise InputError(f"resamples must be at least 2, not {resamples}")
    return np.concatenate([statistic(block) for block in weights(n, groups, seed, resamples)])


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


def design_effect(n: int, groups: Sequence[str | None] | None, share: float = 1.0) -> float:
    """Return the expected design effect of the groups; 1 when clips are resampled.

    Kish's 1 + (m - 1) icc, m the size of the group that the average clip is in (Kish 1965, Survey Sampling, 5.4).

    Args:
        n: number of clips.
        groups: their groups.
        share: the part of the clips that a score is based on (those of one class), assumed to be spread evenly.
    """
    codes, count = units(n, groups)
    if count == n:
        return 1.0
    sizes = np.bincount(codes, minlength=count)
    return 1 + max(0.0, float((sizes**2).sum()) / n * share - 1) * _PRIOR_ICC


def interval(
    value: float,
    replicates: FloatArray,
    *,
    scale: Scale,
    count: float,
    effective: float = 1.0,
    design: float = 1.0,
    plain: bool = False,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the interval of one score at `level` (0.95: covers the truth in 95 % of draws), or (NaN, NaN).

    Args:
        value: the score on all clips.
        replicates: its bootstrap replicates (resamples,); NaN (undefined) is left out.
        scale: the scale of the score; see the module's docstring.
        count: number of units resampled, as `equal_units` counts them.
        effective: the effective number of clips of a proportion, or of words of a rate. It is used where the
            replicates do not vary: 40 of 40 right is [0.907, 1], not [1, 1]. A score of exactly 0 error or correlation
            1 keeps its point.
        design: the expected `design_effect`.
        plain: whether it is a proportion of single clips: then the interval is never narrower than Wilson's by clip,
            because a few groups that agree by chance are not evidence of a smaller error.
        level: the coverage probability.
    """
    from scipy.stats import norm, t

    upper = (1 + level) / 2
    quantile = float(t.ppf(upper, count - 1)) if count > 1 else float(norm.ppf(upper))
    if scale == "proportion":
        effective = max(effective, 1.0)
        variance, errors = value * (1 - value) / effective, effective * min(value, 1 - value)
        seen = standard_error(replicates, count) ** 2 / variance if variance > 0 else design
        ratio = quantile**2 * _shrunk(seen, design, errors, scale) / effective
        # Single clips are binomial. With no errors, or nothing but errors, the skew cannot be estimated.
        lean = _LEAN if design > 1 and 0 < value < 1 else 1.0
        return wilson(value, max(ratio, float(norm.ppf(upper)) ** 2 / effective) if plain else ratio, lean)
    if count < 2 or np.isfinite(replicates).sum() < 2:
        return math.nan, math.nan
    if scale == "rate":
        seen = standard_error(replicates, count) ** 2 * effective / value if value > 0 else design
        ratio = quantile**2 * _shrunk(seen, design, value * effective, scale) / effective
        return poisson(value, ratio, _LEAN if value > 0 else 1.0)
    if (scale == "correlation" and abs(value) >= 1) or (scale == "positive" and value <= 0):
        return value, value
    forward, backward = (np.arctanh, np.tanh) if scale == "correlation" else (np.log, np.exp)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = quantile * standard_error(forward(replicates), count)
    center = forward(value)
    return float(backward(center - half)), float(backward(center + half))


def _shrunk(seen: float, expected: float, errors: float, scale: Literal["proportion", "rate"]) -> float:
    """Return the observed design effect shrunk towards the expected one, less with more errors."""
    prior = _PRIOR_ERRORS[scale]
    return (errors * seen + prior * expected) / (errors + prior)


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
