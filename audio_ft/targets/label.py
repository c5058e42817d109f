"""Label: one class for each recording."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audio_ft.errors import InputError
from audio_ft.formatting import first_five
from audio_ft.metrics.samples import LabelSample, Sample
from audio_ft.settings.rules import shown
from audio_ft.targets.base import Array, Estimator, Target
from audio_ft.targets.cells import NUMBER, WHOLE, as_text, as_whole, folded, sorted_names, whole_numbers
from audio_ft.targets.judged import Confusion, Judged, Weighed
from audio_ft.targets.reading import Form, Reading
from audio_ft.targets.separators import SEPARATORS, names_alone, pieces, unquoted
from audio_ft.targets.wording import Wording

if TYPE_CHECKING:
    from pandas import DataFrame

# Labels shown beside the truth, confusions worth a line, and classes in a line of the log.
MOST_PROBABLE, CONFUSIONS, SHOWN_CLASSES = 3, 8, 12
# The logit of a class without a training clip, in a linear model.
NEVER = -20.0

CLASS_COLUMNS = (
    ("label", "labels", "positive_labels"),
    ("class", "classes", "category", "categories", "class_name", "class_label", "tags"),
    ("intent", "intent_class", "emotion", "keyword", "command", "word", "sentiment", "genre", "event", "species",
     "scene", "scene_label"),
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
    sample: ClassVar[type[Sample]] = LabelSample
    second_score = "f1_macro"
    selection_metric = "f1_macro"
    column_names = CLASS_COLUMNS
    slice_name = "class"
    exclusive = True
    ranked = True

    @classmethod
    def read(cls, cells: Sequence[Any], form: Form) -> Reading | None:
        """Return one label a cell, with "2" for the "2.0" of whole numbers, and what was not done."""
        if form.as_written:
            return Reading(cells)
        texts = [as_text(cell).strip() for cell in cells if isinstance(cell, str)]
        filled = [text for text in texts if text]
        if whole_numbers(set(filled) - set(form.names)):
            first = next(text for text in filled if WHOLE.fullmatch(text) and text not in form.names)
            whole = [as_whole(cell) if isinstance(cell, str) else cell for cell in cells]
            return Reading(whole, f"; {first} is class {as_whole(first)!r}, and data.kind=number reads numbers")
        named = [as_text(cell).strip() for cell in cells if not isinstance(cell, list | tuple | dict)]
        if any(named) and all(map(NUMBER.fullmatch, filter(None, named))):
            return Reading(cells, "; data.kind=number reads numbers")
        if len(filled) == len(cells) and (bare := unquoted(filled)):
            return Reading(bare, ", without their quotation marks")
        inside = next(((sign, text) for sign in SEPARATORS for text in filled if len(pieces(text, sign)) > 1), None)
        inside = inside or names_alone(filled)
        if inside is None or form.forced:
            return Reading(cells)
        sign, text = inside
        return Reading(cells, f"; {sign!r} is part of names such as {text!r}, and data.separator={sign!r} splits there")

    @classmethod
    def counted(cls, targets: Sequence[Any]) -> str:
        """Return the number of classes and of labels a clip."""
        return f"{class_count(cls.names_in(targets))}, one a clip"

    @classmethod
    def parse_cell(cls, cell: Any, source: str, key: str) -> Any:
        """Return the label as text."""
        if isinstance(cell, list | tuple | dict):
            raise InputError(f"{source}: expected one label a row, got {shown(cell)} for {key}; set data.kind=labels")
        return as_text(cell)

    @classmethod
    def labels_of(cls, target: Any) -> Sequence[str]:
        """Return the labels of one recording."""
        return (target,)

    @classmethod
    def warnings(cls, splits: Mapping[str, tuple[Sequence[Any], Sequence[str]]], names: Sequence[str]) -> list[str]:
        """Return a warning for each set of labels that differ only by case, spaces or the coding of accents."""
        alike: dict[str, list[str]] = defaultdict(list)
        for label in names:
            alike[folded(label)].append(label)
        return [
            f"labels {first_five(list(map(repr, same)))} differ only by case, spaces or accents and are kept as "
            "separate classes"
            for same in alike.values()
            if len(same) > 1
        ]

    @classmethod
    def summary(cls, targets: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
        """Return how many clips each class has."""
        found = Counter(label for target in targets for label in cls.labels_of(target))
        return {"classes": {name: found[name] for name in sorted_names(found)}}

    def encode(self, targets: Sequence[Any]) -> Array:
        """Return class ids (clips,)."""
        position = {label: index for index, label in enumerate(self.names)}
        return np.asarray([position[target] for target in targets], np.int64)

    def counts(self, references: Array) -> Array:
        """Return how many clips each label has (labels,)."""
        return np.bincount(references, minlength=len(self.names))

    def balanced_weights(self, references: Array) -> dict[str, float]:
        """Return weights inverse to how often each label occurs, as scikit-learn's "balanced"."""
        weights = len(references) / (len(self.names) * np.maximum(self.counts(references), 1))
        return {label: float(weight) for label, weight in zip(self.names, weights, strict=True)}

    def constant(self, references: Array, count: int) -> Array:
        """Return each label's share of the training clips for every clip (count, labels)."""
        return np.tile(self.counts(references).astype(np.float64) / len(references), (count, 1))

    def fit_predict(self, build: Estimator, features: Array, references: Array, others: Array) -> Array:
        """Return probabilities (n, labels); a class without a training clip has probability 0."""
        return class_probabilities(build, features, references, others, len(self.names))

    def fit_linear(self, build: Estimator, features: Array, references: Array) -> tuple[Array, Array]:
        """Return the weights (labels, k) and bias (labels,) of logits."""
        return class_logits(build, features, references, len(self.names))

    def as_dict(self, prediction: Any) -> dict[str, Any]:
        """Return {label: probability}, most probable first."""
        values = np.atleast_1d(prediction)
        return {self.names[index]: float(values[index]) for index in np.argsort(-values, kind="stable")}

    def as_json(self, prediction: Mapping[str, Any]) -> dict[str, Any]:
        """Return {"labels": {label: probability}}."""
        return {"labels": dict(prediction)}

    def predicted(self, prediction: Mapping[str, float]) -> Any:
        """Return the most probable label."""
        return next(iter(prediction))

    def columns(self, predictions: Sequence[dict[str, Any]], targets: Sequence[Any]) -> dict[str, list[Any]]:
        """Return what is predicted for each clip, the greatest probability and all of them."""
        return {
            "prediction": [self.predicted(prediction) for prediction in predictions],
            "confidence": [max(prediction.values()) for prediction in predictions],
            "probabilities": [[prediction[label] for label in self.names] for prediction in predictions],
        }

    def stored_predictions(self, table: DataFrame) -> Array:
        """Return probabilities (clips, labels)."""
        return np.stack([np.asarray(row, np.float64) for row in table["probabilities"]])

    def reordered(self, predictions: Array, theirs: Target) -> Array:
        """Return the columns of probabilities in this target's order of labels."""
        return predictions[:, [theirs.names.index(label) for label in self.names]]

    def describe(self, references: Mapping[str, Array]) -> list[str]:
        """Return the classes with their counts in the training split, in one line."""
        counts = self.counts(references["train"])
        pairs = [f"{label} {int(count):,}" for label, count in zip(self.names, counts, strict=True)]
        more = ", …" if len(pairs) > SHOWN_CLASSES else ""
        return [f"classes     {len(pairs)}: {', '.join(pairs[:SHOWN_CLASSES])}{more}"]

    def judge(self, row: Mapping[str, Any]) -> Judged:
        """Judge a clip: the more confident a wrong prediction, the worse."""
        clip, confidence = super().judge(row), float(row["confidence"])
        return replace(
            clip,
            badness=confidence,
            verdict=f"{clip.verdict}, with {confidence:.0%} confidence",
            weighed=self.most_probable(row["probabilities"], {clip.reference}),
        )

    def most_probable(self, probabilities: Any, truth: set[str]) -> tuple[Weighed, ...]:
        """Return the most probable labels, and the true one where it is not among them."""
        values = np.nan_to_num(np.asarray(probabilities, np.float64))
        order = sorted(range(len(self.names)), key=lambda index: -values[index])
        missed = [index for index in order[MOST_PROBABLE:] if self.names[index] in truth]
        return tuple(
            Weighed(self.names[index], float(values[index]), self.names[index] in truth)
            for index in order[:MOST_PROBABLE] + missed[:1]
        )

    def confusions(self, clips: Sequence[Judged]) -> list[Confusion]:
        """Return the most frequent pairs of a true class and the one predicted for it; none with several labels."""
        if not self.exclusive:
            return []
        sizes = Counter(clip.reference for clip in clips)
        pairs = Counter((clip.reference, clip.prediction) for clip in clips if clip.wrong)
        return [Confusion(*pair, count, sizes[pair[0]]) for pair, count in pairs.most_common(CONFUSIONS)]


