"""Speed perturbation: tempo and pitch together."""

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
    """Play a clip faster (above 1) or slower by a factor drawn from `range`, which also changes its pitch.

    The length is divided by the factor, every frequency is multiplied by it.
    Ko et al., "Audio augmentation for speech recognition", Interspeech 2015, use 0.9 to 1.1.
    """

    range: Annotated[tuple[float, float], span(0.5, 2)] = (0.9, 1.1)

    @property
    def effect(self) -> str:
        """Return a short description for the card."""
        return f"speed of {describe_range(self.range, 'times')}"

    @property
    def growth(self) -> float:
        """Return the largest factor by which a clip can get longer."""
        return 1 / self.range[0]

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the samples (time / factor,), resampled."""
        # soxr directly: librosa.resample does the same with several times the overhead on a short clip.
        import soxr

        faster = soxr.resample(samples, rate * rng.uniform(*self.range), rate)
        return faster if len(faster) else samples
