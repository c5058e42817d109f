"""What cleaning did: what each step changed in a sample of recordings, and a few of them to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.audio.clip_stats import loudness

if TYPE_CHECKING:
    from audio_ft.audio.clip import Clip
    from audio_ft.reporting.html.recordings import Heard

# Recordings that are measured step by step, spread over the test split; more would not change the picture.
SAMPLE = 40


@dataclass(frozen=True)
class Change:
    """Say what one step did to one recording: whether anything, the seconds it cut, and decibels of RMS it added."""

    changed: bool
    cut: float
    louder: float | None


@dataclass(frozen=True)
class Measured:
    """Hold what cleaning did to one recording, step by step, and its seconds before."""

    steps: tuple[str, ...]
    changes: tuple[Change, ...]
    seconds: float

    @property
    def cut(self) -> float:
        """Return the seconds that all steps cut together."""
        return sum(change.cut for change in self.changes)


@dataclass(frozen=True)
class Effect:
    """Sum up one step: recordings it changed, seconds it cut from all of them, median change of level in dB."""

    what: str
    changed: int
    cut: float
    level: float | None


@dataclass(frozen=True)
class Effects:
    """Sum up the steps over `clips` recordings of `seconds` in all."""

    steps: tuple[Effect, ...]
    clips: int
    seconds: float


def sampled(keys: Sequence[str]) -> list[str]:
    """Return the keys to measure, spread evenly over all."""
    places = np.linspace(0, len(keys) - 1, min(SAMPLE, len(keys))).round().astype(int) if keys else ()
    return [keys[place] for place in places]


def measure(heard: Heard) -> Measured:
    """Measure what each step did to a recording."""
    before, changes = heard.raw, []
    for _, after in heard.trace:
        changes.append(Change(not _same(before, after), before.seconds - after.seconds, _louder(before, after)))
        before = after
    return Measured(tuple(step.describe() for step, _ in heard.trace), tuple(changes), heard.raw.seconds)


def effects(measured: Sequence[Measured]) -> Effects:
    """Sum up recordings that went through the same chain."""
    steps = []
    for place, what in enumerate(measured[0].steps if measured else ()):
        changes = [one.changes[place] for one in measured]
        levels = [change.louder for change in changes if change.louder is not None]
        steps.append(
            Effect(
                what,
                sum(change.changed for change in changes),
                sum(change.cut for change in changes),
                float(np.median(levels)) if levels else None,
            )
        )
    return Effects(tuple(steps), len(measured), sum(one.seconds for one in measured))


def examples(measured: Mapping[str, Measured]) -> list[tuple[str, str]]:
    """Return (why, key) of a few recordings that differ: those that lost most and least, and one in the middle."""
    order = sorted(measured, key=lambda key: (-measured[key].cut, key))
    whys = {
        0: "The recording that cleaning cut most",
        len(order) // 2: "One in the middle",
        len(order) - 1: "The one that it cut least",
    }
    return [(why, order[place]) for place, why in whys.items() if order]


def told(measured: Measured) -> str:
    """Say in a sentence what became of one recording, under its figure."""
    level = sum(change.louder or 0.0 for change in measured.changes)
    cut = f"{measured.cut:.2f} s of {measured.seconds:.2f} s are cut" if measured.cut >= 0.005 else "nothing is cut"
    loud = (
        f"the level {'rises' if level > 0 else 'falls'} by {abs(level):.1f} dB"
        if abs(level) >= 0.05
        else "the level stays"
    )
    return f"Before cleaning on the left, after it on the right, on the same scales: {cut}, and {loud}."


def _same(before: Clip, after: Clip) -> bool:
    return before.rate == after.rate and np.array_equal(before.samples, after.samples)


def _louder(before: Clip, after: Clip) -> float | None:
    levels = loudness(before), loudness(after)
    return None if levels[0] is None or levels[1] is None else levels[1] - levels[0]
