"""What a stress is: one way in which recordings get worse, at levels that are tried one by one."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio_ft.clip import Clip

Change = Callable[[Clip, float, np.random.Generator], Clip]


@dataclass(frozen=True)
class Stress:
    """Change a recording as the world outside might have, before the model's own cleaning sees it.

    Attributes:
        name: what it is called in files and on the command line.
        title: what it is called in tables.
        unit: the unit of its levels; "" where there is only one.
        levels: the levels tried, in the order in which a curve is drawn.
        phrase: what a recording went through at a level, with "{}" for the level ("white noise at an SNR of {} dB").
        change: takes a clip, a level and a source of randomness; returns the changed clip.
        version: raised whenever the same level changes recordings otherwise than before.
    """

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    phrase: str
    change: Change
    version: int = 1

    def __call__(self, clip: Clip, level: float, *, seed: int, place: int) -> Clip:
        """Return the changed clip; the same seed and place in the data draw the same noise or room at every level."""
        if not clip.length:
            return clip
        return self.change(clip, level, np.random.default_rng([seed, place, zlib.crc32(self.name.encode())]))

    def said(self, level: float) -> str:
        """Return in words what a recording went through at a level."""
        return self.phrase.format(f"{level:g}".replace("-", "−"))
