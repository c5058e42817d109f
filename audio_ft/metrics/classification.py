"""Metrics of labels: accuracy, precision, recall, F1, confusion, area under the ROC curve, average precision.

Undefined values are NaN in `measure` and absent from the scores; averages are over the classes that have a value.
"""

# - A class in neither references nor predictions has no score (scikit-learn's default choice of labels;
#   `zero_division=nan` for multi-label).
# - A class with clips that is never predicted has precision 0 (`zero_division=0`).
# - Recall of a class without clips is undefined (`balanced_accuracy_score` skips it too).
# - ROC needs a clip with and one without the class, average precision one with it (scikit-learn: NaN and 0).

from __future__ import annotations

from typing import Any

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured, divide, f1, macro, precision, recall
from audio_ft.metrics.units import FloatArray
from audio_ft.metrics.view import Counts, View


def _weighted(values: FloatArray, counts: Counts) -> Measured:
    return Measured(divide((np.nan_to_num(values) * counts.support).sum(axis=1), counts.support.sum(axis=1)))


def _per_class(
    stem: str, view: View, values: FloatArray, sizes: FloatArray, plain: bool = False
) -> dict[str, Measured]:
    return {
        f"{stem}[{label}]": Measured(values[:, c], n=sizes[:, c], plain=plain)
        for c, label in enumerate(view.sample.labels)
    }


class Accuracy(AudioMetric):
    """Share of clips whose label is right; for several labels a clip, of clips whose whole set is right."""

    kinds = ("label", "labels")
    names = ("accuracy", "subset_accuracy")

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return accuracy (one label a clip) or subset_accuracy (several)."""
        return {view.sample.exact: Measured(view.counts.exact / view.total, plain=True)}


class UnweightedAverageRecall(AudioMetric):
    """Average of the classes' recalls (balanced accuracy)."""

    kinds = ("label",)
    names = ("unweighted_average_recall",)

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return unweighted_average_recall over the classes that have clips."""
        return {"unweighted_average_recall": macro(*recall(*view.counts.sides))}


class F1(AudioMetric):
    """Harmonic mean of precision and recall: 2 right / (support + predicted)."""

    kinds = ("label", "labels")
    names = ("f1_macro", "f1_weighted", "f1_micro")
    per_class = "f1"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return f1_macro, f1_weighted (one label a clip) or f1_micro (several), and f1 per class."""
        counts = view.counts
        values, touched = f1(*counts.sides)
        scores = {"f1_macro": macro(values, touched)}
        if view.sample.exclusive:
            # Over all labels of a single-label task, micro F1 is accuracy.
            scores["f1_weighted"] = _weighted(values, counts)
        else:
            scores["f1_micro"] = Measured(f1(*(side.sum(axis=1) for side in counts.sides))[0])
        return scores | _per_class("f1", view, values, touched)


class Precision(AudioMetric):
    """Share of a class's predictions that are right."""

    kinds = ("label",)
    names = ("precision_macro", "precision_weighted")
    per_class = "precision"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return precision_macro, precision_weighted and precision per class."""
        values, sizes = precision(*view.counts.sides)
        scores = {"precision_macro": macro(values, sizes), "precision_weighted": _weighted(values, view.counts)}
        return scores | _per_class("precision", view, values, sizes, plain=True)


class Recall(AudioMetric):
    """Share of a class's clips that are found; its unweighted average is UnweightedAverageRecall."""

    kinds = ("label",)
    names = ("recall_weighted",)
    per_class = "recall"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return recall_weighted and recall per class."""
        values, sizes = recall(*view.counts.sides)
        weighted = {"recall_weighted": _weighted(values, view.counts)}
        return weighted | _per_class("recall", view, values, sizes, plain=True)


class ConfusionMatrix(AudioMetric):
    """Count clips by class (rows) and predicted class (columns); it has no scalar score."""

    kinds = ("label",)
    names = ()

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return nothing: a matrix is not a score."""
        return {}

    def _compute(self, predictions: Any, references: Any, labels: tuple[str, ...] = (), **_: Any) -> dict[str, Any]:
        from sklearn.metrics import confusion_matrix

        data = self._sample(predictions, references, labels)
        ids = range(len(data.labels))
        return {
            "confusion_matrix": confusion_matrix(data.references, data.predictions.argmax(axis=1), labels=ids).tolist()
        }


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
