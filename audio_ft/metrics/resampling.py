"""Predictions beside references, checked once, and their sums under resampling weights.

Everything a score needs is a weighted sum over clips, so a thousand resamples are one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.metrics.alignment import errors
from audio_ft.metrics.intervals import FloatArray
from audio_ft.metrics.text_normalizers import normalizer

Kind = Literal["single", "multi", "regression", "text"]
KINDS: tuple[Kind, ...] = ("single", "multi", "regression", "text")
# What a transcript's errors are counted in.
Tally = Literal["words", "normalized words", "characters"]

# A class of a multi-label clip counts as predicted from this probability on.
THRESHOLD = 0.5


@dataclass(frozen=True)
class Sample:
    """Hold the predictions and references of n clips.

    Shapes: single: probabilities (n, classes) and ids (n,); multi: probabilities and 0/1 (n, classes);
    regression: floats (n,) twice; text: strings (n,) twice, in `language` where that is known.
    """

    kind: Kind
    predictions: NDArray[Any]
    references: NDArray[Any]
    labels: tuple[str, ...]
    language: str | None = None

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.references)

    def weigh(self, weights: FloatArray) -> View:
        """See the clips with weights (b, n), how often each counts in each of b resamples."""
        return View(self, weights)

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """Which classes each clip belongs to, (n, classes)."""
        if self.kind == "multi":
            return self.references.astype(bool)
        return np.asarray(self.references[:, None] == np.arange(len(self.labels)))

    @cached_property
    def guesses(self) -> NDArray[np.bool_]:
        """Which classes each clip is given, (n, classes): the most probable one, or all from THRESHOLD on."""
        if self.kind == "multi":
            return np.asarray(self.predictions >= THRESHOLD)
        return np.asarray(self.predictions.argmax(axis=1)[:, None] == np.arange(len(self.labels)))

    def tally(self, unit: Tally) -> FloatArray:
        """Count a text sample's reference words (or characters), substitutions, deletions, insertions: (n, 4)."""
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

    @cached_property
    def _indicators(self) -> Any:
        from scipy.sparse import csr_array

        # Sparse, because a clip touches three of the 3 * classes + 1 columns: cost does not grow with the classes.
        exact = (self.truth == self.guesses).all(axis=1, keepdims=True)
        return csr_array(np.hstack([self.truth & self.guesses, self.truth, self.guesses, exact]).astype(np.float64))


@dataclass(frozen=True)
class Counts:
    """Count per class and resample: right (b, classes), support, predicted; exact and total are (b,)."""

    right: FloatArray
    support: FloatArray
    predicted: FloatArray
    exact: FloatArray
    total: FloatArray


@dataclass(frozen=True)
class View:
    """See a sample through resampling weights (b, n)."""

    sample: Sample
    weights: FloatArray

    @cached_property
    def total(self) -> FloatArray:
        """Clips in each resample, (b,)."""
        return self.weights.sum(axis=1)

    @cached_property
    def counts(self) -> Counts:
        """Right, support and predicted per class in each resample."""
        sums = np.asarray(self.weights @ self.sample._indicators)
        right, support, predicted = np.split(sums[:, :-1], 3, axis=1)
        return Counts(right, support, predicted, sums[:, -1], self.total)

    def mean(self, values: FloatArray) -> FloatArray:
        """Average a value per clip (n,) over each resample: (b,)."""
        return (self.weights @ values) / self.total

    @cached_property
    def ranking(self) -> tuple[FloatArray, FloatArray]:
        """Area under the ROC curve and average precision per class, each (b, classes); NaN where undefined."""
        # Clips first: sorting then moves whole rows, five times quicker than picking columns.
        drawn = np.ascontiguousarray(self.weights.T)
        columns = [
            _rank(drawn, self.sample.predictions[:, c], self.sample.truth[:, c])
            for c in range(self.sample.truth.shape[1])
        ]
        return np.stack([auc for auc, _ in columns], axis=1), np.stack([ap for _, ap in columns], axis=1)


