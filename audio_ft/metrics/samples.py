"""Predictions with their references, validated once: one class for each layout of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.metrics.alignment import errors
from audio_ft.metrics.text_normalizers import normalizer
from audio_ft.metrics.units import NO_CLIPS, FloatArray
from audio_ft.metrics.view import View

Names = Sequence[str]
Dtypes = tuple[tuple[str | list[str], str | list[str]], ...]
# The unit of a transcript's errors.
Tally = Literal["words", "normalized words", "characters"]

# Of several labels those with at least this probability are predicted.
THRESHOLD = 0.5


@dataclass(frozen=True)
class Sample:
    """Hold the validated predictions and references of n clips; a subclass is one layout of arrays.

    Attributes:
        predictions: a model's predictions, (n, …).
        references: the truth, (n, …).
        labels: the names of the classes; () where there are none.
        language: the language of texts, where it is known.
        kind: the kind of target.
        compared_by: the score by which models are compared.
        dtypes: pairs of types that predictions and references may have in `evaluate`; a list is a list of numbers.
        dimensions: the numbers of dimensions of predictions and references; `shapes` is for messages.
    """

    predictions: NDArray[Any]
    references: NDArray[Any]
    labels: tuple[str, ...] = ()
    language: str | None = None

    kind: ClassVar[str]
    compared_by: ClassVar[str]
    dtypes: ClassVar[Dtypes]
    dimensions: ClassVar[tuple[int, int]] = (1, 1)
    shapes: ClassVar[str] = "both (n,)"
    registry: ClassVar[dict[str, type[Sample]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            Sample.registry[cls.kind] = cls

    @classmethod
    def checked(cls, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
        """Validate predictions and references.

        Raises:
            InputError: there are no clips, shapes do not match, or a value cannot be scored.
        """
        guesses, truth = np.asarray(predictions, dtype=np.float64), np.asarray(references)
        if (guesses.ndim, truth.ndim) != cls.dimensions or len(guesses) != len(truth):
            got = f"{guesses.shape}, {truth.shape}"
            raise InputError(f"predictions and references for {cls.kind} must be {cls.shapes}, not {got}")
        if not len(truth):
            raise InputError(NO_CLIPS)
        if not np.isfinite(guesses).all():
            bad = int((~np.isfinite(guesses)).sum())
            raise InputError(f"{bad} predictions are NaN or infinite; scores need finite ones")
        return cls._checked(guesses, truth, tuple(labels))

    @classmethod
    def _checked(cls, guesses: NDArray[np.float64], truth: NDArray[Any], labels: tuple[str, ...]) -> Sample:
        """Return the sample, after checking the values of the references."""
        return cls(guesses, truth)

    def __len__(self) -> int:
        return len(self.references)

    def weigh(self, weights: FloatArray) -> View:
        """Return the clips with weights (b, n), how often each counts in each of b resamples."""
        return View(self, weights)

    @property
    def right(self) -> NDArray[np.bool_] | None:
        """Return which clips are right (n,) where a clip is either right or wrong, for McNemar's test; else None."""
        return None


