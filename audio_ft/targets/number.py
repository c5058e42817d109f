"""Number: a value for each recording."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from audio_ft.errors import InputError
from audio_ft.metrics.samples import NumberSample
from audio_ft.settings.rules import shown
from audio_ft.targets.base import Array, Estimator, Target
from audio_ft.targets.cells import NUMBER, as_text, missing
from audio_ft.targets.judged import Judged
from audio_ft.targets.label import CLASS_COLUMNS
from audio_ft.targets.numerals import numerals
from audio_ft.targets.reading import Form, Reading
from audio_ft.targets.wording import Wording

# Splits keep the shares of this many equal bins.
BINS = 10
# Whole floats of up to this many values, each twice on average, are classes: more of them, and it is an age or a count.
# Whole numbers without a point are classes unless there are more of them and each occurs twice at most, on average.
MOST_CLASSES = 20
INFINITE = ("inf", "infinity", "\u221e")
# A column with this share of numbers is meant to hold numbers.
MOSTLY = 0.9


@dataclass(frozen=True)
class Number(Target):
    """A number a recording; predictions and references are floats (clips,)."""

    kind = "number"
    wording = Wording(
        short="numbers",
        cell="the number",
        task="A number for each recording",
        card="For each recording it predicts a number, {column}.",
        errors_title="Farthest off",
        errors_name="predictions",
        errors_order="farthest from the truth first",
    )
    sample = NumberSample
    second_score = "concordance"
    selection_metric = "concordance"
    column_names = CLASS_COLUMNS
    stratified_by = "value"
    slice_name = "target"
    storage: ClassVar[Mapping[str, Any]] = {"_type": "Value", "dtype": "float64"}
    regression = True

    @classmethod
    def read(cls, cells: Sequence[Any], form: Form) -> Reading | None:
        """Return numbers where all cells are, some with decimals; decimal commas ("3,5") become points.

        Whole numbers are classes, as 0.0 and 1.0 are once a gap turned integers into floats, unless they are too many.

        Raises:
            InputError: all cells but a few are numbers with decimals.
        """
        filled = [as_text(cell) if isinstance(cell, bool | list | tuple | dict) else cell for cell in cells]
        texts = [str(cell) for cell in filled if not missing(cell)]
        if found := numerals(texts):
            if not form.forced and not _real([found.values[text] for text in texts]):
                return None
            if one := found.ambiguous:
                whole, decimal = one.replace(",", ""), one.replace(",", ".")
                raise InputError(
                    f"column {form.column!r}: {one} may be {whole} or {decimal}; write the numbers without separators "
                    "of thousands and with a decimal point, or set data.kind=label if these are names"
                )
            read = [found.values.get(cell, cell) if isinstance(cell, str) else cell for cell in cells]
            return Reading(read, found.how if form.forced else f"{found.how}; data.kind=label reads classes")
        if form.forced:
            return Reading(cells)
        points = any("." in text for text in texts)
        plain = {text: text.replace(",", ".") for text in texts if not points or "," not in text}
        numeric = [text for text in texts if NUMBER.fullmatch(plain.get(text, ""))]
        other = next((text for text in texts if text not in numeric), "")
        without = [text for text in texts if text.strip().lower().lstrip("+-") not in INFINITE]
        if numeric and len(numeric) >= MOSTLY * len(without) and _real([plain[text] for text in numeric]):
            raise InputError(
                f"column {form.column!r}: {len(numeric):,} of {len(texts):,} targets are numbers, and {other!r} is not "
                f"one; set data.gaps={other} if it means a gap, or data.kind=label if these are names"
            )
        return None

    @classmethod
    def counted(cls, targets: Sequence[Any]) -> str:
        """Return the range of the numbers."""
        return f"numbers from {min(targets, default=0):.4g} to {max(targets, default=0):.4g}"

    @classmethod
    def parse_cell(cls, cell: Any, source: str, key: str) -> float:
        """Return a finite number."""
        try:
            value = float(cell)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise InputError(
                f"{source}: expected a finite number for {key}, got {shown(cell)}; fix it, or set data.kind=label"
            )
        return value

    @classmethod
    def strata(cls, targets: Sequence[Any]) -> list[list[int]]:
        """Return the equal bin of each row, by rank."""
        bins = max(1, min(BINS, len(targets) // BINS))
        ranks = np.argsort(np.argsort(np.asarray(targets, dtype=float), kind="stable"), kind="stable")
        return [[int(rank)] for rank in ranks * bins // max(1, len(targets))]

    @classmethod
    def summary(cls, targets: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
        """Return the lowest, median and highest value."""
        low, middle, high = np.quantile(np.asarray(targets, float), (0, 0.5, 1)).tolist()
        return {"values": {"lowest": low, "median": middle, "highest": high}}

    def encode(self, targets: Sequence[Any]) -> Array:
        """Return numbers (clips,)."""
        return np.asarray(targets, np.float32)

    def constant(self, references: Array, count: int) -> Array:
        """Return the mean of the training set for every clip."""
        return np.full(count, references.astype(np.float64).mean())

    def fit_predict(self, build: Estimator, features: Array, references: Array, others: Array) -> Array:
        """Return the values that a regressor predicts (n,)."""
        return np.asarray(build().fit(features, references.astype(np.float64)).predict(others), np.float64)

    def fit_linear(self, build: Estimator, features: Array, references: Array) -> tuple[Array, Array]:
        """Return the weights (1, k) and bias (1,) of the value."""
        fitted = build().fit(features, references.astype(np.float64))
        return fitted.coef_[None], np.atleast_1d(fitted.intercept_)

    def as_dict(self, prediction: Any) -> dict[str, Any]:
        """Return {"value": number}."""
        return {"value": float(prediction)}

    def columns(self, predictions: Sequence[dict[str, Any]], targets: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the value of each clip."""
        return {"prediction": [prediction["value"] for prediction in predictions]}

    def judge(self, row: Mapping[str, Any]) -> Judged:
        """Judge by the distance from the truth; all count as wrong, since no number is exactly right."""
        truth, guess = float(row["reference"]), float(row["prediction"])
        return Judged.of(
            row,
            reference=f"{truth:.4g}",
            prediction=f"{guess:.4g}",
            wrong=True,
            badness=abs(guess - truth),
            verdict=f"{guess - truth:+.4g}",
        )

    def lead(self, clips: Sequence[Judged]) -> str:
        """Return the median distance from the truth."""
        order = sorted(clip.badness for clip in clips)
        typical = f"{order[len(order) // 2]:.3g}" if order else "nothing"
        return f"Half of the predictions for {len(clips):,} test recordings lie within {typical} of the truth, given"


def _real(texts: Sequence[str]) -> bool:
    """Return whether numbers are values rather than the numbers of classes."""
    values = {float(text) for text in texts}
    if any(value % 1 for value in values):
        return True
    if not any("." in text for text in texts):
        return len(values) > MOST_CLASSES and 2 * len(values) >= len(texts)
    numbered = values <= set(range(len(values) + 1))
    return (len(values) > MOST_CLASSES and not numbered) or 2 * len(values) > len(texts)
