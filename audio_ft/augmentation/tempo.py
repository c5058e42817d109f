"""Speed, tempo and pitch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audio_ft.augmentation.base import Rng, Samples, WaveAugment, draw, spread
from audio_ft.settings.rules import span

FactorRange = Annotated[tuple[float, float], span(0.5, 2)]
# Two pitch periods of a deep voice; longer windows smear consonants, shorter ones lose the pitch.
_WINDOW_SECONDS = 0.032


@dataclass(frozen=True)
class Speed(WaveAugment):
    """Play a clip faster (above 1) or slower by a factor drawn from `range`, which also changes its pitch.

    The length is divided by the factor, every frequency is multiplied by it.
    Ko et al., "Audio augmentation for speech recognition", Interspeech 2015, use 0.9 to 1.1.
    """

    range: FactorRange = (0.9, 1.1)

    effect = "speed of {range} times"

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the samples (time / factor,), resampled."""
        # soxr directly: librosa.resample does the same with several times the overhead on a short clip.
        import soxr

        faster = soxr.resample(samples, rate * rng.uniform(*self.range), rate)
        return faster if len(faster) else samples


@dataclass(frozen=True)
class TimeStretch(WaveAugment):
    """Make a clip faster (above 1) or slower by a factor drawn from `range`; the pitch stays the same.

    The length is divided by the factor. A phase vocoder with a window of 32 ms (512 samples at 16 kHz) does it; a clip
    shorter than that stays unchanged.
    """

    range: FactorRange = (0.9, 1.1)

    effect = "tempo of {range} times at the same pitch"

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the samples (time / factor,) at another tempo."""
        return _stretched(samples, rate, rng.uniform(*self.range))


@dataclass(frozen=True)
class PitchShift(WaveAugment):
    """Raise (above 0) or lower the pitch of a clip by up to `semitones`; the length stays the same.

    A phase vocoder stretches the clip in time, then resampling restores its length; formants move with the pitch. A
    clip shorter than one window of the vocoder (32 ms) stays unchanged.
    """

    semitones: Annotated[float | tuple[float, float], spread(12)] = 2.0

    effect = "pitch shift of {semitones} semitones"

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the samples (time,) at another pitch, of the same length."""
        import soxr

        factor = 2 ** (draw(self.semitones, rng) / 12)
        longer = _stretched(samples, rate, 1 / factor)
        if longer is samples:
            return samples
        higher = soxr.resample(longer, rate * factor, rate)[: len(samples)]
        # Rounding in the vocoder and the resampler can leave the clip a sample or two short.
        return np.pad(higher, (0, len(samples) - len(higher)))


def _stretched(samples: Samples, rate: int, factor: float) -> Samples:
    """Return samples (time / factor,) at the same pitch; a clip shorter than one window is returned unchanged."""
    import librosa

    window = 2 ** round(np.log2(_WINDOW_SECONDS * rate))
    if window < 4 or len(samples) < window:
        return samples
    return librosa.effects.time_stretch(samples, rate=factor, n_fft=window, hop_length=window // 4)
