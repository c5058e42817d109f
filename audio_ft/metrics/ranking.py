"""Metrics of several labels a clip that need no threshold: area under the ROC curve, mean average precision.

Both are averages over the classes where they are defined: ROC needs a clip with and one without the class, average
precision needs one with it. scikit-learn would make the first NaN and call the second 0.
"""

from __future__ import annotations

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured, macro
from audio_ft.metrics.resampling import View


class RocAuc(AudioMetric):
    """Chance that a clip with the class scores above one without it, averaged over classes."""

    kinds = ("labels",)
    names = ("roc_auc_macro",)

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return roc_auc_macro."""
        # The rarer side limits how well an area near 1 is known (Hanley and McNeil 1982, Radiology 143:29).
        rarer = np.minimum(view.counts.support, view.total[:, None] - view.counts.support)
        return {"roc_auc_macro": macro(view.ranking[0], rarer)}


class MeanAveragePrecision(AudioMetric):
    """Area under the precision-recall steps (no interpolation), averaged over classes."""

    kinds = ("labels",)
    names = ("mean_average_precision",)

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return mean_average_precision."""
        return {"mean_average_precision": macro(view.ranking[1], view.counts.support)}
