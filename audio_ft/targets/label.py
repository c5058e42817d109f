"""Label: one class for each recording."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.metrics.samples import LabelSample
from audio_ft.targets.base import Estimator, Target, of_row
from audio_ft.targets.cells import as_text, folded, sorted_names
from audio_ft.targets.judged import Confusion, Judged, Weighed
from audio_ft.targets.wording import Wording

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame

# Labels shown beside the truth, confusions worth a line, and classes in a line of the log.
MOST_PROBABLE, CONFUSIONS, SHOWN_CLASSES = 3, 8, 12

CLASS_COLUMNS = (
    ("label", "labels"),
    ("class", "classes", "category", "categories", "class_name", "class_label", "tags"),
    ("intent", "intent_class", "emotion", "keyword", "command", "word", "sentiment", "genre", "event", "species"),
    ("target", "targets", "score", "rating"),
    ("language", "lang", "lang_id", "language_id", "accent", "dialect"),
)  # fmt: skip


@dataclass(frozen=True)
class Label(Target):
    """One class a recording; predictions are probabilities (clips, labels), references class ids (clips,)."""

    kind = "label"
    wording = Wording(
        short="one label",
        cell="the label",
        task="Audio classification",
        card="For each recording it predicts one of {count} labels, with a probability for each: {labels}.",
        errors_order="most confident wrong predictions first",
        predictions_title="Confusions",
    )
    sample = LabelSample
    beside = "f1_macro"
    selection_metric = "f1_macro"
    column_names = CLASS_COLUMNS
    slice_name = "class"
    exclusive = True

    @classmethod
    def parse_cell(cls, cell: Any, place: str, key: str) -> str:
        """Return the label as text."""
        if isinstance(cell, list | tuple | dict):
            raise InputError(f"{place}: expected one label a row, got {cell!r} for {key}; use kind='labels'")
        return as_text(cell)

    @classmethod
    def storage(cls) -> Any:
        """Return text."""
        from datasets import Value

        return Value("string")

    @classmethod
    def names_in(cls, targets: Sequence[Any]) -> tuple[str, ...]:
        """Return the labels, sorted."""
        return sorted_names(targets)

    @classmethod
    def strata(cls, targets: Sequence[Any]) -> list[list[int]]:
        """Return the class of each row as a number."""
        codes = {name: code for code, name in enumerate(cls.names_in(targets))}
        return [[codes[name]] for name in targets]

    @classmethod
    def warnings(cls, splits: Mapping[str, tuple[Sequence[Any], Sequence[str]]], names: Sequence[str]) -> list[str]:
        """Return labels that differ only by case, spaces or the coding of accents."""
        return spelled_alike(names)

    @classmethod
    def summary(cls, targets: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
        """Return how many clips each class has."""
        found = Counter(targets)
        return {"classes": {name: found[name] for name in sorted_names(found)}}

    def encode(self, targets: Sequence[Any]) -> NDArray[np.int64]:
        """Return class ids (clips,)."""
        position = {label: index for index, label in enumerate(self.names)}
        return np.asarray([position[target] for target in targets], np.int64)

    def class_ids(self, references: NDArray[Any]) -> NDArray[np.int64]:
        """Return the references."""
        return references

    def balanced_weights(self, references: NDArray[Any]) -> dict[str, float]:
        """Return weights inverse to how often each label occurs, as scikit-learn's "balanced"."""
        counts = np.bincount(references, minlength=len(self.names))
        weights = len(references) / (len(self.names) * np.maximum(counts, 1))
        return {label: float(weight) for label, weight in zip(self.names, weights, strict=True)}

    def constant(self, references: NDArray[Any], count: int) -> NDArray[np.float64]:
        """Return the class frequencies of the training set for every clip (count, labels)."""
        return np.tile(np.bincount(references, minlength=len(self.names)) / len(references), (count, 1))

    def fit_predict(
        self,
        classifier: Estimator,
        regressor: Estimator,
        features: NDArray[Any],
        references: NDArray[Any],
        others: NDArray[Any],
    ) -> NDArray[np.float64]:
        """Return probabilities (n, labels); a class without a training clip has probability 0."""
        return class_probabilities(classifier, features, references, others, len(self.names))

    def answer(self, prediction: NDArray[np.float64]) -> dict[str, Any]:
        """Return {label: probability}, most probable first."""
        return most_probable_first(self.names, prediction)

    def as_json(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"labels": {label: probability}}."""
        return {"labels": dict(answer)}

    def columns(self, answers: Sequence[dict[str, Any]], targets: Sequence[Any]) -> dict[str, list[Any]]:
        """Return label, confidence and probabilities of each clip."""
        return {"prediction": [next(iter(answer)) for answer in answers], **probability_columns(self.names, answers)}

    def stored_predictions(self, table: DataFrame) -> NDArray[np.float64]:
        """Return probabilities (clips, labels)."""
        return np.stack([np.asarray(row, np.float64) for row in table["probabilities"]])

    def stored_references(self, table: DataFrame) -> NDArray[np.int64]:
        """Return class ids (clips,)."""
        return self.encode([str(name) for name in table["reference"]])

    def reordered(self, predictions: Any, theirs: Target) -> Any:
        """Return the columns of probabilities in this target's order of labels."""
        return predictions[:, [theirs.names.index(label) for label in self.names]]

    def slice_values(self, table: DataFrame) -> list[Any]:
        """Return the true labels."""
        return [str(name) for name in table["reference"]]

    def describe(self, references: Mapping[str, NDArray[Any]]) -> list[str]:
        """Return the classes with their counts in the training split."""
        return [class_line(self.names, np.bincount(references["train"], minlength=len(self.names)))]

    def judge(self, rows: Sequence[Mapping[str, Any]]) -> list[Judged]:
        """Judge each clip: the more confident a wrong prediction, the worse."""
        return [self._judge(row) for row in rows]

    def _judge(self, row: Mapping[str, Any]) -> Judged:
        truth, guess, confidence = str(row["reference"]), str(row["prediction"]), float(row["confidence"])
        wrong = truth != guess
        return Judged(
            **of_row(row),
            reference=truth,
            prediction=guess,
            wrong=wrong,
            badness=confidence,
            verdict=f"{'wrong' if wrong else 'right'}, with {confidence:.0%} confidence",
            weighed=most_probable(row["probabilities"], self.names, {truth}),
        )

    def confusions(self, clips: Sequence[Judged]) -> list[Confusion]:
        """Return the commonest pairs of a true class and the one predicted for it."""
        sizes = Counter(clip.reference for clip in clips)
        pairs = Counter((clip.reference, clip.prediction) for clip in clips if clip.wrong)
        return [Confusion(*pair, count, sizes[pair[0]]) for pair, count in pairs.most_common(CONFUSIONS)]