def _rank(drawn: FloatArray, scores: FloatArray, truth: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return area under the ROC curve and average precision, (b,) each, from weights (n, b) and one class's scores."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = drawn[order], truth[order]
    seen = _running(ordered)
    mine = ordered[hits]
    found = _running(mine)
    positives, negatives = found[-1], seen[-1] - found[-1]
    # Clips of equal score are one step of the curve, whatever their order: where each positive's step starts and ends.
    start, end = (np.searchsorted(-scores[order], -scores[order][hits], side=side) for side in ("left", "right"))
    earlier = np.concatenate([[0], hits.cumsum()])
    upto = found[earlier[end]]
    with np.errstate(divide="ignore", invalid="ignore"):
        # A negative above a positive is a lost pair, one beside it half a lost pair.
        beside = seen[end] - upto
        lost = np.einsum("tb,tb->b", mine, beside + seen[start] - found[earlier[start]]) / 2
        auc = 1 - lost / (positives * negatives)
        # Before the first clip drawn nothing is seen, and no positive either: 0 / 1 instead of 0 / 0.
        precision = np.einsum("tb,tb->b", mine, upto / np.maximum(seen[end], 1.0)) / positives
    return np.where(negatives > 0, np.where(positives > 0, auc, np.nan), np.nan), precision


def _running(rows: FloatArray) -> FloatArray:
    """Sum rows (t, b) cumulatively, a row of zeros first: (t + 1, b)."""
    sums = np.zeros((len(rows) + 1, rows.shape[1]))
    np.cumsum(rows, axis=0, out=sums[1:])
    return sums


def sample(
    kind: str, predictions: Any, references: Any, labels: Sequence[str] = (), language: str | None = None
) -> Sample:
    """Check predictions against references and hold them together.

    Raises:
        InputError: unknown kind, no clips, shapes that do not fit, a class id without a column, a target other than 0
            and 1, a value that is not finite, or a transcript that is no text.
    """
    if kind not in KINDS:
        raise InputError(f"kind must be one of {', '.join(KINDS)}, not {kind!r}")
    if kind == "text":
        return _texts(predictions, references, language)
    guesses, truth = np.asarray(predictions, dtype=np.float64), np.asarray(references)
    wanted = {"single": (2, 1), "multi": (2, 2), "regression": (1, 1)}[kind]
    if (guesses.ndim, truth.ndim) != wanted or len(guesses) != len(truth):
        shapes = {"single": "(n, classes) and (n,)", "multi": "(n, classes) twice", "regression": "(n,) twice"}[kind]
        raise InputError(f"predictions and references for {kind} must be {shapes}, not {guesses.shape}, {truth.shape}")
    if not len(truth):
        raise InputError("a score needs at least one clip; there are none")
    if not np.isfinite(guesses).all():
        bad = int((~np.isfinite(guesses)).sum())
        raise InputError(f"{bad} predictions are NaN or infinite; scores need finite ones")
    classes = guesses.shape[1] if guesses.ndim == 2 else 0
    if labels and kind != "regression" and len(labels) != classes:
        raise InputError(f"{len(labels)} labels were given for predictions with {classes} classes")
    names = tuple(labels) or tuple(str(c) for c in range(classes))
    return Sample(kind, guesses, _references(kind, truth, classes), names)


def _texts(predictions: Any, references: Any, language: str | None) -> Sample:
    """Check transcripts: one string a clip on both sides, empty ones welcome."""
    sides = {"predictions": list(predictions), "references": list(references)}
    if len(sides["predictions"]) != len(sides["references"]):
        counts = f"{len(sides['predictions'])} and {len(sides['references'])}"
        raise InputError(f"predictions and references for text must be one string a clip on both sides, not {counts}")
    if not sides["references"]:
        raise InputError("a score needs at least one clip; there are none")
    for side, texts in sides.items():
        for place, text in enumerate(texts):
            if not isinstance(text, str):
                raise InputError(f"{side} for text must be strings; number {place} is {text!r} ({type(text).__name__})")
    # Objects, because numpy's own strings lose null characters at the end.
    guesses, truth = (np.array(texts, dtype=object) for texts in sides.values())
    return Sample("text", guesses, truth, (), language)


def _references(kind: str, truth: NDArray[Any], classes: int) -> NDArray[Any]:
    if kind == "regression":
        values = truth.astype(np.float64)
        if not np.isfinite(values).all():
            raise InputError("some references are NaN or infinite; scores need finite ones")
        return values
    if not np.equal(np.mod(truth, 1), 0).all():
        raise InputError("references must be whole class ids (single) or 0 and 1 (multi)")
    ids = truth.astype(np.int64)
    if kind == "multi" and (ids.shape[1] != classes or not np.isin(ids, (0, 1)).all()):
        raise InputError(f"references for multi must be 0 or 1 in {classes} columns, one per predicted class")
    if kind == "single" and (ids.min() < 0 or ids.max() >= classes):
        raise InputError(f"class ids must lie in 0..{classes - 1}; they run from {ids.min()} to {ids.max()}")
    return ids
