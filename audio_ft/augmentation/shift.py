"""Earlier or later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from audio_ft.augmentation.base import WaveAugment, describe_range, drawn_range, spread

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Shift(WaveAugment):
    """Move a clip later (above 0) or earlier by up to `seconds`, filling with zeros; what passes an end is lost.

    The move is never more than a quarter of the clip, so that most of a short clip stays.
    """

    seconds: Annotated[float | tuple[float, float], spread(60)] = 0.1

    @property
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""
        return f"time shift of {describe_range(self.seconds, 's')}"

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the moved samples, as many as before."""
        longest = len(samples) // 4
        move = int(np.clip(round(rng.uniform(*drawn_range(self.seconds)) * rate), -longest, longest))
        moved = np.zeros_like(samples)
        moved[max(move, 0) : len(samples) + min(move, 0)] = samples[max(-move, 0) : len(samples) - max(move, 0)]
        return moved
