"""Robustness test: how a model's headline score falls as recordings get worse, on the same clips at every level.

Each perturbation changes the recording before the model's own cleaning. The clean recordings are scored first; every
level is then compared with them clip by clip (`metrics.compare`: the same resamples on both sides). Finished levels
are kept in robustness.json, so that a stopped run resumes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from audio_ft.audio.clip import Clip, read
from audio_ft.data import load
from audio_ft.data.splits import SPLITS
from audio_ft.errors import AudioError, InputError
from audio_ft.evaluation.perturbations import PERTURBATIONS
from audio_ft.evaluation.predictions import Predictions
from audio_ft.file_io import read_json, write_json
from audio_ft.metrics import Score, direction, resampling
from audio_ft.metrics.comparison import compare
from audio_ft.redaction import as_path

if TYPE_CHECKING:
    from datasets import Dataset

    from audio_ft.data import Data
    from audio_ft.evaluation.perturbations.base import Perturbation
    from audio_ft.inference.predictor import Model

ROBUSTNESS_FILE = "robustness.json"
# Raised when the shape or meaning of robustness.json changes, so that an older file is not reused.
LAYOUT = 2
# Clips that are perturbed and predicted together; more would need more memory.
TOGETHER = 16


@dataclass(frozen=True)
class Trial:
    """Hold a model and the labeled clips it is tested on: rows of one split, and the indices of the readable ones."""

    model: Model
    rows: Dataset
    indices: tuple[int, ...]
    seed: int

    def predict(self, change: Callable[[Clip, int], Clip], progress: Callable[[int], object]) -> list[Any]:
        """Return the prediction for each changed clip, or the error with which it cannot be read.

        `change` takes a clip and its index; `progress` is called with the number of clips done.
        """
        found: list[Any] = []
        for start in range(0, len(self.indices), TOGETHER):
            part = self.indices[start : start + TOGETHER]
            sources = [_changed(self.rows[index]["audio"], index, change) for index in part]
            clips = [source for source in sources if isinstance(source, Clip)]
            predicted = iter(list(self.model.attempts(clips)) if clips else [])
            found += [next(predicted) if isinstance(source, Clip) else source for source in sources]
            progress(len(sources))
        return found

    def table(self, predictions: Sequence[Any]) -> Predictions:
        """Return predictions with their references as a table."""
        import pandas

        chosen = self.rows.select(self.indices)
        references = list(chosen["target"])
        target = self.model.task.target
        columns = target.columns(predictions, references)
        table = pandas.DataFrame({"group": list(chosen["group"]), "reference": references, **columns})
        return Predictions(table, target, self.seed)


def measure(
    model: Model,
    data: Data,
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
        data: recordings with targets that the model knows.
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
    from tqdm.auto import tqdm

    perturbations = chosen_perturbations(only)
    trial, identity = _trial(model, data, split, need, seed)
    kept = _kept(file, identity, overwrite)
    waiting = [
        (perturbation, level)
        for perturbation in perturbations
        for level in perturbation.levels
        if (perturbation.name, level) not in _done(kept)
    ]
    if not waiting and kept.get("complete"):
        return kept
    with tqdm(total=len(trial.indices) * (len(waiting) + 1), unit="clip", delay=2, leave=False) as bar:
        bar.set_description("clean")
        first = trial.predict(lambda clip, index: clip, bar.update)
        if all(isinstance(prediction, AudioError) for prediction in first):
            raise InputError(f"None of the recordings of the {split} split can be read (first: {first[0]}).")
        trial, clean = _readable(trial, first)
        found = _result(kept, clean, identity, split, data)
        for perturbation, level in waiting:
            bar.set_description(perturbation.describe(level))
            _entry(found, perturbation)["levels"].append(_level(trial, clean, perturbation, level, bar.update))
            _save(file, found)
    found = found | _summary(found)
    _save(file, found)
    return found


def chosen_perturbations(only: Sequence[str]) -> list[Perturbation]:
    """Return the perturbations of these names, or all.

    Raises:
        InputError: there is no perturbation of that name; lists the known ones.
    """
    for name in only:
        if name not in PERTURBATIONS:
            raise InputError(f"no perturbation is called {name!r}; choose from {', '.join(PERTURBATIONS)}.")
    return [perturbation for name, perturbation in PERTURBATIONS.items() if not only or name in only]


def _trial(model: Model, data: Data, split: str, need: Sequence[str], seed: int) -> tuple[Trial, dict[str, Any]]:
    """Return the trial, and everything besides the perturbations that decides the result."""
    if split not in SPLITS:
        raise InputError(f"split is one of {', '.join(SPLITS)}, not {split!r}.")
    model.chain.require_rate(model.adapter.sample_rate)
    loaded = load(data, need=tuple(need) or (split,), known=model.task.target)
    model = dataclasses.replace(model, chain=model.chain.remaining(loaded.chain))
    rows = loaded.splits[split]
    weights = [file.read_bytes() for file in sorted(model.folder.glob("*.safetensors"))]
    digests = [hashlib.sha256(part).hexdigest() for part in (*weights, model.chain.digest.encode())]
    identity = {"layout": LAYOUT, "model": digests, "data": loaded.fingerprint, "split": split, "seed": seed}
    return Trial(model, rows, tuple(range(len(rows))), seed), identity


def _readable(trial: Trial, predictions: Sequence[Any]) -> tuple[Trial, Predictions]:
    """Return the trial without clips that cannot be read, and the predictions for the others."""
    pairs = [pair for pair in zip(trial.indices, predictions, strict=True) if not isinstance(pair[1], AudioError)]
    trial = dataclasses.replace(trial, indices=tuple(index for index, _ in pairs))
    return trial, trial.table([prediction for _, prediction in pairs])


def _changed(audio: dict[str, Any], index: int, change: Callable[[Clip, int], Clip]) -> Clip | AudioError:
    try:
        return change(read(audio["bytes"] if audio.get("bytes") is not None else audio["path"]), index)
    except AudioError as error:
        return error


def _level(
    trial: Trial, clean: Predictions, perturbation: Perturbation, level: float, progress: Callable[[int], object]
) -> dict[str, Any]:
    """Return the score at one level of a perturbation, on the clips that can still be read."""
    import numpy as np

    found = trial.predict(lambda clip, index: perturbation(clip, level, seed=trial.seed, index=index), progress)
    readable = np.asarray([not isinstance(prediction, AudioError) for prediction in found])
    failed = int((~readable).sum())
    entry: dict[str, Any] = {"level": level, "description": perturbation.describe(level), "failed": failed}
    if not readable.any():
        return entry | {"score": None, "difference": None, "verdict": "nothing can be read"}
    _, perturbed = _readable(trial, found)
    clean = clean.where(readable)
    target, truth, metric = clean.target, clean.truth, clean.target.headline
    change = compare(
        target.checked(clean.predicted, truth),
        target.checked(perturbed.predicted, truth),
        groups=clean.groups,
        seed=trial.seed,
        metric=metric,
    )
    difference = Score(change.difference, change.low, change.high, change.n)
    score = perturbed.score((metric,))[metric]
    return entry | {"score": score.to_dict(), "difference": difference.to_dict(), "verdict": change.verdict}


def _result(
    kept: dict[str, Any], clean: Predictions, identity: dict[str, Any], split: str, data: Data
) -> dict[str, Any]:
    """Return the result with the levels that were kept."""
    metric = clean.target.headline
    return {
        "of": identity,
        "complete": False,
        "data": as_path(data.path),
        "split": split,
        "n": len(clean),
        "metric": metric,
        "greater_is_better": direction(metric),
        "resampling": resampling(clean.groups),
        "clean": clean.score((metric,))[metric].to_dict(),
        "perturbations": kept.get("perturbations", []),
    }


def _entry(found: dict[str, Any], perturbation: Perturbation) -> dict[str, Any]:
    """Return the entry of a perturbation, added where there is none."""
    for entry in found["perturbations"]:
        if entry["name"] == perturbation.name:
            return cast("dict[str, Any]", entry)
    new = {
        "name": perturbation.name,
        "title": perturbation.title,
        "unit": perturbation.unit,
        "version": perturbation.version,
        "levels": [],
    }
    found["perturbations"].append(new)
    return new


def _done(kept: dict[str, Any]) -> set[tuple[str, float]]:
    return {(entry["name"], level["level"]) for entry in kept.get("perturbations", ()) for level in entry["levels"]}


def _kept(file: Path | None, identity: dict[str, Any], overwrite: bool) -> dict[str, Any]:
    """Return an earlier result with the same identity, without perturbations that have changed since.

    Raises:
        InputError: the file contains a finished result of something else.
    """
    try:
        found = read_json(file) if file else {}
    except InputError:  # there is none, or it is incomplete
        return {}
    if found.get("of") != identity:
        if found.get("complete") and not overwrite and (other := _other(found.get("of", {}), identity)):
            raise InputError(
                f"{file} contains a finished result of {found['n']:,} clips of the {found['split']} split of "
                f"{found['data']}, and this is {other}. Keep both with --output FILE, or replace the old one with "
                "--overwrite."
            )
        return {}
    current = [one for one in found["perturbations"] if one["name"] in PERTURBATIONS]
    same = [one for one in current if one["version"] == PERTURBATIONS[one["name"]].version]
    return found | {"perturbations": same, "complete": found["complete"] and len(same) == len(found["perturbations"])}


def _other(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Say what differs from before; "" where only the layout of the file has changed."""
    named = {"model": "another model", "split": "another split", "data": "other clips", "seed": "another seed"}
    return " and ".join(words for name, words in named.items() if old.get(name) != new[name])


