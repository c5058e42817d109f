"""What a metric is: an evaluate.Metric whose arithmetic also runs, without arrow files, on thousands of resamples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import datasets
import evaluate
import numpy as np

from audio_ft.metrics.intervals import FloatArray, Scale
from audio_ft.metrics.registry import METRICS
from audio_ft.metrics.resampling import Kind, Sample, View, sample


@dataclass(frozen=True)
class Measured:
    """Hold one score in b resamples, (b,), NaN where it is undefined, and how many clips carry it.

    Attributes:
        values: the score in each resample.
        n: clips it is computed from; None means all.
        effective: clips that carry its precision when all of them are right (an average over classes is known no better
            than its rare classes allow); None means n.
        plain: whether it is a plain proportion of n clips.
    """

    values: FloatArray
    n: FloatArray | None = None
    effective: FloatArray | None = None
    plain: bool = False


class AudioMetric(evaluate.Metric):
    """Compute scores over clips; a subclass says which, and registers itself by its name in snake case.

    A subclass sets the class attributes and writes `measure`; nothing else changes when one is added.

    Attributes:
        kinds: the kinds of target it is for ("single", "multi", "regression", "text").
        names: the score names it may produce, beside the per-class ones.
        per_class: the stem of its per-class scores ("f1" for "f1[zero]"), or "".
        greater_is_better: its direction.
        scale: the scale its interval is built on.
    """

    kinds: ClassVar[tuple[Kind, ...]]
    names: ClassVar[tuple[str, ...]]
    per_class: ClassVar[str] = ""
    greater_is_better: ClassVar[bool] = True
    scale: ClassVar[Scale] = "proportion"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the class under its name in snake case (RocAuc: "roc_auc")."""
        super().__init_subclass__(**kwargs)
        METRICS.register(re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(), cls)

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return every score of this metric in each of the view's resamples."""
        raise NotImplementedError

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=self.__doc__ or "",
            citation="",
            inputs_description=_INPUTS,
            features=[features for kind in self.kinds for features in _FEATURES[kind]()],
        )

    def _compute(self, predictions: Any, references: Any, labels: tuple[str, ...] = (), **extra: Any) -> dict[str, Any]:
        # The extra keywords are those that evaluate.combine hands to every metric alike.
        data = self._sample(predictions, references, labels, extra.get("language"))
        measured = self.measure(data.weigh(np.ones((1, len(data)))))
        return {name: float(m.values[0]) for name, m in measured.items() if np.isfinite(m.values[0])}

    def _sample(
        self, predictions: Any, references: Any, labels: tuple[str, ...], language: str | None = None
    ) -> Sample:
        if "text" in self.kinds:
            return sample("text", predictions, references, language=language)
        guesses, truth = np.asarray(predictions), np.asarray(references)
        kind: Kind = "multi" if truth.ndim == 2 else ("regression" if "regression" in self.kinds else "single")
        if kind == "single" and guesses.ndim == 1:
            # evaluate's own habit: class ids for predictions. As probabilities they are rows of 0 and 1.
            guesses = guesses.astype(np.int64)
            guesses = np.eye(max(len(labels), int(max(guesses.max(), truth.max())) + 1))[guesses]
        return sample(kind, guesses, truth, labels)


_INPUTS = """
Args:
    predictions: class ids or probabilities (n, classes) for one label a clip, probabilities (n, classes) for several,
        floats (n,) for a number, strings (n,) for transcripts.
    references: class ids (n,), a 0/1 matrix (n, classes), floats (n,) or strings (n,).
    labels: names of the classes, for the per-class scores.
    language: the language of transcripts, for the normalized word error rate.
"""


def _features(predictions: Any, references: Any) -> datasets.Features:
    return datasets.Features({"predictions": predictions, "references": references})


def _single_features() -> list[datasets.Features]:
    ids, probabilities = datasets.Value("int64"), datasets.List(datasets.Value("float64"))
    return [_features(ids, ids), _features(probabilities, ids)]


def _multi_features() -> list[datasets.Features]:
    return [_features(datasets.List(datasets.Value("float64")), datasets.List(datasets.Value("int64")))]


def _regression_features() -> list[datasets.Features]:
    return [_features(datasets.Value("float64"), datasets.Value("float64"))]


def _text_features() -> list[datasets.Features]:
    return [_features(datasets.Value("string"), datasets.Value("string"))]


_FEATURES = {
    "single": _single_features,
    "multi": _multi_features,
    "regression": _regression_features,
    "text": _text_features,
}
