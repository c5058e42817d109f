"""Compare two sets of predictions for the same clips: which one is better, if the difference is significant.

Both are scored on the same resamples of clips, or of groups, so that the difficulty of clips cancels out. Accuracy by
clip is also tested by McNemar's test; a verdict then needs both, the interval and the test.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.metrics.compute import measured_scores
from audio_ft.metrics.intervals import Measured, Scale, Score, standard_error, with_interval
from audio_ft.metrics.registry import direction, metric_of, metrics_of
from audio_ft.metrics.samples import Sample
from audio_ft.metrics.units import FloatArray, Groups, Units, bootstrap, resampling

Verdict = Literal["better", "worse", "not distinguishable"]

# The greatest possible difference of two scores.
_FURTHEST = {"proportion": 1.0, "correlation": 2.0, "rate": math.inf, "positive": math.inf}
# Significance level.
_ALARM = 0.05


@dataclass(frozen=True)
class Comparison:
    """Hold the scores of two sets of predictions for the same clips, and the verdict on their difference.

    Attributes:
        metric: name of the score.
        first: score of the first.
        second: score of the second.
        difference: second minus first.
        low: lower end of the difference's 95 % interval; NaN where there is none.
        high: upper end.
        verdict: the second compared with the first: "better", "worse" or "not distinguishable".
        p_value: McNemar's mid-p for accuracy by clip; None elsewhere.
        n: number of clips.
        identical: whether the two agree on every clip, so the interval only covers differences that were not observed.
        resampling: what the interval resamples, and why.
    """

    metric: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    verdict: Verdict
    p_value: float | None
    n: int
    identical: bool
    resampling: str

    @property
    def sentence(self) -> str:
        """Return the comparison as a sentence."""
        sentence = self.describe("the first", "the second")
        return sentence[0].upper() + sentence[1:]

    def describe(self, first: str, second: str) -> str:
        """Return the comparison as a sentence with these names."""
        verdict = f"{second} is {self.verdict} than {first}"
        if self.verdict == "not distinguishable":
            verdict = f"{first} and {second} are not distinguishable"
        interval = f"[{self.low:+.3f}, {self.high:+.3f}]" if math.isfinite(self.low) else "[no interval]"
        test = ""
        if self.p_value is not None:
            test = f", McNemar's p {'< 0.001' if self.p_value < 0.001 else f'= {self.p_value:.3f}'}"
        return (
            f"{verdict}: {self.metric} {self.second:.3f} against {self.first:.3f} on the same "
            f"{counted(self.n, 'clip')}, a difference of {self.difference:+.3f} {interval}{test}."
            f"{' They agree on every clip.' if self.identical else ''}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and the sentence as plain JSON values; a missing end of the interval is None."""
        ends = {"low": self.low, "high": self.high} if math.isfinite(self.low) else {"low": None, "high": None}
        return asdict(self) | ends | {"sentence": self.sentence}


def compare(
    one: Sample,
    two: Sample,
    *,
    groups: Groups = None,
    seed: int = 0,
    resamples: int = 2000,
    metric: str | None = None,
) -> Comparison:
    """Compare two sets of predictions for the same clips, in the same order, by one score.

    `metric` is the score to compare by (None: `Sample.compared_by`). The other arguments are those of `score`.

    Raises:
        InputError: the score does not exist or is undefined, or see `score`.
    """
    name = metric or one.compared_by
    metrics = metrics_of(one.kind)
    chosen = metric_of(name, metrics)
    if chosen is None:
        known = ", ".join(each for other in metrics for each in other.names)
        raise InputError(f"metric: {name!r} is not a score of kind {one.kind!r}; the scores are {known}.")
    units, point = Units.of(len(one), groups), [measured_scores([chosen], side).get(name) for side in (one, two)]
    if point[0] is None or point[1] is None:
        raise InputError(f"metric: {name!r} is undefined on these {len(one)} clips; compare by another score.")
    (_, before), (_, after) = point[0], point[1]
    difference = float(after.values[0] - before.values[0])

    def differences(weights: FloatArray) -> FloatArray:
        first, second = (measured_scores([chosen], side, weights)[name][1].values for side in (one, two))
        return second - first

    replicates = bootstrap(differences, units, seed=seed, resamples=resamples)
    half = _half_width(before, replicates, units, chosen.scale)
    p_value = None
    if name == one.compared_by and units.by_clip and one.right is not None and two.right is not None:
        p_value = mcnemar(one.right, two.right)
    return Comparison(
        metric=name,
        first=float(before.values[0]),
        second=float(after.values[0]),
        difference=difference,
        low=max(difference - half, -_FURTHEST[chosen.scale]),
        high=min(difference + half, _FURTHEST[chosen.scale]),
        verdict=_verdict(difference, half, p_value, chosen.greater_is_better),
        p_value=p_value,
        n=len(one),
        identical=difference == 0 and not np.nan_to_num(replicates).any(),
        resampling=resampling(groups),
    )


