"""Time shift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audio_ft.augmentation.base import Rng, Samples, WaveAugment, draw, spread


@dataclass(frozen=True)
class Shift(WaveAugment):
    """Shift a clip later (above 0) or earlier by up to `seconds`; the gap is filled with zeros, the other end is cut.

    The shift is at most a quarter of the clip, so that most of a short clip remains.
    """

    seconds: Annotated[float | tuple[float, float], spread(60)] = 0.1

    effect = "time shift of {seconds} s"

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the shifted samples (time,), of the same length."""
        longest = len(samples) // 4
        move = int(np.clip(round(draw(self.seconds, rng) * rate), -longest, longest))
        moved = np.zeros_like(samples)
        moved[max(move, 0) : len(samples) + min(move, 0)] = samples[max(-move, 0) : len(samples) - max(move, 0)]
        return moved
