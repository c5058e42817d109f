"""Robustness test: how a model's headline score falls as recordings get worse, on the same clips at every level.

Each perturbation changes the recording before the model's own cleaning; every level is compared with the clean
recordings clip by clip. Finished levels are kept in robustness.json, so that a stopped run resumes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip, read
from audio_ft.cleaning.place import source_of
from audio_ft.data import Data
from audio_ft.errors import AudioError, InputError
from audio_ft.evaluation.perturbations import PERTURBATIONS, Perturbation
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.scoring import load_split
from audio_ft.file_io import read_json, write_json
from audio_ft.inference.predictor import Model
from audio_ft.metrics import Score, direction, resampling
from audio_ft.metrics.comparison import compare
from audio_ft.parallel import progress_bar
from audio_ft.redaction import as_path
from audio_ft.targets import Target

if TYPE_CHECKING:
    from datasets import Dataset

ROBUSTNESS_FILE = "robustness.json"
# Raised when the shape or meaning of robustness.json changes, so that an older file is not reused.
LAYOUT = 2
# Clips that are perturbed and predicted together; more would need more memory.
TOGETHER = 16


@dataclass(frozen=True)
class Trial:
    """Hold a model and the labeled clips it is tested on: rows of one split, and the indices of those in use."""

    model: Model
    rows: Dataset
    indices: Sequence[int]
    seed: int

    def predict(self, change: Callable[[Clip, int], Clip], progress: Callable[[int], object]) -> list[Any]:
        """Return the prediction for each changed clip, or the error with which it cannot be read.

        `change` takes a clip and its index; `progress` is called with the number of clips done.
        """
        found: list[Any] = []
        for start in range(0, len(self.indices), TOGETHER):
            sources = [self._changed(index, change) for index in self.indices[start : start + TOGETHER]]
            clips = [source for source in sources if isinstance(source, Clip)]
            predicted = iter(list(self.model.attempts(clips)) if clips else [])
            found += [next(predicted) if isinstance(source, Clip) else source for source in sources]
            progress(len(sources))
        return found

    def _changed(self, index: int, change: Callable[[Clip, int], Clip]) -> Clip | AudioError:
        try:
            return change(read(source_of(self.rows[index])), index)
        except AudioError as error:
            return error

    def readable(self, predictions: Sequence[Any]) -> tuple[Trial, Predictions]:
        """Return the trial without clips that cannot be read, and the predictions for the others as a table."""
        import pandas

        pairs = [pair for pair in zip(self.indices, predictions, strict=True) if not isinstance(pair[1], AudioError)]
        indices, kept = [index for index, _ in pairs], [prediction for _, prediction in pairs]
        chosen, target = self.rows.select(indices), self.model.task.target
        references = list(chosen["target"])
        columns = {"group": list(chosen["group"]), "reference": references, **target.columns(kept, references)}
        trial = dataclasses.replace(self, indices=indices)
        return trial, Predictions(pandas.DataFrame(columns), target, self.seed)


def robustness(
    model: Model,
    data: Data | str | Path,
    split: str = "test",
    *,
    need: Sequence[str] = (),
    only: Sequence[str] = (),
    seed: int = 0,
    file: Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Score a model under every perturbation and return what `robustness.json` holds.

    The keys are `n`, `metric`, `greater_is_better`, `resampling`, `clean` (a score), `perturbations` (a list of `name`,
    `title`, `unit` and `levels`, each with `level`, `description`, `score`, `difference` to clean, `verdict` and
    `failed`), `worst` (the level with the greatest loss, or None), `sentence`, `split`, `data` and `complete`.

    Args:
        model: what `audio_ft.load` returned.
        data: recordings with targets that the model knows; a path or an id stands for `Data` with defaults.
        split: train, validation or test.
        need: see `audio_ft.evaluate`.
        only: names of perturbations; all of them when empty.
        seed: seed of noises, rooms and resamples.
        file: where finished levels are kept; None keeps them nowhere.
        overwrite: replace a finished result of other clips, another model or another seed in `file`.

    Raises:
        InputError: the perturbation or split is unknown, the data cannot be used, no recording is readable, or `file`
            contains such a result and `overwrite` is not set.
    """
    data = Data.accept(data)
    perturbations = chosen_perturbations(only, model.task.target)
    loaded, chain = load_split(model, data, split, need)
    trial = Trial(dataclasses.replace(model, chain=chain), loaded.splits[split], range(len(loaded.splits[split])), seed)
    identity = {"model": _digests(trial.model), "data": loaded.fingerprint, "split": split, "seed": seed}
    kept = _kept(file, {"layout": LAYOUT, **identity}, overwrite)
    done = {(one["name"], level["level"]) for one in kept["perturbations"] for level in one["levels"]}
    waiting = [(one, level) for one in perturbations for level in one.levels if (one.name, level) not in done]
    if not waiting and kept.get("complete"):
        return kept
    found = _measured(trial, waiting, kept | {"data": as_path(data.path), "split": split}, file)
    found |= {"complete": True, **_worst(found)}
    _save(file, found)
    return found


