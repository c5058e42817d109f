"""Compute counts and ranks of many resamples at once.

Everything a score needs is a weighted sum over clips, so a thousand resamples are one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.metrics.units import FloatArray


@dataclass(frozen=True)
class Counts:
    """Count per class and resample: right (b, classes), support, predicted; exact is (b,)."""

    right: FloatArray
    support: FloatArray
    predicted: FloatArray
    exact: FloatArray

    @property
    def sides(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return right, support and predicted, as the scores of classes take them."""
        return self.right, self.support, self.predicted


@dataclass(frozen=True)
class View:
    """Hold a sample with resampling weights (b, n)."""

    sample: Any  # the Sample that the metric is for
    weights: FloatArray

    @cached_property
    def total(self) -> FloatArray:
        """Clips in each resample, (b,)."""
        return self.weights.sum(axis=1)

    @cached_property
    def counts(self) -> Counts:
        """Right, support and predicted per class in each resample."""
        sums = np.asarray(self.weights @ self.sample.indicators)
        right, support, predicted = np.split(sums[:, :-1], 3, axis=1)
        return Counts(right, support, predicted, sums[:, -1])

    def mean(self, values: FloatArray) -> FloatArray:
        """Average a value per clip (n,) over each resample: (b,)."""
        return (self.weights @ values) / self.total

    @cached_property
    def ranking(self) -> tuple[FloatArray, FloatArray]:
        """Area under the ROC curve and average precision per class, each (b, classes); NaN where undefined."""
        # Clips first: sorting then moves whole rows, five times quicker than picking columns.
        drawn = np.ascontiguousarray(self.weights.T)
        ranks = [_rank(drawn, *column) for column in zip(self.sample.predictions.T, self.sample.truth.T, strict=True)]
        areas, precisions = (np.stack(side, axis=1) for side in zip(*ranks, strict=True))
        return areas, precisions


def _rank(drawn: FloatArray, scores: FloatArray, truth: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return area under the ROC curve and average precision, (b,) each, from weights (n, b) and one class's scores."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = drawn[order], truth[order]
    seen = _running(ordered)
    positive = ordered[hits]
    found = _running(positive)
    positives, negatives = found[-1], seen[-1] - found[-1]
    # Clips of equal score are one step of the curve, whatever their order: where each positive's step starts and ends.
    start, end = (np.searchsorted(-scores[order], -scores[order][hits], side=side) for side in ("left", "right"))
    earlier = np.concatenate([[0], hits.cumsum()])
    upto = found[earlier[end]]
    with np.errstate(divide="ignore", invalid="ignore"):
        # A negative above a positive is a wrong pair, one of equal score half a wrong pair.
        tied = seen[end] - upto
        wrong = np.einsum("tb,tb->b", positive, tied + seen[start] - found[earlier[start]]) / 2
        auc = 1 - wrong / (positives * negatives)
        # Before the first drawn clip both counts are 0: 0 / 1 instead of 0 / 0.
        precision = np.einsum("tb,tb->b", positive, upto / np.maximum(seen[end], 1.0)) / positives
    return np.where(negatives > 0, np.where(positives > 0, auc, np.nan), np.nan), precision


def _running(rows: FloatArray) -> FloatArray:
    """Sum rows (t, b) cumulatively, a row of zeros first: (t + 1, b)."""
    sums = np.zeros((len(rows) + 1, rows.shape[1]))
    np.cumsum(rows, axis=0, out=sums[1:])
    return sums
