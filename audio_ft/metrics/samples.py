"""Predictions with their references, validated once: one class for each layout of arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.metrics.alignment import errors
from audio_ft.metrics.intervals import FloatArray
from audio_ft.metrics.resampling import View
from audio_ft.metrics.text_normalizers import normalizer

Names = Sequence[str]
NO_CLIPS = "a score needs at least one clip; there are none"
# The unit of a transcript's errors.
Tally = Literal["words", "normalized words", "characters"]

# Of several labels those with at least this probability are predicted.
THRESHOLD = 0.5


@dataclass(frozen=True)
class Sample(ABC):
    """Hold the validated predictions and references of n clips; a subclass is one layout of arrays.

    Attributes:
        predictions: a model's predictions, (n, …).
        references: the truth, (n, …).
        labels: the names of the classes; () where there are none.
        language: the language of texts, where it is known.
        kind: the kind of target.
        compared_by: the score by which models are compared.
        dtypes: pairs of types that predictions and references may have in `evaluate`; a list is a list of numbers.
    """

    predictions: NDArray[Any]
    references: NDArray[Any]
    labels: tuple[str, ...] = ()
    language: str | None = None

    kind: ClassVar[str]
    compared_by: ClassVar[str]
    dtypes: ClassVar[tuple[tuple[str | list[str], str | list[str]], ...]]
    registry: ClassVar[dict[str, type[Sample]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            Sample.registry[cls.kind] = cls

    @classmethod
    @abstractmethod
    def checked(cls, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
        """Validate predictions and references.

        Raises:
            InputError: there are no clips, shapes do not match, or a value cannot be scored.
        """

    @classmethod
    def fits(cls, references: Any) -> bool:
        """Return whether references have this layout, for metrics that are for several."""
        return np.ndim(references) == 1

    @classmethod
    def lenient(cls, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
        """Validate as `checked` does, and accept other forms of predictions that the `evaluate` library has."""
        return cls.checked(predictions, references, labels, language)

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.references)

    def weigh(self, weights: FloatArray) -> View:
        """Return the clips with weights (b, n), how often each counts in each of b resamples."""
        return View(self, weights)

    @property
    def right(self) -> NDArray[np.bool_] | None:
        """Return which clips are right (n,) where a clip is either right or wrong, for McNemar's test; else None."""
        return None


class ClassSample(Sample, ABC):
    """Hold probabilities (n, classes) and classes."""

    # The name of the score that counts clips with every label right.
    exact: ClassVar[str]
    # Whether each clip has exactly one class.
    exclusive: ClassVar[bool]

    @property
    @abstractmethod
    def truth(self) -> NDArray[np.bool_]:
        """Return which classes each clip belongs to, (n, classes)."""

    @property
    @abstractmethod
    def guesses(self) -> NDArray[np.bool_]:
        """Return which classes are predicted for each clip, (n, classes)."""

    @cached_property
    def indicators(self) -> Any:
        """Return the columns that counts are sums of, sparse (n, 3 * classes + 1)."""
        from scipy.sparse import csr_array

        # Sparse, because a clip touches three of the 3 * classes + 1 columns: cost does not grow with the classes.
        exact = (self.truth == self.guesses).all(axis=1, keepdims=True)
        return csr_array(np.hstack([self.truth & self.guesses, self.truth, self.guesses, exact]).astype(np.float64))


