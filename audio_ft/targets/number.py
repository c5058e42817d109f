"""Number: a value for each recording."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from audio_ft.errors import InputError
from audio_ft.metrics.samples import NumberSample
from audio_ft.targets.base import Array, Estimator, Target
from audio_ft.targets.cells import NUMBER, missing
from audio_ft.targets.judged import Judged
from audio_ft.targets.label import CLASS_COLUMNS
from audio_ft.targets.wording import Wording

# "0,5", as tables have it where the comma is the decimal sign.
_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
# Splits keep the shares of this many equal bins.
BINS = 10


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
    def read(cls, cells: Sequence[Any], column: str) -> tuple[Sequence[Any], list[str]]:
        """Return decimal commas as points, where every filled cell is a number with one or a whole number."""
        filled = [cell for cell in cells if not missing(cell)]
        numbers = all(isinstance(cell, str) and (_COMMA.fullmatch(cell) or NUMBER.fullmatch(cell)) for cell in filled)
        if not numbers or any("." in cell for cell in filled) or not any("," in cell for cell in filled):
            return cells, []
        first = next(cell for cell in filled if "," in cell).strip()
        note = f"column {column!r} has decimal commas and is read as numbers: {first} is {first.replace(',', '.')}"
        return [cell.replace(",", ".") if isinstance(cell, str) else cell for cell in cells], [note]

    @classmethod
    def recognizes(cls, cells: Sequence[Any], *, chosen: bool) -> bool:
        """Return whether cells are numbers with decimals, or floats in a column that the user named."""
        filled = [cell for cell in cells if not missing(cell)]
        if filled and all(isinstance(cell, float) for cell in filled):
            return chosen or any(not cell.is_integer() for cell in filled)
        texts = {str(cell) for cell in filled if not isinstance(cell, bool)}
        return bool(texts) and all(map(NUMBER.fullmatch, texts)) and any("." in text for text in texts)

    @classmethod
    def parse_cell(cls, cell: Any, source: str, key: str) -> float:
        """Return a finite number."""
        try:
            value = float(cell)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{source}: expected a finite number for {key}, got {cell!r}; fix it, or use kind='label'")
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
