"""Time stretch at constant pitch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audio_ft.augmentation.base import Rng, Samples, WaveAugment
from audio_ft.settings.rules import span

# Two pitch periods of a deep voice; longer windows smear consonants, shorter ones lose the pitch.
_WINDOW_SECONDS = 0.032


@dataclass(frozen=True)
class TimeStretch(WaveAugment):
    """Make a clip faster (above 1) or slower by a factor drawn from `range`; the pitch stays the same.

    The length is divided by the factor. A phase vocoder with a window of 32 ms (512 samples at 16 kHz) does it; a clip
    shorter than that stays unchanged.
    """

    range: Annotated[tuple[float, float], span(0.5, 2)] = (0.9, 1.1)

    effect = "tempo of {range} times at the same pitch"

    @property
    def growth(self) -> float:
        """Return the factor for the slowest clip."""
        return 1 / self.range[0]

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the samples (time / factor,) at another tempo."""
        return stretched(samples, rate, rng.uniform(*self.range))


def stretched(samples: Samples, rate: int, factor: float) -> Samples:
    """Return samples (time / factor,) at the same pitch; a clip shorter than one window is returned unchanged."""
    import librosa

    window = 2 ** round(np.log2(_WINDOW_SECONDS * rate))
    if window < 4 or len(samples) < window:
        return samples
    return librosa.effects.time_stretch(samples, rate=factor, n_fft=window, hop_length=window // 4)
