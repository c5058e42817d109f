"""Time stretch at constant pitch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from audio_ft.augmentation.base import WaveAugment, describe_range
from audio_ft.settings.rules import span

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Two pitch periods of a deep voice; longer windows smear consonants, shorter ones lose the pitch.
_WINDOW_SECONDS = 0.032


@dataclass(frozen=True)
class TimeStretch(WaveAugment):
    """Make a clip faster (above 1) or slower by a factor drawn from `range`; the pitch stays the same.

    The length is divided by the factor. A phase vocoder with a window of 32 ms (512 samples at 16 kHz) does it; a clip
    shorter than that stays unchanged.
    """

    range: Annotated[tuple[float, float], span(0.5, 2)] = (0.9, 1.1)

    @property
    def effect(self) -> str:
        """Return a short description for the card."""
        return f"tempo of {describe_range(self.range, 'times')} at the same pitch"

    @property
    def growth(self) -> float:
        """Return the largest factor by which a clip can get longer."""
        return 1 / self.range[0]

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the samples (time / factor,) at another tempo."""
        return stretched(samples, rate, rng.uniform(*self.range))


def stretched(samples: NDArray[np.float32], rate: int, factor: float) -> NDArray[np.float32]:
    """Return samples (time / factor,) at the same pitch; a clip shorter than one window is returned unchanged."""
    import librosa

    window = 2 ** round(np.log2(_WINDOW_SECONDS * rate))
    if window < 4 or len(samples) < window:
        return samples
    slower: NDArray[np.float32] = librosa.effects.time_stretch(
        samples, rate=factor, n_fft=window, hop_length=window // 4
    )
    return slower