def chosen_perturbations(only: Sequence[str], target: Target | None = None) -> list[Perturbation]:
    """Return the perturbations of these names, or all that leave the times of a target as they are.

    Raises:
        InputError: there is no perturbation of that name, or it moves the times of these targets.
    """
    possible = {name: one for name, one in PERTURBATIONS.items() if one.keeps_time or not (target and target.has_times)}
    for name in only:
        if name not in PERTURBATIONS:
            raise InputError(f"no perturbation is called {name!r}; choose from {', '.join(PERTURBATIONS)}.")
        if target and name not in possible:
            raise InputError(
                f"{name} moves what happens in a recording, so {target.wording.short} would be compared with the times "
                f"of another; choose from {', '.join(possible)}."
            )
    return [perturbation for name, perturbation in possible.items() if not only or name in only]


def _digests(model: Model) -> list[str]:
    """Return what identifies the weights and the cleaning of a model."""
    files = sorted(file for kind in ("*.safetensors", "*.skops") for file in model.folder.glob(kind))
    weights = [file.read_bytes() for file in files]
    return [hashlib.sha256(part).hexdigest() for part in (*weights, model.chain.digest.encode())]


def _measured(
    trial: Trial, waiting: Sequence[tuple[Perturbation, float]], kept: dict[str, Any], file: Path | None
) -> dict[str, Any]:
    """Return the result with the levels that were kept and those that were waiting, saved after each."""
    with progress_bar(total=len(trial.indices) * (len(waiting) + 1), unit="clip") as bar:
        bar.set_description("clean")
        first = trial.predict(lambda clip, index: clip, bar.update)
        if all(isinstance(prediction, AudioError) for prediction in first):
            raise InputError(f"None of the recordings of the {kept['split']} split can be read (first: {first[0]}).")
        trial, clean = trial.readable(first)
        metric = clean.target.headline
        entries = {one["name"]: one for one in kept["perturbations"]}
        found: dict[str, Any] = {
            "of": kept["of"],
            "complete": False,
            "data": kept["data"],
            "split": kept["split"],
            "n": len(clean),
            "metric": metric,
            "greater_is_better": direction(metric),
            "resampling": resampling(clean.groups),
            "clean": clean.score((metric,))[metric].to_dict(),
            "perturbations": kept["perturbations"],
        }
        for one, level in waiting:
            bar.set_description(one.describe(level))
            new = {"name": one.name, "title": one.title, "unit": one.unit, "version": one.version, "levels": []}
            entry = entries.setdefault(one.name, new)
            entry["levels"].append(_level(trial, clean, one, level, bar.update))
            found["perturbations"] = list(entries.values())
            _save(file, found)
    return found


