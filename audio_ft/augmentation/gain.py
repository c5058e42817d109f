"""Louder or softer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audio_ft.augmentation.base import WaveAugment, describe_range, drawn_range, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Gain(WaveAugment):
    """Make a clip louder or softer by up to `db` decibels; a pair (lowest, highest) need not lie around 0.

    Nothing is clipped: samples may pass 1. Extractors that scale each clip to unit variance undo any gain, so with such
    a model this augmentation changes nothing.
    """

    db: Annotated[float | tuple[float, float], spread(60)] = 6.0

    @property
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""
        return f"gain of {describe_range(self.db, 'dB')}"

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the samples times 10^(dB / 20)."""
        return samples * 10 ** (rng.uniform(*drawn_range(self.db)) / 20)
