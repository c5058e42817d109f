"""Faster or slower, as a tape would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audio_ft.augmentation.base import WaveAugment, describe_range
from audio_ft.settings.rules import span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Speed(WaveAugment):
    """Play a clip faster (above 1) or slower by a factor in `range`, which raises or lowers its pitch as well.

    The length is divided by the factor and every frequency multiplied by it.
    Ko et al., "Audio augmentation for speech recognition", Interspeech 2015, use 0.9 to 1.1.
    """

    range: Annotated[tuple[float, float], span(0.5, 2)] = (0.9, 1.1)

    @property
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""
        return f"speed of {describe_range(self.range, 'times')}"

    @property
    def growth(self) -> float:
        """Return the greatest factor by which a clip can get longer."""
        return 1 / self.range[0]

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the samples, band-limited and read at another rate."""
        # soxr itself, because librosa.resample takes the same road with several times the overhead on a short clip.
        import soxr

        faster = soxr.resample(samples, rate * rng.uniform(*self.range), rate)
        return faster if len(faster) else samples
