"""Labels: any number of classes for each recording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.metrics.samples import THRESHOLD, LabelsSample
from audio_ft.targets.base import Estimator, Target, of_row
from audio_ft.targets.cells import as_text, missing, sorted_names
from audio_ft.targets.judged import Judged
from audio_ft.targets.label import (
    CLASS_COLUMNS,
    class_line,
    class_probabilities,
    most_probable,
    most_probable_first,
    probability_columns,
    spelled_alike,
)
from audio_ft.targets.wording import Wording

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame

SEPARATOR = ";"


@dataclass(frozen=True)
class Labels(Target):
    """Any number of classes a recording; predictions are probabilities, references 0 and 1, both (clips, labels)."""

    kind = "labels"
    wording = Wording(
        short="several labels",
        cell="the label",
        task="Audio classification, several labels at once",
        card="For each recording it predicts which of {count} labels apply, with a probability for each: {labels}.",
        errors_order="most wrong labels first",
        predictions_title="Labels",
    )
    sample = LabelsSample
    beside = "mean_average_precision"
    selection_metric = "f1_macro"
    column_names = CLASS_COLUMNS
    overlapping = True

    @classmethod
    def recognizes(cls, cells: Sequence[Any], *, chosen: bool) -> bool:
        """Return whether any cell is a list or holds ";"."""
        return any(
            isinstance(cell, list | tuple) or (isinstance(cell, str) and SEPARATOR in cell)
            for cell in cells
            if not missing(cell)
        )

    @classmethod
    def empty(cls, cell: Any) -> bool:
        """Return whether a cell is None: an empty text is a recording without any label."""
        return cell is None

    @classmethod
    def parse_cell(cls, cell: Any, place: str, key: str) -> list[str]:
        """Return the labels of a list or of a ";"-separated text, sorted, each once."""
        parts = cell.split(SEPARATOR) if isinstance(cell, str) else cell if isinstance(cell, list | tuple) else [cell]
        return sorted({as_text(part).strip() for part in parts} - {""})

    @classmethod
    def storage(cls) -> Any:
        """Return a list of texts."""
        from datasets import List, Value

        return List(Value("string"))

    @classmethod
    def names_in(cls, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return the labels, sorted."""
        return sorted_names(label for labels in targets for label in labels)

    @classmethod
    def strata(cls, targets: Sequence[Any]) -> list[list[int]]:
        """Return the classes of each row as numbers."""
        codes = {name: code for code, name in enumerate(cls.names_in(targets))}
        return [[codes[name] for name in own] for own in targets]

    @classmethod
    def check_train(cls, targets: Sequence[Any]) -> None:
        """Refuse training targets without a single label."""
        if not cls.names_in(targets):
            raise InputError(
                "expected at least two different targets in train, got no label; add recordings of another class"
            )

    @classmethod
    def warnings(cls, splits: Mapping[str, tuple[Sequence[Any], Sequence[str]]], names: Sequence[str]) -> list[str]:
        """Return labels that differ only by case, spaces or the coding of accents."""
        return spelled_alike(names)

    @classmethod
    def summary(cls, targets: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
        """Return how many clips each class has."""
        found = Counter(label for labels in targets for label in labels)
        return {"classes": {name: found[name] for name in sorted_names(found)}}

    def encode(self, targets: Sequence[Any]) -> NDArray[np.float32]:
        """Return 0 and 1 (clips, labels)."""
        position = {label: index for index, label in enumerate(self.names)}
        rows = np.zeros((len(targets), len(self.names)), np.float32)
        for row, names in zip(rows, targets, strict=True):
            row[[position[name] for name in names]] = 1
        return rows

    def balanced_weights(self, references: NDArray[Any]) -> dict[str, float]:
        """Return the ratio of absent to present for each label, as BCEWithLogitsLoss wants it.

        A label that every clip has, of which there is nothing to make up for, counts once.
        """
        counts = references.sum(0)
        weights = np.where(counts == len(references), 1.0, (len(references) - counts) / np.maximum(counts, 1))
        return {label: float(weight) for label, weight in zip(self.names, weights, strict=True)}

    def constant(self, references: NDArray[Any], count: int) -> NDArray[np.float64]:
        """Return each label's share of the training clips for every clip (count, labels)."""
        return np.tile(references.astype(np.float64).mean(axis=0), (count, 1))

    def fit_predict(
        self,
        classifier: Estimator,
        regressor: Estimator,
        features: NDArray[Any],
        references: NDArray[Any],
        others: NDArray[Any],
    ) -> NDArray[np.float64]:
        """Return probabilities (n, labels) of one classifier a label."""
        columns = [
            class_probabilities(classifier, features, column.astype(np.int64), others, 2)[:, 1]
            for column in references.T
        ]
        return np.stack(columns, axis=1)

    def answer(self, prediction: NDArray[np.float64]) -> dict[str, Any]:
        """Return {label: probability}, most probable first."""
        return most_probable_first(self.names, prediction)

    def as_json(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"labels": {label: probability}}."""
        return {"labels": dict(answer)}

    def columns(self, answers: Sequence[dict[str, Any]], targets: Sequence[Any]) -> dict[str, list[Any]]:
        """Return labels, confidence and probabilities of each clip."""
        chosen = [[label for label, value in answer.items() if value >= THRESHOLD] for answer in answers]
        return {"prediction": chosen, **probability_columns(self.names, answers)}

    def stored_predictions(self, table: DataFrame) -> NDArray[np.float64]:
        """Return probabilities (clips, labels)."""
        return np.stack([np.asarray(row, np.float64) for row in table["probabilities"]])

    def stored_references(self, table: DataFrame) -> NDArray[np.float32]:
        """Return 0 and 1 (clips, labels)."""
        return self.encode([[str(name) for name in names] for names in table["reference"]])

    def reordered(self, predictions: Any, theirs: Target) -> Any:
        """Return the columns of probabilities in this target's order of labels."""
        return predictions[:, [theirs.names.index(label) for label in self.names]]

    def describe(self, references: Mapping[str, NDArray[Any]]) -> list[str]:
        """Return the classes with their counts in the training split."""
        return [class_line(self.names, references["train"].sum(0))]

    def judge(self, rows: Sequence[Mapping[str, Any]]) -> list[Judged]:
        """Judge each clip by how many labels are missing or too many, then by the probability misplaced."""
        return [self._judge(row) for row in rows]

    def _judge(self, row: Mapping[str, Any]) -> Judged:
        truth, guess = [str(name) for name in row["reference"]], [str(name) for name in row["prediction"]]
        different = set(truth) ^ set(guess)
        probabilities = np.asarray(row["probabilities"], np.float64)
        misplaced = float(np.abs(probabilities - [label in truth for label in self.names]).sum())
        missed, added = len(set(truth) - set(guess)), len(set(guess) - set(truth))
        return Judged(
            **of_row(row),
            reference=", ".join(truth) or "(none)",
            prediction=", ".join(guess) or "(none)",
            wrong=bool(different),
            badness=len(different) + misplaced / (len(self.names) + 1),
            verdict=f"{missed} missed, {added} too many" if different else "all right",
            weighed=most_probable(probabilities, self.names, set(truth)),
        )