class LabelSample(Sample):
    """One label a clip: probabilities (n, classes) and class ids (n,).

    `exact` is the name of the score that counts clips with every label right; `exclusive` says whether each clip has
    exactly one class.
    """

    kind, compared_by = "label", "accuracy"
    exact: ClassVar[str] = "accuracy"
    exclusive: ClassVar[bool] = True
    dtypes: ClassVar[Dtypes] = (("int64", "int64"), (["float64"], "int64"))
    dimensions = (2, 1)
    shapes = "(n, classes) and (n,)"

    @classmethod
    def _checked(cls, guesses: NDArray[np.float64], truth: NDArray[Any], labels: tuple[str, ...]) -> Sample:
        classes = guesses.shape[1]
        if not np.equal(np.mod(truth, 1), 0).all():
            raise InputError("references must be whole class ids (label) or 0 and 1 (labels)")
        if labels and len(labels) != classes:
            raise InputError(f"{len(labels)} labels were given for predictions with {classes} classes")
        truth = truth.astype(np.int64)
        cls._refuse(truth, classes)
        return cls(guesses, truth, labels or tuple(map(str, range(classes))))

    @classmethod
    def _refuse(cls, truth: NDArray[Any], classes: int) -> None:
        if truth.min() < 0 or truth.max() >= classes:
            raise InputError(f"class ids must lie in 0..{classes - 1}; they run from {truth.min()} to {truth.max()}")

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """Return which classes each clip belongs to, (n, classes)."""
        return np.asarray(self.references[:, None] == np.arange(len(self.labels)))

    @cached_property
    def guesses(self) -> NDArray[np.bool_]:
        """Return which classes are predicted for each clip, (n, classes): the most probable one."""
        return np.asarray(self.predictions.argmax(axis=1)[:, None] == np.arange(len(self.labels)))

    @cached_property
    def indicators(self) -> Any:
        """Return the columns that counts are sums of, sparse (n, 3 * classes + 1)."""
        from scipy.sparse import csr_array

        # Sparse, because a clip touches three of the 3 * classes + 1 columns: cost does not grow with the classes.
        exact = (self.truth == self.guesses).all(axis=1, keepdims=True)
        return csr_array(np.hstack([self.truth & self.guesses, self.truth, self.guesses, exact]).astype(np.float64))

    @property
    def right(self) -> NDArray[np.bool_] | None:
        """Return which clips are right (n,), where each has one label."""
        return np.asarray(self.predictions.argmax(axis=1) == self.references) if self.exclusive else None


class LabelsSample(LabelSample):
    """Several labels a clip: probabilities and 0/1, both (n, classes)."""

    kind, compared_by = "labels", "f1_micro"
    exact = "subset_accuracy"
    exclusive = False
    dtypes = ((["float64"], ["int64"]),)
    dimensions = (2, 2)
    shapes = "both (n, classes)"

    @classmethod
    def _refuse(cls, truth: NDArray[Any], classes: int) -> None:
        if truth.shape[1] != classes or not np.isin(truth, (0, 1)).all():
            raise InputError(f"references for labels must be 0 or 1 in {classes} columns, one per predicted class")

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """Return which classes each clip belongs to, (n, classes)."""
        return self.references.astype(bool)

    @cached_property
    def guesses(self) -> NDArray[np.bool_]:
        """Return the classes whose probability is THRESHOLD or more, (n, classes)."""
        return np.asarray(self.predictions >= THRESHOLD)


class NumberSample(Sample):
    """A number a clip: floats, both (n,)."""

    kind, compared_by = "number", "mean_absolute_error"
    dtypes = (("float64", "float64"),)

    @classmethod
    def _checked(cls, guesses: NDArray[np.float64], truth: NDArray[Any], labels: tuple[str, ...]) -> Sample:
        values = truth.astype(np.float64)
        if not np.isfinite(values).all():
            raise InputError("some references are NaN or infinite; scores need finite ones")
        return cls(guesses, values)


class TextSample(Sample):
    """A text a clip: strings, both (n,), empty ones included."""

    kind, compared_by = "transcript", "wer"
    dtypes = (("string", "string"),)

    @classmethod
    def checked(cls, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
        """Validate strings, both (n,)."""
        if len(predictions) != len(references):
            counts = f"{len(predictions)} and {len(references)}"
            raise InputError(f"predictions and references must be one string a clip on both sides, not {counts}")
        if not len(references):
            raise InputError(NO_CLIPS)
        for side, texts in (("predictions", predictions), ("references", references)):
            for index, text in enumerate(texts):
                if not isinstance(text, str):
                    raise InputError(f"{side} must be strings; number {index} is {text!r} ({type(text).__name__})")
        # Objects, because numpy's own strings lose null characters at the end.
        return cls(np.array(predictions, dtype=object), np.array(references, dtype=object), (), language)

    def tally(self, unit: Tally) -> FloatArray:
        """Count each clip's reference words (or characters), substitutions, deletions and insertions: (n, 4)."""
        if unit not in self._tallies:
            normalize = normalizer(self.language) if unit == "normalized words" else str
            sides = ([normalize(text) for text in side] for side in (self.references, self.predictions))
            counted = errors(*sides, unit="character" if unit == "characters" else "word")
            self._tallies[unit] = np.array([astuple(each) for each in counted], dtype=np.float64)
        return self._tallies[unit]

    @cached_property
    def _tallies(self) -> dict[Tally, FloatArray]:
        return {}
