"""Random gain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audio_ft.augmentation.base import WaveAugment, describe_range, drawn_range, spread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Gain(WaveAugment):
    """Make a clip louder or softer by up to `db` dB, or by a gain from the range (lowest, highest).

    Samples are not clipped and may exceed 1. It has no effect with feature extractors that normalize each clip to unit
    variance.
    """

    db: Annotated[float | tuple[float, float], spread(60)] = 6.0

    @property
    def effect(self) -> str:
        """Return a short description for the card."""
        return f"gain of {describe_range(self.db, 'dB')}"

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the samples (time,) times 10^(dB / 20)."""
        return samples * 10 ** (rng.uniform(*drawn_range(self.db)) / 20)
