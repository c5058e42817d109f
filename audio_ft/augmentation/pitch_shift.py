"""Pitch shift at constant tempo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audio_ft.augmentation.base import Rng, Samples, WaveAugment, draw, spread
from audio_ft.augmentation.time_stretch import stretched


@dataclass(frozen=True)
class PitchShift(WaveAugment):
    """Raise (above 0) or lower the pitch of a clip by up to `semitones`; the length stays the same.

    A phase vocoder stretches the clip in time, then resampling restores its length; formants move with the pitch. A
    clip shorter than one window of the vocoder (32 ms) stays unchanged.
    """

    semitones: Annotated[float | tuple[float, float], spread(12)] = 2.0

    effect = "pitch shift of {semitones} semitones"

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the samples (time,) at another pitch, of the same length."""
        import soxr

        factor = 2 ** (draw(self.semitones, rng) / 12)
        longer = stretched(samples, rate, 1 / factor)
        if longer is samples:
            return samples
        higher = soxr.resample(longer, rate * factor, rate)[: len(samples)]
        # Rounding in the vocoder and the resampler can leave the clip a sample or two short.
        return np.pad(higher, (0, len(samples) - len(higher)))
