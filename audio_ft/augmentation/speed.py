"""Speed perturbation: tempo and pitch together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.augmentation.base import Rng, Samples, WaveAugment
from audio_ft.settings.rules import span


@dataclass(frozen=True)
class Speed(WaveAugment):
    """Play a clip faster (above 1) or slower by a factor drawn from `range`, which also changes its pitch.

    The length is divided by the factor, every frequency is multiplied by it.
    Ko et al., "Audio augmentation for speech recognition", Interspeech 2015, use 0.9 to 1.1.
    """

    range: Annotated[tuple[float, float], span(0.5, 2)] = (0.9, 1.1)

    effect = "speed of {range} times"

    @property
    def growth(self) -> float:
        """Return the factor for the slowest clip."""
        return 1 / self.range[0]

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the samples (time / factor,), resampled."""
        # soxr directly: librosa.resample does the same with several times the overhead on a short clip.
        import soxr

        faster = soxr.resample(samples, rate * rng.uniform(*self.range), rate)
        return faster if len(faster) else samples
