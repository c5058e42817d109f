"""Repeat the training of a run, compare the scores, and list what differs between then and now."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audio_ft.errors import InputError
from audio_ft.metrics import Score
from audio_ft.metrics.names import headlines
from audio_ft.run import RUN_FILE, Run
from audio_ft.system.machine import describe, versions
from audio_ft.training.messages import progress
from audio_ft.training.train import train

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe


# Hardware facts that can change a result. Threads split the sums of a matrix product, whose last bits then differ: with
# one thread instead of two, a small training ended six points apart.
DECIDING_HARDWARE = ("processor", "cores", "threads", "accelerators", "precision")
# Settings of TrainingArguments that would publish the reproduction.
PUBLISHING = ("push_to_hub", "hub_")
# A score that is undefined for the second run's predictions.
UNDEFINED = Score(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Difference:
    """Name a version, setting or count that differs and may explain different scores."""

    what: str
    then: Any
    now: Any

    def __str__(self) -> str:
        """Return the difference as a person reads it."""
        return f"{self.what}: {_format(self.then)} then, {_format(self.now)} now"


@dataclass(frozen=True)
class Pair:
    """Hold a score then and now: "exactly" the same, "within" the interval it had then, or "outside"."""

    then: Score
    now: Score

    @property
    def verdict(self) -> Literal["exactly", "within", "outside"]:
        """Say how well they agree."""
        if self.then.value == self.now.value:
            return "exactly"
        # A score without an interval has NaN for its ends, and nothing but itself is within.
        return "within" if self.then.low <= self.now.value <= self.then.high else "outside"


@dataclass(frozen=True)
class Reproduction:
    """Hold a run, its repetition, the headline scores of both on the test split, and the known differences."""

    first: Run
    second: Run
    scores: Mapping[str, Pair]
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        """Return whether every score lies within its earlier interval."""
        return all(pair.verdict != "outside" for pair in self.scores.values())

    @property
    def same_weights(self) -> bool:
        """Return whether both trainings ended with identical weights."""
        return self.first.digests["model"] == self.second.digests["model"]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return {
            "agrees": self.agrees,
            "same_weights": self.same_weights,
            "scores": {
                name: {"then": pair.then.to_dict(), "now": pair.now.to_dict(), "verdict": pair.verdict}
                for name, pair in self.scores.items()
            },
            "differences": [dataclasses.asdict(difference) for difference in self.differences],
            "run": str(self.second.folder),
        }


def reproduce(
    run: Run | str | Path,
    output_dir: str | Path | None = None,
    *,
    model: str | None = None,
    data: str | None = None,
    overwrite: bool = False,
    log: Callable[[str], None] = progress,
) -> Reproduction:
    """Train again from the recipe of a run and compare the scores; nothing is pushed.

    Args:
        run: the run to reproduce, or its folder.
        output_dir: folder of the new run; None appends "-again" to the run's folder. A stopped training there is
            resumed, and a finished one is compared without training.
        model: path or repository of the checkpoint, if it has moved.
        data: path of the data, if it has moved.
        overwrite: train again although the folder holds a finished run.
        log: receives each line of progress.

    Raises:
        InputError: data or checkpoint that cannot be found, or a folder with another run in it.
        AudioFTError: the training fails.
    """
    run = Run.of(run)
    run.require_model()
    recipe = _moved(run.recipe, model, data)
    # "." and ".." have no name to append "-again" to.
    own = run.folder if run.folder.name not in ("", "..") else run.folder.resolve()
    folder = Path(output_dir) if output_dir is not None else own.with_name(f"{run.folder.resolve().name}-again")
    if folder.resolve() == run.folder.resolve():
        raise InputError(f"{folder} is the run itself; give another --output-dir.")
    for difference in _machine(run, versions(), describe()):
        log(f"differs: {difference}")
    if (folder / RUN_FILE).is_file() and not overwrite:
        second = Run.load(folder)
        if second.recipe.digest != recipe.digest:
            raise InputError(f"{folder} holds a run of another recipe; choose another --output-dir.")
        log(f"{folder} holds a finished run, which is compared as it is; pass --overwrite to train again.")
    else:
        second = train(recipe, folder, overwrite=overwrite, log=log, report=lambda _: None)
    return compared(run, second)


def compared(first: Run, second: Run) -> Reproduction:
    """Compare two runs of one recipe."""
    then, now = first.scores["test"], second.scores["test"]
    scores = {name: Pair(then[name], now.get(name, UNDEFINED)) for name in headlines(then)}
    differences = _machine(first, second.versions, second.hardware) + _differences(first.used, second.used)
    differences += _differences(_data(first), _data(second))
    return Reproduction(first, second, scores, tuple(differences))


def _moved(recipe: Recipe, model: str | None, data: str | None) -> Recipe:
    """Return the recipe with new paths, and without settings that would publish the result."""
    if data is not None and recipe.data.sources is not None:
        raise InputError(
            "--data is for a single source that has moved, and this run has several; train the recipe with new paths."
        )
    moved = dataclasses.replace(recipe.data, path=data or recipe.data.path)
    private = {name: value for name, value in recipe.training.items() if not name.startswith(PUBLISHING)}
    return dataclasses.replace(recipe, model=model or recipe.model, data=moved, training=private, push_to_hub=None)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return the differences between facts that both runs recorded."""
    return [Difference(name, then[name], now[name]) for name in then if name in now and then[name] != now[name]]


def _machine(first: Run, versions: Mapping[str, str], hardware: Mapping[str, Any]) -> list[Difference]:
    """Return the differences in versions and hardware."""
    missing = dict.fromkeys({**first.versions, **versions}, "not recorded")
    deciding = {name: first.hardware[name] for name in DECIDING_HARDWARE if name in first.hardware}
    return _differences({**missing, **first.versions}, {**missing, **versions}) + _differences(deciding, hardware)


def _data(run: Run) -> dict[str, Any]:
    """Return what identifies recordings, targets and splits, by digest and by counts."""
    found: dict[str, Any] = {
        "cleaning chain (digest)": run.digests["chain"][:12],
        "clean recordings and targets (digest)": run.digests["data"][:12],
    }
    for split, facts in run.splits.items():
        for fact, what in (("clips", "recordings"), ("seconds", "seconds after cleaning"), ("classes", "classes")):
            found[f"{split} split, {what}"] = facts.get(fact)
    return found


def _format(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
