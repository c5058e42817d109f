"""Repeat the training of a run, compare the scores, and list what differs between then and now."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from audio_ft.errors import InputError
from audio_ft.metrics import Score
from audio_ft.metrics.names import headlines
from audio_ft.run import RUN_FILE, Run
from audio_ft.system import describe, versions
from audio_ft.training.train import train

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe

logger = logging.getLogger(__name__)

# Hardware facts that can change a result. Threads split the sums of a matrix product, whose last bits then differ: with
# one thread instead of two, a small training ended six points apart.
DECIDING_HARDWARE = ("processor", "cores", "threads", "accelerators", "precision")
# Settings of TrainingArguments that would publish the reproduction.
PUBLISHING = ("push_to_hub", "hub_")
# Stands for a score that is undefined for the second run's predictions.
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
    """Hold a run, its repetition, and how they compare.

    Attributes:
        first: the run to reproduce.
        second: the new run.
        scores: the headline scores of the test split, by name.
        differences: known differences between the two.
    """

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
    run: Run,
    output_dir: str | Path | None = None,
    *,
    model: str | None = None,
    data: str | None = None,
    overwrite: bool = False,
    tell: Callable[[str], None] = logger.info,
) -> Reproduction:
    """Train again from the recipe of a run and compare the scores; nothing is pushed.

    Args:
        run: the run to reproduce.
        output_dir: folder of the new run; None appends "-again" to the run's folder. A stopped training there is
            resumed, and a finished one is compared without training.
        model: path or repository of the checkpoint, if it has moved.
        data: path of the data, if it has moved.
        overwrite: train again although the folder holds a finished run.
        tell: receives each line of progress.

    Raises:
        InputError: data or checkpoint that cannot be found, or a folder with another run in it.
        AudioFTError: the training fails.
    """
    recipe = _moved(run.recipe, model, data)
    # "." and ".." have no name to append "-again" to.
    own = run.folder if run.folder.name not in ("", "..") else run.folder.resolve()
    folder = Path(output_dir) if output_dir is not None else own.with_name(f"{run.folder.resolve().name}-again")
    if folder.resolve() == run.folder.resolve():
        raise InputError(f"{folder} is the run itself; give another --output-dir.")
    for difference in _machine(run, versions(), describe()):
        tell(f"differs: {difference}")
    if (folder / RUN_FILE).is_file() and not overwrite:
        second = Run.load(folder)
        if second.recipe.digest != recipe.digest:
            raise InputError(f"{folder} holds a run of another recipe; choose another --output-dir.")
        tell(f"{folder} holds a finished run, which is compared as it is; pass --overwrite to train again.")
    else:
        second = train(recipe, folder, overwrite=overwrite, tell=tell, report=lambda _: None)
    return compared(run, second)


def compared(first: Run, second: Run) -> Reproduction:
    """Compare two runs of one recipe."""
    then, now = first.scores["test"], second.scores["test"]
    scores = {name: Pair(then[name], now.get(name, UNDEFINED)) for name in headlines(first.scores["test"])}
    differences = (
        *_machine(first, second.versions, second.hardware),
        *_settings(first, second),
        *_data(first, second),
    )
    return Reproduction(first, second, scores, differences)


def _moved(recipe: Recipe, model: str | None, data: str | None) -> Recipe:
    """Return the recipe with new paths, and without settings that would publish the result."""
    if model is not None:
        recipe = dataclasses.replace(recipe, model=model)
    if data is not None:
        recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, path=data))
    private = {name: value for name, value in recipe.training.items() if not name.startswith(PUBLISHING)}
    return dataclasses.replace(recipe, training=private, push_to_hub=None)


def _machine(first: Run, versions: Mapping[str, str], hardware: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield differences in versions, and in hardware facts that both runs recorded."""
    for name in {**first.versions, **versions}:
        then, now = (found.get(name, "not recorded") for found in (first.versions, versions))
        if then != now:
            yield Difference(name, then, now)
    for name in DECIDING_HARDWARE:
        if name in first.hardware and name in hardware and first.hardware[name] != hardware[name]:
            yield Difference(name, first.hardware[name], hardware[name])


def _settings(first: Run, second: Run) -> Iterator[Difference]:
    """Yield the automatic settings that were chosen differently."""
    for name, then in first.used.items():
        if name in second.used and second.used[name] != then:
            yield Difference(name, then, second.used[name])


def _data(first: Run, second: Run) -> Iterator[Difference]:
    """Yield differences in recordings, targets and splits, by digest and by counts."""
    for name, what in (("chain", "cleaning chain (digest)"), ("data", "clean recordings and targets (digest)")):
        if first.digests[name] != second.digests[name]:
            yield Difference(what, first.digests[name][:12], second.digests[name][:12])
    for split in first.splits:
        for fact, what in (("clips", "recordings"), ("seconds", "seconds after cleaning"), ("classes", "classes")):
            then, now = first.splits[split].get(fact), second.splits.get(split, {}).get(fact)
            if then != now:
                yield Difference(f"{split} split, {what}", then, now)


def _format(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
