"""The effects of each cleaning step, measured on a sample of recordings, and examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.audio.clip_stats import loudness
from audio_ft.reporting.html.recordings import TracedClip
from audio_ft.run import Run

# Recordings that are measured step by step.
SAMPLE = 40
# Seconds that a recording loses before the page says that something was cut.
SHOWN_CUT = 0.005
# How many of the most frequent notes about cleaning are listed.
NOTES = 6


@dataclass(frozen=True)
class Change:
    """Hold what one step did to a recording: whether it changed, seconds cut, and change of RMS level in dB."""

    step: str
    changed: bool
    cut: float
    louder: float | None


@dataclass(frozen=True)
class Measured:
    """Hold the duration of a recording before cleaning, and the change by each step."""

    seconds: float
    changes: tuple[Change, ...]

    @property
    def cut(self) -> float:
        """Return the seconds that all steps cut together."""
        return sum(change.cut for change in self.changes)


def sampled(keys: Sequence[str]) -> list[str]:
    """Return at most `SAMPLE` keys, evenly spaced."""
    rows = np.linspace(0, len(keys) - 1, min(SAMPLE, len(keys))).round().astype(int) if keys else ()
    return [keys[row] for row in rows]


def measure(clip: TracedClip) -> Measured:
    """Return what each step did to a recording."""
    before, changes = clip.raw, []
    for step, after in clip.steps:
        changed = before.rate != after.rate or not np.array_equal(before.samples, after.samples)
        changes.append(Change(step.describe(), changed, before.seconds - after.seconds, _louder(before, after)))
        before = after
    return Measured(clip.raw.seconds, tuple(changes))


def effects(measured: Sequence[Measured]) -> dict[str, Any]:
    """Return the sums over recordings cleaned by the same chain; `level` is the median change in dB."""
    steps = []
    for changes in zip(*(item.changes for item in measured), strict=True):
        levels = [change.louder for change in changes if change.louder is not None]
        level = float(np.median(levels)) if levels else None
        changed, cut = sum(change.changed for change in changes), sum(change.cut for change in changes)
        steps.append({"step": changes[0].step, "changed": changed, "cut": cut, "level": level})
    return {"steps": steps, "clips": len(measured), "seconds": sum(item.seconds for item in measured)}


def examples(measured: Mapping[str, Measured]) -> list[tuple[str, str]]:
    """Return (heading, key) of the recordings of which most and least was cut, and one in the middle.

    Where nothing was cut, one recording shows what else cleaning did.
    """
    order = sorted(measured, key=lambda key: (-measured[key].cut, key))
    if not order or measured[order[0]].cut < SHOWN_CUT:
        return [("One recording", key) for key in order[:1]]
    headings = {0: "Most cut", len(order) // 2: "Median cut", len(order) - 1: "Least cut"}
    return [(heading, order[row]) for row, heading in headings.items()]


def caption(measured: Measured) -> str:
    """Return the caption of the figure of a recording before and after cleaning."""
    level = sum(change.louder or 0.0 for change in measured.changes)
    cut = "nothing was cut"
    if measured.cut >= SHOWN_CUT:
        cut = f"{measured.cut:.2f} s of {measured.seconds:.2f} s were cut"
    loud = f"changed by {level:+.1f} dB" if abs(level) >= 0.05 else "did not change"
    return f"Before (left) and after cleaning (right), on the same scales: {cut}, and the level {loud}."


def notes(run: Run) -> list[tuple[str, int]]:
    """Return the most frequent notes made while cleaning, with the number of recordings each was made about."""
    counts: Counter[str] = Counter()
    for split in run.splits.values():
        for note, count in split.get("notes", {}).items():
            counts[note.partition(":")[0]] += count
    return counts.most_common(NOTES)


def _louder(before: Clip, after: Clip) -> float | None:
    levels = loudness(before), loudness(after)
    return None if levels[0] is None or levels[1] is None else levels[1] - levels[0]