def _level(
    trial: Trial, clean: Predictions, perturbation: Perturbation, level: float, progress: Callable[[int], object]
) -> dict[str, Any]:
    """Return the score at one level of a perturbation, on the clips that can still be read."""
    found = trial.predict(lambda clip, index: perturbation(clip, level, seed=trial.seed, index=index), progress)
    readable = np.asarray([not isinstance(prediction, AudioError) for prediction in found])
    entry = {"level": level, "description": perturbation.describe(level), "failed": int((~readable).sum())}
    if not readable.any():
        return entry | {"score": None, "difference": None, "verdict": "nothing can be read"}
    _, perturbed = trial.readable(found)
    clean = clean.where(readable)
    target, truth, metric = clean.target, clean.truth, clean.target.headline
    sides = (target.checked(each.predicted, truth) for each in (clean, perturbed))
    change = compare(*sides, groups=clean.groups, seed=trial.seed, metric=metric)
    difference = Score(change.difference, change.low, change.high, change.n)
    score = perturbed.score((metric,))[metric]
    return entry | {"score": score.to_dict(), "difference": difference.to_dict(), "verdict": change.verdict}


def _kept(file: Path | None, identity: dict[str, Any], overwrite: bool) -> dict[str, Any]:
    """Return an earlier result of the same identity, without perturbations that have changed since, or an empty one."""
    nothing: dict[str, Any] = {"of": identity, "perturbations": []}
    try:
        found = read_json(file) if file else nothing
    except InputError:  # there is none, or it is incomplete
        return nothing
    if found.get("of") != identity:
        if found.get("complete") and not overwrite and (other := _other(found.get("of", {}), identity)):
            raise InputError(
                f"{file} contains a finished result of {found['n']:,} clips of the {found['split']} split of "
                f"{found['data']}, and this is {other}. Keep both with --output FILE, or replace the old one with "
                "--overwrite."
            )
        return nothing
    versions = {one.name: one.version for one in PERTURBATIONS.values()}
    same = [one for one in found["perturbations"] if versions.get(one["name"]) == one["version"]]
    complete = found.get("complete") and len(same) == len(found["perturbations"])
    return found | {"perturbations": same, "complete": complete}


def _other(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Say what differs from before; "" where only the layout of the file has changed."""
    named = {"model": "another model", "split": "another split", "data": "other clips", "seed": "another seed"}
    return " and ".join(words for name, words in named.items() if old.get(name) != new[name])


def _save(file: Path | None, found: dict[str, Any]) -> None:
    if file:
        write_json(file, found)


def _worst(found: dict[str, Any]) -> dict[str, Any]:
    """Return the worst level and a sentence on it."""
    levels = [(one, level) for one in found["perturbations"] for level in one["levels"] if level["score"]]
    losses = [(one, level) for one, level in levels if level["verdict"] == "worse"]
    if not losses:
        sentence = f"none of {len(levels)} levels is measurably worse than clean on these {found['n']:,} clips"
        return {"worst": None, "sentence": sentence}
    sign = 1 if found["greater_is_better"] else -1
    perturbation, worst = min(losses, key=lambda loss: sign * loss[1]["difference"]["value"])
    harmful = {one["name"] for one, _ in losses}
    unharmed = ", ".join(one["title"] for one in found["perturbations"] if one["name"] not in harmful)
    metric, difference = found["metric"].replace("_", " "), worst["difference"]
    interval = "" if difference["low"] is None else f" [{difference['low']:+.3f}, {difference['high']:+.3f}]"
    sentence = (
        f"worst is {worst['description']}: {metric} {worst['score']['value']:.3f} against "
        f"{found['clean']['value']:.3f} clean, {difference['value']:+.3f}{interval} on the same {difference['n']:,} "
        f"clips; {len(losses)} of {len(levels)} levels are worse than clean"
        + (f", no level of {unharmed} is" if unharmed else "")
    )
    return {"worst": {"name": perturbation["name"], "level": worst["level"]}, "sentence": sentence}
