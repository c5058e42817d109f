"""Robustness: how a model's headline score falls as recordings get worse, on the same clips at every level.

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
from audio_ft.metrics import direction, resampling
from audio_ft.metrics.comparison import compared
from audio_ft.redaction import as_path

if TYPE_CHECKING:
    from datasets import Dataset

    from audio_ft.data import Data
    from audio_ft.evaluation.perturbations.base import Perturbation
    from audio_ft.inference.predictor import Model

ROBUSTNESS_FILE = "robustness.json"
# Raised when the shape or meaning of robustness.json changes, so that an older one is made anew.
LAYOUT = 1
# Clips changed and heard together; longer stretches would hold more audio in memory.
TOGETHER = 16


@dataclass(frozen=True)
class Trial:
    """Hold what is tried: a model, and the labeled clips of one split that can be read, at their places in it."""

    model: Model
    rows: Dataset
    places: tuple[int, ...]
    seed: int

    def answers(self, change: Callable[[Clip, int], Clip], heard: Callable[[int], object]) -> list[Any]:
        """Return the answer to each clip once it is changed, or the error that it cannot be heard with.

        `change` takes a clip and its place; `heard` is told how many clips more are done.
        """
        found: list[Any] = []
        for start in range(0, len(self.places), TOGETHER):
            part = self.places[start : start + TOGETHER]
            sources = [_tried(self.rows[place]["audio"], place, change) for place in part]
            clips = [source for source in sources if isinstance(source, Clip)]
            answered = iter(list(self.model.attempts(clips)) if clips else [])
            found += [next(answered) if isinstance(source, Clip) else source for source in sources]
            heard(len(sources))
        return found

    def predictions(self, answers: Sequence[Any]) -> Predictions:
        """Return answers as a table, beside the truth."""
        import pandas

        chosen = self.rows.select(self.places)
        references = list(chosen["target"])
        target = self.model.task.target
        columns = target.columns(answers, references)
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
    `title`, `unit` and `levels`, each with `level`, `said`, `score`, `difference` to clean, `verdict` and `failed`),
    `worst` (the level that costs most, None where none costs anything), `sentence`, `split`, `data` and `complete`.

    Args:
        model: what `audio_ft.load` returned.
        data: recordings with targets that the model knows.
        split: train, validation or test.
        need: see `audio_ft.evaluate`.
        only: names of perturbations; all of them when empty.
        seed: seed of noises, rooms and resamples.
        file: where finished levels are kept; None keeps them nowhere.
        overwrite: replace a finished result of other clips, another model or another seed that `file` holds.

    Raises:
        InputError: an unknown perturbation or split, data that cannot be used, no readable recording, or a `file` that
            holds such a result and is not to be replaced.
    """
    from tqdm.auto import tqdm

    perturbations = chosen_perturbations(only)
    trial, of = _trial(model, data, split, need, seed)
    kept = _kept(file, of, overwrite)
    waiting = [
        (perturbation, level)
        for perturbation in perturbations
        for level in perturbation.levels
        if (perturbation.name, level) not in _done(kept)
    ]
    if not waiting and kept.get("complete"):
        return kept
    with tqdm(total=len(trial.places) * (len(waiting) + 1), unit="clip", delay=2, leave=False) as bar:
        bar.set_description("clean")
        first = trial.answers(lambda clip, place: clip, bar.update)
        trial, clean = _readable(trial, first, split)
        found = _opened(kept, clean, of, split, data)
        for perturbation, level in waiting:
            bar.set_description(perturbation.said(level))
            _entry(found, perturbation)["levels"].append(_level(trial, clean, perturbation, level, bar.update))
            _save(file, found)
    found = found | _summed_up(found)
    _save(file, found)
    return found


def chosen_perturbations(only: Sequence[str]) -> list[Perturbation]:
    """Return the perturbations of these names, or all.

    Raises:
        InputError: there is no perturbation of that name; lists those there are.
    """
    for name in only:
        if name not in PERTURBATIONS:
            raise InputError(f"no perturbation is called {name!r}; there are {', '.join(PERTURBATIONS)}.")
    return [perturbation for name, perturbation in PERTURBATIONS.items() if not only or name in only]


def _trial(model: Model, data: Data, split: str, need: Sequence[str], seed: int) -> tuple[Trial, dict[str, Any]]:
    """Return what is tried, and all that decides the result besides the perturbations."""
    if split not in SPLITS:
        raise InputError(f"split is one of {', '.join(SPLITS)}, not {split!r}.")
    model.chain.require_rate(model.adapter.sample_rate)
    loaded = load(data, need=tuple(need) or (split,), known=model.task.target)
    model = dataclasses.replace(model, chain=model.chain.remaining(loaded.chain))
    rows = loaded.splits[split]
    weights = [file.read_bytes() for file in sorted(model.folder.glob("*.safetensors"))]
    digests = [hashlib.sha256(part).hexdigest() for part in (*weights, model.chain.digest.encode())]
    of = {"layout": LAYOUT, "model": digests, "data": loaded.fingerprint, "split": split, "seed": seed}
    return Trial(model, rows, tuple(range(len(rows))), seed), of


