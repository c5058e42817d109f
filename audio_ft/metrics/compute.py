"""Compute all scores of one set of predictions with intervals, from one set of resamples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from audio_ft.metrics.intervals import FloatArray, bootstrap, design_effect, equal_units, interval
from audio_ft.metrics.registry import metrics_of
from audio_ft.metrics.resampling import View
from audio_ft.metrics.samples import Sample, sample
from audio_ft.metrics.score import Score

if TYPE_CHECKING:
    from audio_ft.metrics.base import AudioMetric, Measured


def score(
    kind: str,
    predictions: ArrayLike,
    references: ArrayLike,
    *,
    labels: Sequence[str] = (),
    language: str | None = None,
    groups: Sequence[str | None] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    names: Sequence[str] = (),
    level: float = 0.95,
) -> dict[str, Score]:
    """Compute every score of a kind of target, with 95 % intervals.

    A score that is undefined for these clips (Pearson of a constant, recall of a class without clips) is absent; one
    that is undefined in some resamples only has an interval from the others.

    Args:
        kind: "label", "labels", "number" or "transcript".
        predictions: probabilities (n, classes) for label and labels, floats (n,) for number, strings (n,) for
            transcript.
        references: class ids (n,), a 0/1 matrix (n, classes), floats (n,) or strings (n,).
        labels: names of the classes; their ids when empty.
        language: the language of the texts, an ISO code or English name ("en", "french"), which chooses the normalizer
            of wer_normalized; None: not known.
        groups: the group (speaker, recording, session) of each clip; `resampling(groups)` says how they are used.
        seed: seed of the resamples.
        resamples: number of resamples.
        names: the scores to compute ("accuracy"); all of them when empty.
        level: the coverage probability of the intervals.

    Raises:
        InputError: shapes do not match, the kind is unknown or there are no clips; see `sample`.
    """
    data = sample(kind, predictions, references, labels, language)
    return scored(data, groups=groups, seed=seed, resamples=resamples, names=names, level=level)


def scored(
    data: Sample,
    *,
    groups: Sequence[str | None] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    names: Sequence[str] = (),
    level: float = 0.95,
) -> dict[str, Score]:
    """Compute the scores of validated predictions; see `score`."""
    metrics = metrics_of(data.kind)
    if names:
        metrics = [metric for metric in metrics if set(names) & set(metric.names)]
    point = _measure(metrics, data.weigh(np.ones((1, len(data)))))
    found = [name for name, (_, measured) in point.items() if np.isfinite(measured.values[0])]
    if names:
        found = [name for name in found if name in names]

    def replicate(weights: FloatArray) -> FloatArray:
        measured = _measure(metrics, data.weigh(weights))
        return np.stack([measured[name][1].values for name in found], axis=1)

    if not found:
        return {}
    replicates = bootstrap(replicate, len(data), groups=groups, seed=seed, resamples=resamples)
    count = equal_units(len(data), groups)
    scores = {}
    for i, name in enumerate(found):
        metric, measured = point[name]
        n = len(data) if measured.n is None else float(measured.n[0])
        low, high = interval(
            float(measured.values[0]),
            replicates[:, i],
            scale=metric.scale,
            count=count,
            effective=n if measured.effective is None else float(measured.effective[0]),
            design=design_effect(len(data), groups, n / len(data)),
            plain=measured.plain,
            level=level,
        )
        scores[name] = Score(float(measured.values[0]), low, high, round(n))
    return scores


def _measure(metrics: Sequence[type[AudioMetric]], view: View) -> dict[str, tuple[type[AudioMetric], Measured]]:
    return {name: (metric, measured) for metric in metrics for name, measured in metric.measure(view).items()}


def plain_scores(data: Sample) -> dict[str, float]:
    """Compute the values of `scored` without intervals and per-class scores, in a fraction of the time."""
    metrics = metrics_of(data.kind)
    found = _measure(metrics, data.weigh(np.ones((1, len(data)))))
    values = {name: float(measured.values[0]) for name, (_, measured) in found.items() if "[" not in name}
    return {name: value for name, value in values.items() if np.isfinite(value)}
