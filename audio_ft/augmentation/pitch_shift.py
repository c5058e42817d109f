"""Higher or lower at the same tempo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from audio_ft.augmentation.base import WaveAugment, describe_range, drawn_range, spread
from audio_ft.augmentation.time_stretch import stretched

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PitchShift(WaveAugment):
    """Raise (above 0) or lower the pitch of a clip by up to `semitones`, a twelfth of an octave each; length is kept.

    The clip is stretched in time by a phase vocoder and then resampled back to its length; formants move with the
    pitch. A clip shorter than one window of the vocoder (32 ms) stays as it is.
    """

    semitones: Annotated[float | tuple[float, float], spread(12)] = 2.0

    @property
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""
        return f"pitch shift of {describe_range(self.semitones, 'semitones')}"

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the samples at another pitch, as many as before."""
        import soxr

        factor = 2 ** (rng.uniform(*drawn_range(self.semitones)) / 12)
        longer = stretched(samples, rate, 1 / factor)
        if longer is samples:
            return samples
        higher = soxr.resample(longer, rate * factor, rate)[: len(samples)]
        # Rounding in the vocoder and the resampler can leave the clip a sample or two short.
        return np.pad(higher, (0, len(samples) - len(higher)))
