"""Louder or softer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_ft.augmentation.base import WaveAugment, describe_range, drawn_range

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Gain(WaveAugment):
    """Make a clip louder or softer by up to `db` decibels; a pair (lowest, highest) need not lie around 0.

    Nothing is clipped: samples may pass 1. Extractors that scale each clip to unit variance undo any gain, so with such
    a model this augmentation changes nothing.
    """

    db: float | tuple[float, float] = 6.0

    def check(self) -> None:
        """Refuse settings outside their ranges."""
        self.require_spread("db", 60)

    @property
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""
        return f"gain of {describe_range(self.db, 'dB')}"

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the samples times 10^(dB / 20)."""
        return samples * 10 ** (rng.uniform(*drawn_range(self.db)) / 20)
