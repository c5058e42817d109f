"""The plain values of all scores, for choosing a checkpoint many times a training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from audio_ft.metrics.registry import METRICS
from audio_ft.metrics.sample import sample


def points(
    kind: str,
    predictions: ArrayLike,
    references: ArrayLike,
    *,
    labels: Sequence[str] = (),
    language: str | None = None,
) -> dict[str, float]:
    """Compute the values that `score` puts intervals around, in a fraction of its time; per-class scores are left out.

    Raises:
        InputError: shapes that do not fit, unknown kind, no clips; see `sample`.
    """
    data = sample(kind, predictions, references, labels, language)
    view = data.weigh(np.ones((1, len(data))))
    values: dict[str, float] = {}
    for metric in METRICS.values():
        if kind in metric.kinds:
            values |= {name: float(measured.values[0]) for name, measured in metric.measure(view).items()}
    return {name: value for name, value in values.items() if np.isfinite(value) and "[" not in name}
