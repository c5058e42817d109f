"""Compute all scores of one set of predictions with intervals, from one set of resamples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.metrics.intervals import Score, with_interval
from audio_ft.metrics.registry import metrics_of
from audio_ft.metrics.samples import Sample
from audio_ft.metrics.units import FloatArray, Groups, Units, bootstrap

if TYPE_CHECKING:
    from audio_ft.metrics.base import AudioMetric, Measured


def score(
    data: Sample,
    *,
    groups: Groups = None,
    seed: int = 0,
    resamples: int = 1000,
    names: Sequence[str] = (),
    level: float = 0.95,
) -> dict[str, Score]:
    """Compute the scores of predictions, with intervals.

    A score that is undefined for these clips (Pearson of a constant, recall of a class without clips) is absent; one
    that is undefined in some resamples only has an interval from the others.

    Args:
        data: predictions and references, such as `LabelSample.checked(probabilities, class_ids, labels)`.
        groups: the group (speaker, recording, session) of each clip; `resampling(groups)` says how they are used.
        seed: seed of the resamples.
        resamples: number of resamples.
        names: the scores to compute ("accuracy"); all of them when empty.
        level: the coverage probability of the intervals.

    Raises:
        InputError: the number of `groups` differs from that of the clips, or fewer than two resamples.
    """
    metrics = [metric for metric in metrics_of(data.kind) if not names or set(names) & set(metric.names)]
    point = {name: found for name, found in measured_scores(metrics, data).items() if not names or name in names}
    if not point:
        return {}
    units = Units.of(len(data), groups)

    def replicate(weights: FloatArray) -> FloatArray:
        measured = measured_scores(metrics, data, weights)
        return np.stack([measured[name][1].values for name in point], axis=1)

    replicates = bootstrap(replicate, units, seed=seed, resamples=resamples)
    return {
        name: with_interval(measured, replicates[:, i], units, metric.scale, level=level)
        for i, (name, (metric, measured)) in enumerate(point.items())
    }


def plain_scores(data: Sample) -> dict[str, float]:
    """Compute the values of `score` without intervals and per-class scores, in a fraction of the time."""
    found = measured_scores(metrics_of(data.kind), data)
    return {name: float(measured.values[0]) for name, (_, measured) in found.items() if "[" not in name}


def measured_scores(
    metrics: Sequence[type[AudioMetric]], data: Sample, weights: FloatArray | None = None
) -> dict[str, tuple[type[AudioMetric], Measured]]:
    """Return the scores of the weighted clips; without weights, those that are defined for the clips as they are."""
    view = data.weigh(np.ones((1, len(data))) if weights is None else weights)
    found = {name: (metric, measured) for metric in metrics for name, measured in metric.measure(view).items()}
    if weights is not None:
        return found
    return {name: pair for name, pair in found.items() if np.isfinite(pair[1].values[0])}
