"""Normalize the level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step
from audio_ft.settings.rules import number

# Half a step of 16-bit audio: a smaller peak-to-peak amplitude is rounding or a constant, not sound to amplify.
SILENT_SWING = 0.5 / 32_768

_USUAL_DBFS = {"peak": -1.0, "rms": -20.0, "minmax": 0.0}


@dataclass(frozen=True)
class Normalize(Step):
    """Bring the clip to the level `dbfs`, with one gain for all channels.

    The values of `method`:
    `peak`: the largest absolute sample is at `dbfs` (default -1 dBFS).
    `rms`: the root mean square without DC offset is at `dbfs` (default -20 dBFS). There is no limiter: where a sample
    would exceed full scale, the gain is smaller and the clip gets the note "level held back: …".
    `minmax`: x' = 2 (x - min) / (max - min) - 1 over all channels, scaled to `dbfs` (default 0 dBFS, which is
    [-1, 1]); this removes the DC offset too.

    A silent clip (peak-to-peak amplitude below half a 16-bit step) is returned unchanged.
    """

    method: Literal["peak", "rms", "minmax"] = "peak"
    dbfs: Annotated[float | None, number(high=0, unit="dB")] = None

    def check(self) -> None:
        """Fill in the default level, so that None and the default are the same setting."""
        if self.dbfs is None:
            object.__setattr__(self, "dbfs", _USUAL_DBFS[self.method])

    def __call__(self, clip: Clip) -> Clip:
        """Return the normalized clip."""
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
        return amplified(clip, gain, "RMS")

    def describe(self) -> str:
        """Return the phrase for the card."""
        what = {"peak": "the peak", "rms": "the RMS level", "minmax": "minimum and maximum"}[self.method]
        return f"bring {what} to {self.dbfs:g} dBFS"


def amplified(clip: Clip, gain: float, aim: str) -> Clip:
    """Return a clip times `gain`, or times less where that would exceed full scale, with a note that names the aim."""
    wave = clip.samples.astype(np.float64)
    limited = min(gain, 1 / float(np.abs(wave).max()))
    louder = clip.with_samples(wave * limited)
    return louder if limited == gain else louder.with_note(f"level held back: the {aim} aimed at would clip")