def _save(file: Path | None, found: dict[str, Any]) -> None:
    if file:
        write_json(file, found)


def _summary(found: dict[str, Any]) -> dict[str, Any]:
    """Return the worst level and a sentence on it."""
    levels = [
        level | {"name": one["name"]} for one in found["perturbations"] for level in one["levels"] if level["score"]
    ]
    sign = 1 if found["greater_is_better"] else -1
    losses = [level for level in levels if level["verdict"] == "worse"]
    metric, clean = found["metric"].replace("_", " "), found["clean"]["value"]
    if not losses:
        sentence = f"none of {len(levels)} levels is measurably worse than clean on these {found['n']:,} clips"
        return {"complete": True, "worst": None, "sentence": sentence}
    worst = min(losses, key=lambda level: sign * level["difference"]["value"])
    unharmed = [
        one["title"] for one in found["perturbations"] if all(level["verdict"] != "worse" for level in one["levels"])
    ]
    difference = worst["difference"]
    interval = "" if difference["low"] is None else f" [{difference['low']:+.3f}, {difference['high']:+.3f}]"
    sentence = (
        f"worst is {worst['description']}: {metric} {worst['score']['value']:.3f} against {clean:.3f} clean, "
        f"{difference['value']:+.3f}{interval} on the same {difference['n']:,} clips; {len(losses)} of {len(levels)} "
        "levels are worse than clean" + (f", no level of {', '.join(unharmed)} is" if unharmed else "")
    )
    return {"complete": True, "worst": {"name": worst["name"], "level": worst["level"]}, "sentence": sentence}
