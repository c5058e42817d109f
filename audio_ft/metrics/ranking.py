"""Metrics of several labels a clip that need no threshold: area under the ROC curve, mean average precision.

Both are averages over the classes where they are defined: ROC needs a clip with and one without the class, average
precision needs one with it. scikit-learn would make the first NaN and call the second 0.
"""

from __future__ import annotations

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured
from audio_ft.metrics.intervals import FloatArray
from audio_ft.metrics.resampling import View


def _average(values: FloatArray, sizes: FloatArray) -> Measured:
    defined = np.isfinite(values)
    classes = defined.sum(axis=1)
    inverse = np.where(defined, 1 / np.maximum(sizes, 1.0), 0.0).sum(axis=1)
    some = classes > 0
    average = np.divide(
        np.where(defined, values, 0.0).sum(axis=1), classes, out=np.full(len(values), np.nan), where=some
    )
    return Measured(average, effective=np.divide(classes**2, inverse, out=np.ones(len(values)), where=some))


class RocAuc(AudioMetric):
    """Chance that a clip with the class scores above one without it, averaged over classes."""

    kinds = ("labels",)
    names = ("roc_auc_macro",)

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return roc_auc_macro."""
        # The rarer side limits how well an area near 1 is known (Hanley and McNeil 1982, Radiology 143:29).
        rarer = np.minimum(view.counts.support, view.total[:, None] - view.counts.support)
        return {"roc_auc_macro": _average(view.ranking[0], rarer)}


class MeanAveragePrecision(AudioMetric):
    """Area under the precision-recall steps (no interpolation), averaged over classes."""

    kinds = ("labels",)
    names = ("mean_average_precision",)

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return mean_average_precision."""
        return {"mean_average_precision": _average(view.ranking[1], view.counts.support)}
