"""Random gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.augmentation.base import Rng, Samples, WaveAugment, draw, spread


@dataclass(frozen=True)
class Gain(WaveAugment):
    """Make a clip louder or softer by up to `db` dB, or by a gain from the range (lowest, highest).

    Samples are not clipped and may exceed 1. It has no effect with feature extractors that normalize each clip to unit
    variance.
    """

    db: Annotated[float | tuple[float, float], spread(60)] = 6.0

    effect = "gain of {db} dB"

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the samples (time,) times 10^(dB / 20)."""
        return samples * 10 ** (draw(self.db, rng) / 20)
