"""Explain predictions of a classifier: which spans and bands, or which features, speak for a label."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.errors import AudioError, InputError
from audio_ft.explaining import attribution
from audio_ft.explaining.faithfulness import Faithfulness, chance, faithfulness, overall_verdict, together
from audio_ft.explaining.parts import Floats, Named, Parts, Sound
from audio_ft.inference.predictor import Model
from audio_ft.inference.sources import as_clip, require_mono, several
from audio_ft.metrics.units import Groups, resampling
from audio_ft.parallel import progress_bar

if TYPE_CHECKING:
    from audio_ft.inference.sources import Source
    from audio_ft.metrics import Score

# Cells of a longer recording are longer than a second, in which too much happens to be explained as one.
LONGEST_SECONDS = 30.0


@dataclass(frozen=True)
class Weighed:
    """Hold one method's explanation of one prediction.

    Attributes:
        method: its name.
        values: how much each part speaks for the label, (bands, spans) or (features,), in log-odds.
        measured: how faithful it is.
    """

    method: str
    values: Floats
    measured: Faithfulness


@dataclass(frozen=True)
class Explanation:
    """Hold the explanations of one prediction.

    Attributes:
        file: the name of the recording.
        label: the label that is explained.
        probabilities: the model's prediction, {label: probability}, most probable first.
        sound: the clean recording and its grid.
        named: the features of a model that has named ones; None of others.
        weighed: an explanation for each method.
        left_out: method and reason where one could not be used.
    """

    file: str
    label: str
    probabilities: Mapping[str, float]
    sound: Sound
    named: Named | None
    weighed: tuple[Weighed, ...]
    left_out: Mapping[str, str]

    def parts(self, each: Weighed) -> Parts:
        """Return the parts that a method weighs."""
        return self.named if self.named is not None and each.values.ndim == 1 else self.sound

    def without(self, each: Weighed) -> tuple[Clip, Clip]:
        """Return the sound of the evidence alone, and the recording without it."""
        gains = each.measured.evidence(self.sound.shape)
        alone, rest = self.sound.left(np.stack([gains, 1 - gains]))
        return alone, rest

    def said(self, each: Weighed) -> tuple[tuple[str, float], tuple[str, float]]:
        """Return the most probable label and its probability, for the evidence alone and for all but that."""
        names, found, point = self.sound.model.task.target.names, each.measured, each.measured.point
        rows = (found.insertion[point], found.deletion[point])
        alone, rest = ((names[int(row.argmax())], float(row.max())) for row in rows)
        return alone, rest

    def to_dict(self) -> dict[str, Any]:
        """Return all but the sound as JSON values."""
        methods: dict[str, Any] = {}
        for each in self.weighed:
            alone, rest = self.said(each)
            methods[each.method] = {
                "values": each.values.tolist(),
                "evidence": {"parts": each.measured.evidence(each.values.shape).astype(int).tolist(),
                             "alone": dict([alone]), "without": dict([rest])},
                **each.measured.to_dict(),
            }  # fmt: skip
        return {
            "file": self.file,
            "label": self.label,
            "labels": dict(self.probabilities),
            "grid": self.sound.grid.to_dict(),
            **({"features": list(self.sound.model.adapter.feature_names)} if self.named else {}),
            "methods": methods,
            "left_out": dict(self.left_out),
        }


@dataclass(frozen=True)
class Explanations:
    """Hold the explanations of several predictions, and how faithful they are on average.

    Attributes:
        items: one for each recording.
        excluded: file and reason of each recording that could not be explained.
        groups: the group of each item, by which intervals are resampled; None without groups.
        seed: seed of the random orders and of the resamples.
    """

    items: tuple[Explanation, ...]
    excluded: tuple[tuple[str, str], ...] = ()
    groups: Groups = None
    seed: int = 0

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Explanation]:
        return iter(self.items)

    @cached_property
    def faithfulness(self) -> dict[str, dict[str, Score]]:
        """Return for each method by how much `deletion` and `insertion` are better than random orders, of 1."""
        methods = list(dict.fromkeys(each.method for item in self.items for each in item.weighed))
        scores = {}
        for method in methods:
            rows = [
                (row, each) for row, item in enumerate(self.items) for each in item.weighed if each.method == method
            ]
            groups = None if self.groups is None else [self.groups[row] for row, _ in rows]
            scores[method] = together([each.measured for _, each in rows], groups, self.seed)
        return scores

    def verdicts(self) -> dict[str, str]:
        """Return for each method in words whether it is better than random orders."""
        if len(self.items) == 1:
            return {each.method: each.measured.verdict for each in self.items[0].weighed}
        return {method: overall_verdict(scores) for method, scores in self.faithfulness.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return all but the sound as JSON values."""
        return {
            "explanations": [item.to_dict() for item in self.items],
            "excluded": [{"file": file, "reason": reason} for file, reason in self.excluded],
            "better_than_random_by": {
                method: {name: score.to_dict() for name, score in scores.items()}
                for method, scores in self.faithfulness.items()
            },
            "verdicts": self.verdicts(),
            "resampling": resampling(self.groups or [None] * len(self.items)),
        }


