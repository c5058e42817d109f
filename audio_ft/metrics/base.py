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
from audio_ft.metrics.resampling import View
from audio_ft.metrics.samples import Sample


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
            features=[
                datasets.Features({"predictions": predictions, "references": references})
                for kind in self.kinds
                for predictions, references in Sample.registry[kind].columns()
            ],
        )

    def _compute(self, predictions: Any, references: Any, labels: tuple[str, ...] = (), **extra: Any) -> dict[str, Any]:
        # The extra keywords are those that evaluate.combine hands to every metric alike.
        data = self._sample(predictions, references, labels, extra.get("language"))
        measured = self.measure(data.weigh(np.ones((1, len(data)))))
        return {name: float(m.values[0]) for name, m in measured.items() if np.isfinite(m.values[0])}

    def _sample(
        self, predictions: Any, references: Any, labels: tuple[str, ...], language: str | None = None
    ) -> Sample:
        layouts = [Sample.registry[kind] for kind in self.kinds]
        fitting = next((layout for layout in layouts if layout.fits(references)), layouts[0])
        return fitting.lenient(predictions, references, labels, language)


_INPUTS = """
Args:
    predictions: class ids or probabilities (n, classes) for one label a clip, probabilities (n, classes) for several,
        floats (n,) for a number, strings (n,) for transcripts.
    references: class ids (n,), a 0/1 matrix (n, classes), floats (n,) or strings (n,).
    labels: names of the classes, for the per-class scores.
    language: the language of transcripts, for the normalized word error rate.
"""
