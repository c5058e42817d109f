"""Metric: an evaluate.Metric that also computes its scores for thousands of resamples, without arrow files."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import datasets
import evaluate
import numpy as np

from audio_ft.metrics.intervals import Measured, Scale
from audio_ft.metrics.registry import METRICS
from audio_ft.metrics.samples import Names, Sample
from audio_ft.metrics.units import FloatArray
from audio_ft.metrics.view import View

__all__ = ["AudioMetric", "Measured", "divide", "f1", "macro", "precision", "recall"]

_INPUTS = """
Args:
    predictions: class ids or probabilities (n, classes) for one label a clip, probabilities (n, classes) for several,
        floats (n,) for a number, strings (n,) for transcripts.
    references: class ids (n,), a 0/1 matrix (n, classes), floats (n,) or strings (n,).
    labels: names of the classes, for the per-class scores.
    language: the language of transcripts, for the normalized word error rate.
"""


class AudioMetric(evaluate.Metric):
    """Compute scores over clips; a subclass with `names` registers itself by its class name in snake case.

    A subclass sets the class attributes and implements `measure`; nothing else changes when one is added.

    Attributes:
        kinds: the kinds of sample it is for ("label", "labels", "number", "transcript").
        names: the score names it may produce, beside the per-class ones.
        per_class: the stem of its per-class scores ("f1" for "f1[zero]"), or "".
        greater_is_better: its direction.
        scale: the scale its interval is built on.
    """

    kinds: ClassVar[tuple[str, ...]]
    names: ClassVar[tuple[str, ...]]
    per_class: ClassVar[str] = ""
    greater_is_better: ClassVar[bool] = True
    scale: ClassVar[Scale] = "proportion"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class under its name in snake case (RocAuc: "roc_auc")."""
        super().__init_subclass__(**kwargs)
        if "names" in cls.__dict__:
            METRICS.register(re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(), cls)

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return every score of this metric in each of the view's resamples."""
        raise NotImplementedError

    def _info(self) -> evaluate.MetricInfo:
        def column(dtype: str | list[str]) -> Any:
            return datasets.List(datasets.Value(dtype[0])) if isinstance(dtype, list) else datasets.Value(dtype)

        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="",
            inputs_description=_INPUTS,
            features=[
                datasets.Features({"predictions": column(predictions), "references": column(references)})
                for kind in self.kinds
                for predictions, references in Sample.registry[kind].dtypes
            ],
        )

    def _compute(self, predictions: Any, references: Any, labels: tuple[str, ...] = (), **extra: Any) -> dict[str, Any]:
        # evaluate.combine passes the same extra keywords to every metric.
        data = self._sample(predictions, references, labels, extra.get("language"))
        measured = self.measure(data.weigh(np.ones((1, len(data)))))
        return {name: float(m.values[0]) for name, m in measured.items() if np.isfinite(m.values[0])}

    def _sample(self, predictions: Any, references: Any, labels: Names, language: str | None = None) -> Sample:
        layouts = [Sample.registry[kind] for kind in self.kinds]
        layout = next((each for each in layouts if each.dimensions[1] == np.ndim(references)), layouts[0])
        if layout.dimensions[0] == 2 and np.ndim(predictions) == 1 and len(predictions):
            # Class ids become rows of 0 and 1.
            ids = np.asarray(predictions, np.int64)
            predictions = np.eye(max(len(labels), int(max(ids.max(), np.max(references))) + 1))[ids]
        return layout.checked(predictions, references, labels, language)


def divide(above: FloatArray, below: FloatArray) -> FloatArray:
    """Return quotients, NaN where `below` is not positive."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)


# The scores of classes from counts of what is found, true and predicted (b, classes), NaN where they are undefined, and
# how many clips or events each is based on.


def f1(found: FloatArray, true: FloatArray, predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the harmonic mean of precision and recall."""
    return divide(2 * found, true + predicted), true + predicted - found


def precision(found: FloatArray, true: FloatArray, predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return found over predicted; 0 for a class that occurs and is never predicted."""
    values = divide(found, np.maximum(predicted, 1.0))
    return np.where((true > 0) | (predicted > 0), values, np.nan), predicted


def recall(found: FloatArray, true: FloatArray, predicted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return found over true."""
    return divide(found, true), true


def macro(values: FloatArray, sizes: FloatArray) -> Measured:
    """Average (b, classes) over the classes that have a value, each based on `sizes` clips."""
    defined = np.isfinite(values)
    classes = defined.sum(axis=1).astype(np.float64)
    average = divide(np.where(defined, values, 0.0).sum(axis=1), classes)
    # Var of a mean of k proportions p(1-p)/n_c is p(1-p) / (k^2 / sum 1/n_c).
    inverse = np.where(defined, 1 / np.maximum(sizes, 1.0), 0.0).sum(axis=1)
    return Measured(average, effective=divide(classes**2, inverse))