def over_trainings(comparison: Comparison, differences: Sequence[float]) -> Comparison:
    """Return a comparison of several trainings a side, with an interval that covers the chance of training too.

    `comparison` is that of all their predictions, `differences` are those of each pair of trainings. Clips and
    trainings are drawn independently of each other, so the variances of the mean difference add up.
    """
    from scipy.stats import t

    error = statistics.stdev(differences) / math.sqrt(len(differences))
    half = math.hypot(comparison.high - comparison.difference,
                      float(t.ppf(1 - _ALARM / 2, len(differences) - 1)) * error)  # fmt: skip
    verdict = _verdict(comparison.difference, half, None, direction(comparison.metric))
    middle = comparison.difference
    return replace(comparison, low=middle - half, high=middle + half, verdict=verdict, p_value=None)


def mean_difference(differences: FloatArray, groups: Groups = None, *, seed: int = 0, resamples: int = 2000) -> Score:
    """Return the mean of differences of proportions (clips,) with its 95 % interval, whose ends are NaN for one clip.

    Raises:
        InputError: there are no clips, or the number of `groups` differs from theirs.
    """
    units = Units.of(len(differences), groups)

    def means(weights: FloatArray) -> FloatArray:
        return np.asarray(weights @ differences / weights.sum(1))

    half, value = _t_half(bootstrap(means, units, seed=seed, resamples=resamples), units), float(differences.mean())
    most = _FURTHEST["proportion"]
    # NaN stays NaN only as the first of the two.
    return Score(value, max(value - half, -most), min(value + half, most), len(differences))


def _verdict(difference: float, half: float, p_value: float | None, greater_is_better: bool) -> Verdict:
    # Not `difference <= half`: NaN must not count as significant.
    if not abs(difference) > half or (p_value is not None and p_value >= _ALARM):
        return "not distinguishable"
    return "better" if (difference > 0) == greater_is_better else "worse"


def mcnemar(right: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the mid-p value of McNemar's exact test on the clips that only one of the two got right.

    The mid-p correction counts half of the observed table (Fagerland, Lydersen and Laake 2013, BMC Medical Research
    Methodology 13:91): the uncorrected test calls 1 to 3 % of equally good pairs different where it should be 5 %.
    """
    from scipy.stats import binom

    gained, lost = int((other & ~right).sum()), int((right & ~other).sum())
    if gained == lost:
        return 1.0
    rarer, both = min(gained, lost), gained + lost
    return float(2 * binom.cdf(rarer, both, 0.5) - binom.pmf(rarer, both, 0.5))


def _half_width(measured: Measured, replicates: FloatArray, units: Units, scale: Scale) -> float:
    """Return half the width of the difference's interval, NaN for a single clip or group."""
    # If the two are equally good their difference is symmetric around 0, whatever the scale of the score. Plain
    # percentiles of the differences raise more false alarms; see benchmarks/comparison_false_alarms.py.
    half = _t_half(replicates, units)
    if half != 0 or scale not in ("proportion", "rate"):
        return half
    # All clips have the same difference, mostly 0. The interval covers the clips that may differ but were not observed.
    return with_interval(replace(measured, values=np.zeros(1)), replicates, units, scale).high


def _t_half(replicates: FloatArray, units: Units) -> float:
    """Return half the width of the 95 % interval of Student's t, NaN for a single clip or group."""
    from scipy.stats import t

    if units.equal < 2:
        return math.nan
    return float(t.ppf(1 - _ALARM / 2, units.equal - 1)) * standard_error(replicates, units.equal)