def explain(
    model: Model,
    source: Source | Sequence[Source],
    *,
    label: str | None = None,
    names: Sequence[str] | None = None,
    groups: Groups = None,
    seed: int = 0,
) -> Explanations:
    """Explain what a classifier predicts for one recording or a list of them.

    Networks are explained by occlusion and integrated gradients over time and mel bands, models with named features by
    occlusion and Shapley values. Each explanation is compared with 19 random orders of the same parts.

    Args:
        model: a classifier, as `aft.load` returns it.
        source: what the model itself takes; a path, a Clip, … or a list of these.
        label: the label to explain; None is the most probable one of each recording.
        names: what results call the recordings; None is their paths.
        groups: the group of each recording, by which intervals are resampled.
        seed: seed of random orders and resamples.

    Raises:
        InputError: captum or shap is not installed, the model predicts no labels, it has no such label, or no recording
            can be explained.

    Example:
        >>> import audio_ft as aft
        >>> found = aft.explain(aft.load("runs/first"), ["door.wav", "bell.wav"])  # doctest: +SKIP
        >>> found.faithfulness["occlusion"].keys()  # doctest: +SKIP
        dict_keys(['deletion', 'insertion'])
    """
    sources: list[Any] = listed if (listed := several(source)) is not None else [source]
    require_explainable(model, label)
    names = names or [_name(one, number) for number, one in enumerate(sources, start=1)]
    items, excluded, kept = [], [], []
    for row, one in enumerate(progress_bar(sources, desc="explaining", unit="recording")):
        try:
            items.append(_explained(model, one, names[row], label, seed + row))
            kept.append(row)
        except AudioError as error:
            excluded.append((names[row], error.reason))
    if not items:
        raise InputError(f"No recording can be explained (first: {': '.join(excluded[0])}).")
    return Explanations(tuple(items), tuple(excluded), groups and [groups[row] for row in kept], seed)


def require_explainable(model: Model, label: str | None = None) -> None:
    """Check that the predictions of a model can be explained.

    Raises:
        InputError: captum or shap is not installed, the model predicts no labels, or it has no such label.
    """
    target = model.task.target
    if not target.ranked or model.task.long_recordings != "pooled":
        raise InputError(f"{model.folder} predicts {target.wording.short}; explanations are for labels of recordings.")
    if label is not None and label not in target.names:
        raise InputError(f"{label!r} is not a label of {model.folder}; it has {', '.join(target.names)}.")
    attribution.require_libraries()


def _explained(model: Model, source: Source, name: str, label: str | None, seed: int) -> Explanation:
    """Return the explanations of one prediction.

    Raises:
        AudioError: the recording cannot be read, is too long, or is silent after cleaning.
    """
    sound = _sound(model, source, name)
    labels, reasons = model.task.target.names, attribution.methods_of(sound)
    ends = _ends(sound)
    at = int(ends[1].argmax()) if label is None else labels.index(label)
    usual, weighed = chance(sound, at, ends, seed), []
    for method, compute in attribution.OF_SOUND.items():
        if reasons.get(method) == "":
            values = compute(sound, at)
            weighed.append(Weighed(method, values, faithfulness(sound, values, at, ends, usual)))
    named = Named.of(model, sound.clip) if attribution.SHAPLEY in reasons else None
    if named is not None:
        values, ends_of_features = attribution.shapley(named, at, seed), _ends(named)
        others = chance(named, at, ends_of_features, seed)
        measured = faithfulness(named, values, at, ends_of_features, others)
        weighed.append(Weighed(attribution.SHAPLEY, values, measured))
    ranked = {labels[place]: float(ends[1, place]) for place in np.argsort(-ends[1], kind="stable")}
    left_out = {method: reason for method, reason in reasons.items() if reason}
    return Explanation(name, labels[at], ranked, sound, named, tuple(weighed), left_out)


def _sound(model: Model, source: Source, name: str) -> Sound:
    """Return the clean recording; see `_explained` for what is raised."""
    clip = model.chain(as_clip(source))
    require_mono(clip, model.adapter.sample_rate)
    if not clip.samples.any():
        raise AudioError(name, "it is silent after cleaning")
    if clip.seconds > LONGEST_SECONDS:
        most = f"explanations are for up to {LONGEST_SECONDS:.0f} s; cut it"
        raise AudioError(name, f"it has {clip.seconds:.0f} s, and {most}")
    return Sound(model, clip)


def _ends(parts: Parts) -> Floats:
    """Return probabilities (2, labels) without any part, and with all."""
    return parts.probabilities(np.stack([np.zeros(parts.shape, np.float32), np.ones(parts.shape, np.float32)]))


def _name(source: Source, number: int) -> str:
    """Return the path of a recording, or its number where it has none."""
    return os.fspath(source) if isinstance(source, str | os.PathLike) else f"recording {number}"