def spelled_alike(labels: Sequence[str]) -> list[str]:
    """Return a warning for each set of labels that differ only by case, spaces or the coding of accents."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        alike[folded(label)].append(label)
    return [
        f"labels {', '.join(map(repr, same))} differ only by case, spaces or accents and are kept as separate classes"
        for same in alike.values()
        if len(same) > 1
    ]


def class_probabilities(
    classifier: Estimator, features: NDArray[Any], ids: NDArray[Any], others: NDArray[Any], classes: int
) -> NDArray[np.float64]:
    """Return the probabilities (n, classes) of a classifier trained on class ids (m,)."""
    seen = np.unique(ids)
    probabilities = np.zeros((len(others), classes))
    if len(seen) == 1:  # nothing to separate
        probabilities[:, seen[0]] = 1.0
    else:
        probabilities[:, seen] = classifier().fit(features, ids).predict_proba(others)
    return probabilities


def most_probable_first(names: Sequence[str], prediction: NDArray[np.float64]) -> dict[str, Any]:
    """Return {label: probability}, most probable first."""
    values = np.atleast_1d(prediction)
    return {names[index]: float(values[index]) for index in np.argsort(-values, kind="stable")}


def probability_columns(names: Sequence[str], answers: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the columns of the greatest probability and of all of them."""
    return {
        "confidence": [max(answer.values()) for answer in answers],
        "probabilities": [[answer[label] for label in names] for answer in answers],
    }


def most_probable(probabilities: Any, names: Sequence[str], truth: set[str]) -> tuple[Weighed, ...]:
    """Return the most probable labels, and the true one where it is not among them."""
    values = np.nan_to_num(np.asarray(probabilities, np.float64))
    order = sorted(range(len(names)), key=lambda place: -values[place])
    kept = order[:MOST_PROBABLE] + [place for place in order[MOST_PROBABLE:] if names[place] in truth][:1]
    return tuple(Weighed(names[place], float(values[place]), names[place] in truth) for place in kept)


def class_line(names: Sequence[str], counts: NDArray[Any]) -> str:
    """Return the classes with their counts in one line."""
    pairs = [f"{label} {int(count):,}" for label, count in zip(names, counts, strict=True)]
    return f"classes     {len(pairs)}: {', '.join(pairs[:SHOWN_CLASSES])}" + (
        ", …" if len(pairs) > SHOWN_CLASSES else ""
    )