class LabelSample(ClassSample):
    """One label a clip: probabilities (n, classes) and class ids (n,)."""

    kind, compared_by, exact, exclusive = "label", "accuracy", "accuracy", True
    dtypes = (("int64", "int64"), (["float64"], "int64"))

    @classmethod
    def checked(cls, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
        """Validate probabilities (n, classes) and class ids (n,)."""
        guesses, ids = _arrays(cls.kind, predictions, references, (2, 1), "(n, classes) and (n,)")
        classes = guesses.shape[1]
        ids = _whole(ids)
        if ids.min() < 0 or ids.max() >= classes:
            raise InputError(f"class ids must lie in 0..{classes - 1}; they run from {ids.min()} to {ids.max()}")
        return cls(guesses, ids, _names(labels, classes))

    @classmethod
    def lenient(cls, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
        """Accept class ids as predictions: they become rows of 0 and 1."""
        guesses, truth = np.asarray(predictions), np.asarray(references)
        if guesses.ndim == 1 and guesses.size and truth.size:
            guesses = guesses.astype(np.int64)
            guesses = np.eye(max(len(labels), int(max(guesses.max(), truth.max())) + 1))[guesses]
        return cls.checked(guesses, truth, labels, language)

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """Return which class each clip belongs to, (n, classes)."""
        return np.asarray(self.references[:, None] == np.arange(len(self.labels)))

    @cached_property
    def guesses(self) -> NDArray[np.bool_]:
        """Return the most probable class of each clip, (n, classes)."""
        return np.asarray(self.predictions.argmax(axis=1)[:, None] == np.arange(len(self.labels)))

    @property
    def right(self) -> NDArray[np.bool_]:
        """Return which clips are right (n,)."""
        return np.asarray(self.predictions.argmax(axis=1) == self.references)


class LabelsSample(ClassSample):
    """Several labels a clip: probabilities and 0/1, both (n, classes)."""

    kind, compared_by, exact, exclusive = "labels", "f1_micro", "subset_accuracy", False
    dtypes = ((["float64"], ["int64"]),)

    @classmethod
    def checked(cls, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
        """Validate probabilities and 0/1, both (n, classes)."""
        guesses, flags = _arrays(cls.kind, predictions, references, (2, 2), "both (n, classes)")
        classes = guesses.shape[1]
        flags = _whole(flags)
        if flags.shape[1] != classes or not np.isin(flags, (0, 1)).all():
            raise InputError(f"references for labels must be 0 or 1 in {classes} columns, one per predicted class")
        return cls(guesses, flags, _names(labels, classes))

    @classmethod
    def fits(cls, references: Any) -> bool:
        """Return whether references are a matrix."""
        return np.ndim(references) == 2

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
    def checked(cls, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
        """Validate floats, both (n,)."""
        guesses, truth = _arrays(cls.kind, predictions, references, (1, 1), "both (n,)")
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
        sides = {"predictions": list(predictions), "references": list(references)}
        if len(sides["predictions"]) != len(sides["references"]):
            counts = f"{len(sides['predictions'])} and {len(sides['references'])}"
            raise InputError(f"predictions and references must be one string a clip on both sides, not {counts}")
        if not sides["references"]:
            raise InputError(NO_CLIPS)
        for side, texts in sides.items():
            for index, text in enumerate(texts):
                if not isinstance(text, str):
                    raise InputError(f"{side} must be strings; number {index} is {text!r} ({type(text).__name__})")
        # Objects, because numpy's own strings lose null characters at the end.
        guesses, truth = (np.array(texts, dtype=object) for texts in sides.values())
        return cls(guesses, truth, (), language)

    def tally(self, unit: Tally) -> FloatArray:
        """Count each clip's reference words (or characters), substitutions, deletions and insertions: (n, 4)."""
        if unit not in self._tallies:
            self._tallies[unit] = self._tallied(unit)
        return self._tallies[unit]

    @cached_property
    def _tallies(self) -> dict[Tally, FloatArray]:
        return {}

    def _tallied(self, unit: Tally) -> FloatArray:
        references, hypotheses = self.references.tolist(), self.predictions.tolist()
        if unit == "normalized words":
            normalize = normalizer(self.language)
            references, hypotheses = [normalize(text) for text in references], [normalize(text) for text in hypotheses]
        counted = errors(references, hypotheses, unit="character" if unit == "characters" else "word")
        return np.array([astuple(each) for each in counted], dtype=np.float64)


def sample(kind: str, predictions: Any, references: Any, labels: Names = (), language: str | None = None) -> Sample:
    """Validate predictions and references; see the subclasses of `Sample` for shapes.

    Raises:
        InputError: the kind is unknown, or see `Sample.checked`.
    """
    if kind not in Sample.registry:
        raise InputError(f"kind must be one of {', '.join(Sample.registry)}, not {kind!r}")
    return Sample.registry[kind].checked(predictions, references, labels, language)


def _arrays(
    kind: str, predictions: Any, references: Any, dimensions: tuple[int, int], shapes: str
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Return both as arrays of the expected dimensions, with finite predictions."""
    guesses, truth = np.asarray(predictions, dtype=np.float64), np.asarray(references)
    if (guesses.ndim, truth.ndim) != dimensions or len(guesses) != len(truth):
        raise InputError(f"predictions and references for {kind} must be {shapes}, not {guesses.shape}, {truth.shape}")
    if not len(truth):
        raise InputError(NO_CLIPS)
    if not np.isfinite(guesses).all():
        bad = int((~np.isfinite(guesses)).sum())
        raise InputError(f"{bad} predictions are NaN or infinite; scores need finite ones")
    return guesses, truth


def _whole(truth: NDArray[Any]) -> NDArray[np.int64]:
    if not np.equal(np.mod(truth, 1), 0).all():
        raise InputError("references must be whole class ids (label) or 0 and 1 (labels)")
    return truth.astype(np.int64)


def _names(labels: Sequence[str], classes: int) -> tuple[str, ...]:
    if labels and len(labels) != classes:
        raise InputError(f"{len(labels)} labels were given for predictions with {classes} classes")
    return tuple(labels) or tuple(str(number) for number in range(classes))