def class_count(names: Sequence[str]) -> str:
    """Return "1 class" or "12 classes"."""
    return "1 class" if len(names) == 1 else f"{len(names):,} classes"


def class_probabilities(build: Estimator, features: Array, ids: Array, others: Array, classes: int) -> Array:
    """Return the probabilities (n, classes) of a classifier trained on class ids (m,)."""
    seen = np.unique(ids)
    probabilities = np.zeros((len(others), classes))
    if len(seen) == 1:  # nothing to separate
        probabilities[:, seen[0]] = 1.0
    else:
        probabilities[:, seen] = build().fit(features, ids).predict_proba(others)
    return probabilities


def class_logits(build: Estimator, features: Array, ids: Array, classes: int) -> tuple[Array, Array]:
    """Return weights (classes, k) and bias (classes,) of a linear classifier trained on class ids (m,)."""
    seen = np.unique(ids)
    weights, bias = np.zeros((classes, features.shape[1])), np.full(classes, NEVER)
    if len(seen) == 1:  # nothing to separate
        bias[seen] = 0.0
        return weights, bias
    fitted = build().fit(features, ids)
    if len(seen) == 2:  # scikit-learn has one output, the difference of the two
        weights[seen] = np.concatenate([-fitted.coef_, fitted.coef_]) / 2
        bias[seen] = np.concatenate([-fitted.intercept_, fitted.intercept_]) / 2
    else:
        weights[seen], bias[seen] = fitted.coef_, fitted.intercept_
    return weights, bias
