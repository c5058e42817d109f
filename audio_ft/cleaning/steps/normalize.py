"""Bring every clip to one level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step
from audio_ft.settings.rules import number

# Half a step of 16-bit audio: what swings less is the residue of a filter or a constant, and no gain makes it sound.
SILENT_SWING = 0.5 / 32_768

_USUAL_DBFS = {"peak": -1.0, "rms": -20.0, "minmax": 0.0}


@dataclass(frozen=True)
class Normalize(Step):
    """Bring the clip to a level in dB below full scale, by one gain for all its channels; `method` says which.

    `peak`: the largest absolute sample lands on `dbfs` (by default -1).
    `rms`: the root mean square about each channel's mean lands on `dbfs` (by default -20), or as near as it can be
    with no sample above full scale: there is no limiter, a gain held back gives the note "level held back: …".
    `minmax`: the textbooks' x' = 2 (x - min) / (max - min) - 1 over all channels, scaled to `dbfs` (by default 0,
    which is [-1, 1]); it moves the offset too.

    A clip that is silent (swings by less than half a 16-bit step, whatever its offset) stays as it is.
    """

    method: Literal["peak", "rms", "minmax"] = "peak"
    dbfs: Annotated[float | None, number(high=0, unit="dB")] = None

    def check(self) -> None:
        """Fill in the usual level, so that leaving it out and writing it down are one setting."""
        if self.dbfs is None:
            object.__setattr__(self, "dbfs", _USUAL_DBFS[self.method])

    def __call__(self, clip: Clip) -> Clip:
        """Return the clip at the level."""
        wave = clip.samples.astype(np.float64)
        if clip.length == 0 or np.ptp(wave, axis=1).max() < SILENT_SWING:
            return clip
        level = 10 ** ((self.dbfs or 0.0) / 20)
        peak = float(np.abs(wave).max())
        if self.method == "peak":
            return clip.with_samples(wave * (level / peak))
        if self.method == "minmax":
            low, high = float(wave.min()), float(wave.max())
            return clip.with_samples(level * (2 * (wave - low) / (high - low) - 1))
        gain = level / float(np.sqrt(wave.var(axis=1).mean()))
        held = min(gain, 1 / peak)
        louder = clip.with_samples(wave * held)
        return louder if held == gain else louder.with_note("level held back: the RMS aimed at would clip")

    def describe(self) -> str:
        """Return the phrase for the card."""
        what = {"peak": "the peak", "rms": "the RMS level", "minmax": "minimum and maximum"}[self.method]
        return f"bring {what} to {self.dbfs:g} dBFS"
