"""Compare two sets of predictions for the same clips: which one is better, if the difference is significant.

Both are scored on the same resamples of clips, or of groups, so that the difficulty of clips cancels out. The standard
error of the difference comes from these pairs, the interval from it and Student's t at (units - 1) degrees of freedom:
if the two are equally good their difference is symmetric around 0, whatever the scale of the score. Plain percentiles
of the differences raise more false alarms; see benchmarks/comparison_false_alarms.py.

Accuracy by clip is also tested by McNemar's test, on the clips that only one of the two got right: the exact test with
the mid-p correction, which counts half of the observed table (Fagerland, Lydersen and Laake 2013, BMC Medical
Research Methodology 13:91): the uncorrected one calls 1 to 3 % of equally good pairs different where it should be
5 %. A verdict needs both, the interval and the test.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_ft.errors import InputError
from audio_ft.metrics.intervals import (
    FloatArray,
    bootstrap,
    design_effect,
    equal_units,
    interval,
    resampling,
    standard_error,
    units,
)
from audio_ft.metrics.registry import metrics_of
from audio_ft.metrics.samples import Sample, sample

if TYPE_CHECKING:
    from audio_ft.metrics.base import AudioMetric, Measured

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
            f"{verdict}: {self.metric} {self.second:.3f} against {self.first:.3f} on the same {self.n:,} "
            f"clip{'s' * (self.n != 1)}, a difference of {self.difference:+.3f} {interval}{test}."
            f"{' They agree on every clip.' if self.identical else ''}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and the sentence as plain JSON values; a missing end of the interval is None."""
        ends = {"low": self.low, "high": self.high} if math.isfinite(self.low) else {"low": None, "high": None}
        return asdict(self) | ends | {"sentence": self.sentence}


def compare(
    kind: str,
    first: ArrayLike,
    second: ArrayLike,
    references: ArrayLike,
    *,
    labels: Sequence[str] = (),
    language: str | None = None,
    groups: Sequence[str | None] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    metric: str | None = None,
) -> Comparison:
    """Compare two sets of predictions for the same clips by one score.

    `first` and `second` are predictions for the same clips in the same order; `metric` is the score to compare by
    (None: `Sample.compared_by`). The other arguments are those of `score`.

    Raises:
        InputError: shapes do not match, there are no clips, or the score does not exist or is undefined.
    """
    one, two = (sample(kind, each, references, labels, language) for each in (first, second))
    return compared(one, two, groups=groups, seed=seed, resamples=resamples, metric=metric)


def compared(
    one: Sample,
    two: Sample,
    *,
    groups: Sequence[str | None] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    metric: str | None = None,
) -> Comparison:
    """Compare validated predictions for the same clips; see `compare`."""
    name = one.compared_by if metric is None else metric
    chosen = _metric_of(one.kind, name)
    whole = np.ones((1, len(one)))
    before, after = _measured(chosen, name, one, whole), _measured(chosen, name, two, whole)
    difference = float(after.values[0] - before.values[0])
    replicates = bootstrap(
        lambda weights: _measured(chosen, name, two, weights).values - _measured(chosen, name, one, weights).values,
        len(one),
        groups=groups,
        seed=seed,
        resamples=resamples,
    )
    half = _half_width(chosen, before, replicates, len(one), groups)
    by_clip = units(len(one), groups)[1] == len(one)
    right, other = one.right, two.right
    p_value = None
    if name == one.compared_by and by_clip and right is not None and other is not None:
        p_value = mcnemar(right, other)
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


def mcnemar(right: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the mid-p value of McNemar's exact test on which clips are right."""
    from scipy.stats import binom

    gained, lost = int((other & ~right).sum()), int((right & ~other).sum())
    if gained == lost:
        return 1.0
    rarer, both = min(gained, lost), gained + lost
    return float(2 * binom.cdf(rarer, both, 0.5) - binom.pmf(rarer, both, 0.5))


def _metric_of(kind: str, name: str) -> type[AudioMetric]:
    """Return the class that computes a score for a kind of target."""
    stem = name.split("[", 1)[0] if name.endswith("]") else ""
    known = []
    for metric in metrics_of(kind):
        if name in metric.names or (stem and stem == metric.per_class):
            return metric
        known += metric.names
    raise InputError(f"metric: {name!r} is not a score of kind {kind!r}; the scores are {', '.join(known)}.")


def _measured(metric: type[AudioMetric], name: str, data: Sample, weights: FloatArray) -> Measured:
    found = metric.measure(data.weigh(weights)).get(name)
    if found is None or (len(weights) == 1 and not np.isfinite(found.values[0])):
        raise InputError(f"metric: {name!r} is undefined on these {len(data)} clips; compare by another score.")
    return found


def _half_width(
    metric: type[AudioMetric],
    measured: Measured,
    replicates: FloatArray,
    n: int,
    groups: Sequence[str | None] | None,
) -> float:
    """Return half the width of the difference's interval, NaN for a single clip or group."""
    from scipy.stats import t

    count = equal_units(n, groups)
    if count < 2:
        return math.nan
    error = standard_error(replicates, count)
    if error > 0 or metric.scale not in ("proportion", "rate"):
        return float(t.ppf(1 - _ALARM / 2, count - 1)) * error
    # All clips have the same difference, mostly 0. The interval covers the clips that may differ but were not observed.
    carried = n if measured.n is None else float(measured.n[0])
    effective = carried if measured.effective is None else float(measured.effective[0])
    design = design_effect(n, groups, carried / n)
    return interval(0.0, replicates, scale=metric.scale, count=count, effective=effective, design=design)[1]


def _verdict(difference: float, half: float, p_value: float | None, greater_is_better: bool) -> Verdict:
    # Not `difference <= half`: NaN must not count as significant.
    if not abs(difference) > half or (p_value is not None and p_value >= _ALARM):
        return "not distinguishable"
    return "better" if (difference > 0) == greater_is_better else "worse"
