"""Labels: any number of classes for each recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.metrics.samples import THRESHOLD, LabelsSample
from audio_ft.targets.base import Array, Estimator
from audio_ft.targets.cells import as_text, as_whole, whole_numbers
from audio_ft.targets.judged import Judged
from audio_ft.targets.label import Label, class_count, class_logits, class_probabilities
from audio_ft.targets.lists import listed
from audio_ft.targets.reading import Form, Reading
from audio_ft.targets.separators import pieces, split_by, unquoted
from audio_ft.targets.wording import Wording


@dataclass(frozen=True)
class Labels(Label):
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
    second_score = "mean_average_precision"
    overlapping = True
    storage: ClassVar[Mapping[str, Any]] = {"_type": "List", "feature": Label.storage}
    slice_name = ""
    exclusive = False

    @classmethod
    def read(cls, cells: Sequence[Any], form: Form) -> Reading | None:
        """Return lists of labels where cells are lists, or texts with a separator; see `separator_of`."""
        lists = listed(cells)
        if lists is not None:
            return Reading(*lists)
        texts = [cell for cell in cells if isinstance(cell, str)]
        signs: tuple[str, ...] = (form.separator,) if form.separator else ()
        if form.separator is None and not form.as_written:
            signs = split_by(texts, form.column, form.names, several=form.forced)
        if not signs:
            mixed = any(isinstance(cell, list | tuple) for cell in cells)
            return Reading(cells) if form.forced or mixed else None
        split: list[Any] = [[cell] if isinstance(cell, str) else cell for cell in cells]
        for sign in signs:
            split = [
                [piece for part in found for piece in pieces(part, sign)] if isinstance(cell, str) else cell
                for cell, found in zip(cells, split, strict=True)
            ]
        quoted = "" if form.as_written else _without_quotes(split)
        if not form.as_written and whole_numbers(
            piece for found in split if isinstance(found, list) for piece in found
        ):
            split = [list(map(as_whole, found)) if isinstance(found, list) else found for found in split]
        never = "" if form.separator else "; data.separator='' never splits"
        return Reading(split, f", separated by {' and '.join(map(repr, signs))}{quoted}{never}")

    @classmethod
    def counted(cls, targets: Sequence[Any]) -> str:
        """Return the number of classes and of labels a clip."""
        numbers = [len(target) for target in targets] or [0]
        low, high = min(numbers), max(numbers)
        each = counted(high, "label") if low == high else f"{low:,} to {high:,} labels"
        return f"{class_count(cls.names_in(targets))} from {each} a clip"

    @classmethod
    def empty(cls, cell: Any) -> bool:
        """Return whether a cell is None or NaN: an empty text is a recording without any label."""
        return cell is None or cell != cell

    @classmethod
    def parse_cell(cls, cell: Any, source: str, key: str) -> Any:
        """Return the labels of a list, sorted, each once; a text is one label."""
        parts = cell if isinstance(cell, list | tuple) else [cell]
        return sorted({as_text(part).strip() for part in parts} - {""})

    @classmethod
    def labels_of(cls, target: Any) -> Sequence[str]:
        """Return the labels of one recording."""
        return target

    @classmethod
    def check_train(cls, targets: Sequence[Any]) -> None:
        """Refuse training targets without a single label."""
        if not cls.names_in(targets):
            raise InputError(
                "expected at least two different targets in train, got no label; add recordings of another class"
            )

    def encode(self, targets: Sequence[Any]) -> Array:
        """Return 0 and 1 (clips, labels)."""
        position = {label: index for index, label in enumerate(self.names)}
        rows = np.zeros((len(targets), len(self.names)), np.float32)
        for row, names in zip(rows, targets, strict=True):
            row[[position[name] for name in names]] = 1
        return rows

    def counts(self, references: Array) -> Array:
        """Return how many clips each label has (labels,)."""
        return references.sum(0)

    def balanced_weights(self, references: Array) -> dict[str, float]:
        """Return the ratio of absent to present for each label, as BCEWithLogitsLoss takes it (1 if never absent)."""
        counts = self.counts(references)
        weights = np.where(counts == len(references), 1.0, (len(references) - counts) / np.maximum(counts, 1))
        return {label: float(weight) for label, weight in zip(self.names, weights, strict=True)}

    def fit_predict(self, build: Estimator, features: Array, references: Array, others: Array) -> Array:
        """Return probabilities (n, labels) of one classifier a label."""
        columns = [
            class_probabilities(build, features, column.astype(np.int64), others, 2)[:, 1] for column in references.T
        ]
        return np.stack(columns, axis=1)

    def fit_linear(self, build: Estimator, features: Array, references: Array) -> tuple[Array, Array]:
        """Return the weights (labels, k) and bias (labels,) of one logit a label."""
        pairs = [class_logits(build, features, column.astype(np.int64), 2) for column in references.T]
        return np.stack([w[1] - w[0] for w, _ in pairs]), np.stack([b[1] - b[0] for _, b in pairs])

    def predicted(self, prediction: Mapping[str, float]) -> Any:
        """Return the labels with a probability of at least one half."""
        return [label for label, probability in prediction.items() if probability >= THRESHOLD]

    def judge(self, row: Mapping[str, Any]) -> Judged:
        """Judge by how many labels are missing or too many, then by the probability misplaced."""
        truth, guess = [str(name) for name in row["reference"]], [str(name) for name in row["prediction"]]
        missed, added = len(set(truth) - set(guess)), len(set(guess) - set(truth))
        probabilities = np.asarray(row["probabilities"], np.float64)
        misplaced = float(np.abs(probabilities - [label in truth for label in self.names]).sum())
        return Judged.of(
            row,
            reference=", ".join(truth) or "(none)",
            prediction=", ".join(guess) or "(none)",
            wrong=missed + added > 0,
            badness=missed + added + misplaced / (len(self.names) + 1),
            verdict=f"{missed} missed, {added} too many" if missed + added else "all right",
            weighed=self.most_probable(probabilities, set(truth)),
        )


def _without_quotes(split: list[Any]) -> str:
    """Take off the quotation marks that all labels have, in place, and return that it was done."""
    lists = [found for found in split if isinstance(found, list)]
    if unquoted([name for found in lists for name in found]) is None:
        return ""
    for found in lists:
        found[:] = [name[1:-1] for name in found]
    return ", without their quotation marks"
