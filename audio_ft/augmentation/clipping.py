"""Clipping, as by a recorder whose gain is too high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audio_ft.augmentation.base import Rng, Samples, WaveAugment
from audio_ft.settings.rules import span


@dataclass(frozen=True)
class Clipping(WaveAugment):
    """Clip everything less than `db` dB below the peak, drawn from a range, and restore the peak."""

    db: Annotated[tuple[float, float], span(0, 60)] = (1.0, 12.0)

    effect = "clipping of the top {db} dB"

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the clipped samples (time,), with the same peak."""
        return clipped(samples, rng.uniform(*self.db))


def clipped(samples: Samples, decibels: float) -> Samples:
    """Return samples of any shape with everything less than `decibels` below the peak cut off, and the same peak."""
    peak = float(np.abs(samples).max())
    edge = peak * 10 ** (-decibels / 20)
    return np.clip(samples, -edge, edge) * (peak / edge) if edge > 0 else samples
