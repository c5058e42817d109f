"""Measure a recording before cleaning: duration, sample rate, level and signal-to-noise ratio."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip

FRAME_SECONDS = 0.02
# A rate of twice this or less has nothing left to measure.
HIGHPASS_HZ = 60.0
# The noise level is this percentile of the frames' powers.
NOISE_PERCENTILE, MIN_FRAMES = 10, 10
# Below this ratio of signal to noise power the estimate is only the scatter of the estimator.
MIN_SIGNAL = 0.01
# Between the rounding errors of digital silence beside an offset of 1 (1e-16) and a step of 24 bits (1e-14).
SILENT_POWER = 1e-15


@dataclass(frozen=True)
class ClipStats:
    """Hold the measurements of one recording before cleaning.

    Attributes:
        seconds: the duration.
        rate: the sample rate in Hz.
        level: the RMS over all samples and channels in dBFS (a square wave of ±1 has 0 dBFS); None for digital
            silence.
        snr: an estimate of the signal-to-noise ratio in dB, see `signal_to_noise`; None where there is none.
    """

    seconds: float
    rate: int
    level: float | None
    snr: float | None

    @classmethod
    def of(cls, clip: Clip) -> ClipStats:
        """Measure a clip."""
        return cls(clip.seconds, clip.rate, loudness(clip), signal_to_noise(clip))


def loudness(clip: Clip) -> float | None:
    """Return the RMS level of a clip in dBFS, None for digital silence.

    Example:
        >>> round(loudness(Clip.tone(440, 1.0, dbfs=0.0)), 2)
        -3.01
    """
    wave = clip.samples.reshape(-1)
    power = float(np.dot(wave, wave)) / max(wave.size, 1)
    return 10 * math.log10(power) if power > 0 else None


def signal_to_noise(clip: Clip) -> float | None:
    """Estimate the ratio of signal to noise power in dB, both averaged over the whole clip.

    The noise power is the 10th percentile of the powers of 20 ms frames (quantile-based noise estimation: Stahl,
    Fischer and Bippus, ICASSP 2000). The signal power is the mean power of the frames minus the noise power. The
    average of the channels is measured without the offset, slope and curvature of each frame (-6 dB at about 45 Hz),
    because DC offset and rumble are not audible noise. The estimate assumes steady noise and pauses: in a clean clip
    without pauses the softest sounds count as noise, so estimates above 20 dB are too low. For speech in steady noise
    at 0 to 20 dB it is within 2 dB (see the test).

    Returns None for fewer than ten frames that are not digital silence, and for a rate of 120 Hz or less.
    """
    size = max(2, round(FRAME_SECONDS * clip.rate))
    count = clip.length // size
    if clip.rate <= 2 * HIGHPASS_HZ or count < MIN_FRAMES:
        return None
    wave = clip.samples[0, : count * size].copy()
    for channel in clip.samples[1:, : count * size]:
        wave += channel
    wave -= wave.mean()
    wave /= clip.channels
    frames = wave.reshape(count, size)
    curves = _curves(size)
    frames -= (frames @ curves) @ curves.T
    powers = np.einsum("ft,ft->f", frames, frames).astype(np.float64) / size
    # Digital silence was inserted or gated; it says nothing about the noise floor.
    powers = powers[powers > SILENT_POWER]
    if len(powers) < MIN_FRAMES:
        return None
    noise = float(np.percentile(powers, NOISE_PERCENTILE))
    return 10 * math.log10(max(float(powers.mean()) / noise - 1, MIN_SIGNAL))


@lru_cache(maxsize=8)
def _curves(size: int) -> NDArray[np.float32]:
    """Return orthonormal polynomials (size, 3) over a frame: its offset, slope and curvature."""
    time = np.linspace(-1, 1, size)
    return np.linalg.qr(np.stack([time**0, time, time**2], axis=1))[0].astype(np.float32)