def _readable(trial: Trial, answers: Sequence[Any], split: str) -> tuple[Trial, Predictions]:
    """Return the trial without clips that cannot be read, and the answers to the others.

    Raises:
        InputError: not one can be read.
    """
    places = [place for place, answer in zip(trial.places, answers, strict=True) if not _failed(answer)]
    if not places:
        raise InputError(f"None of the recordings of the {split} split can be read (first: {answers[0]}).")
    trial = dataclasses.replace(trial, places=tuple(places))
    return trial, trial.predictions([answer for answer in answers if not _failed(answer)])


def _tried(audio: dict[str, Any], place: int, change: Callable[[Clip, int], Clip]) -> Clip | AudioError:
    try:
        return change(read(audio["bytes"] if audio.get("bytes") is not None else audio["path"]), place)
    except AudioError as error:
        return error


def _failed(answer: Any) -> bool:
    return isinstance(answer, AudioError)


def _level(
    trial: Trial, clean: Predictions, perturbation: Perturbation, level: float, heard: Callable[[int], object]
) -> dict[str, Any]:
    """Return what one level of a perturbation does to the score, on the clips that can still be heard."""
    import numpy as np

    answers = trial.answers(lambda clip, place: perturbation(clip, level, seed=trial.seed, place=place), heard)
    there = np.asarray([not _failed(answer) for answer in answers])
    entry: dict[str, Any] = {"level": level, "said": perturbation.said(level), "failed": int((~there).sum())}
    if not there.any():
        return entry | {"score": None, "difference": None, "verdict": "nothing can be heard"}
    left = dataclasses.replace(trial, places=tuple(np.asarray(trial.places)[there].tolist()))
    perturbed = left.predictions([answer for answer in answers if not _failed(answer)])
    beside = clean.where(there)
    metric = clean.target.headline
    target, truth = clean.target, beside.truth
    found = compared(
        target.checked(beside.predicted, truth),
        target.checked(perturbed.predicted, truth),
        groups=beside.groups,
        seed=trial.seed,
        metric=metric,
    ).to_dict()
    difference = {"value": found["difference"], "low": found["low"], "high": found["high"], "n": found["n"]}
    score = perturbed.score((metric,))[metric].to_dict()
    return entry | {"score": score, "difference": difference, "verdict": found["verdict"]}


def _opened(kept: dict[str, Any], clean: Predictions, of: dict[str, Any], split: str, data: Data) -> dict[str, Any]:
    """Return what was kept, or the same without any level."""
    metric = clean.target.headline
    return {
        "of": of,
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
    """Return the entry of a perturbation among those found, a new one where there is none."""
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


def _kept(file: Path | None, of: dict[str, Any], overwrite: bool) -> dict[str, Any]:
    """Return what an earlier run left that was about the very same, without perturbations that have changed since.

    Raises:
        InputError: it has finished and was about something else, which may not be replaced unasked.
    """
    try:
        found = read_json(file) if file else {}
    except InputError:  # there is none, or it is not whole
        return {}
    if found.get("of") != of:
        if found.get("complete") and not overwrite and (other := _other(found.get("of", {}), of)):
            raise InputError(
                f"{file} holds a finished result of {found['n']:,} clips of the {found['split']} split of "
                f"{found['data']}, and this is {other}. Keep both with --output FILE, or replace the old one with "
                "--overwrite."
            )
        return {}
    current = [one for one in found["perturbations"] if one["name"] in PERTURBATIONS]
    same = [one for one in current if one["version"] == PERTURBATIONS[one["name"]].version]
    return found | {"perturbations": same, "complete": found["complete"] and len(same) == len(found["perturbations"])}


def _other(old: dict[str, Any], new: dict[str, Any]) -> str:
    """Say what is tried otherwise than before; nothing where the layout of the file alone has changed."""
    named = {"model": "another model", "split": "another split", "data": "other clips", "seed": "another seed"}
    return " and ".join(words for name, words in named.items() if old.get(name) != new[name])


def _save(file: Path | None, found: dict[str, Any]) -> None:
    if file:
        write_json(file, found)


def _summed_up(found: dict[str, Any]) -> dict[str, Any]:
    """Return the worst level and a sentence on it."""
    levels = [
        level | {"name": one["name"]} for one in found["perturbations"] for level in one["levels"] if level["score"]
    ]
    sign = 1 if found["greater_is_better"] else -1
    losses = [level for level in levels if level["verdict"] == "worse"]
    metric, clean = found["metric"].replace("_", " "), found["clean"]["value"]
    if not losses:
        said = f"none of {len(levels)} levels is worse than clean by more than these {found['n']:,} clips could show"
        return {"complete": True, "worst": None, "sentence": said}
    worst = min(losses, key=lambda level: sign * level["difference"]["value"])
    unharmed = [
        one["title"] for one in found["perturbations"] if all(level["verdict"] != "worse" for level in one["levels"])
    ]
    difference = worst["difference"]
    interval = "" if difference["low"] is None else f" [{difference['low']:+.3f}, {difference['high']:+.3f}]"
    said = (
        f"worst is {worst['said']}: {metric} {worst['score']['value']:.3f} against {clean:.3f} clean, "
        f"{difference['value']:+.3f}{interval} on the same {difference['n']:,} clips; {len(losses)} of {len(levels)} "
        "levels are worse than clean" + (f", no level of {', '.join(unharmed)} is" if unharmed else "")
    )
    return {"complete": True, "worst": {"name": worst["name"], "level": worst["level"]}, "sentence": said}
