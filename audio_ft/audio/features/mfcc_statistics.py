"""A recording summarized by its MFCC: what a linear classifier without a network learns from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.audio.features.mel import mel_power
from audio_ft.audio.features.spectral import FLOOR_POWER, HOP_SECONDS, WINDOW_SECONDS, mono

COEFFICIENTS, BANDS = 20, 40
QUARTERS = 4
# The coefficient that each number of the vector describes: the first is loudness, the others are the spectrum's shape.
GROUPS = tuple(f"MFCC {place}" for place in range(1, COEFFICIENTS + 1)) * (QUARTERS + 2)
# The same with what is computed of it, such as "MFCC 3 in quarter 2".
_PARTS = (*(f"in quarter {place}" for place in range(1, QUARTERS + 1)), "spread", "spread of change")
NAMES = tuple(f"{group} {_PARTS[place // COEFFICIENTS]}" for place, group in enumerate(GROUPS))
# The range below the loudest band that librosa keeps, in dB.
RANGE = 80.0


def mfcc_statistics(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Summarize a clip by its 20 MFCC: their means in each quarter of the clip, their spread, and that of their change.

    The order in time counts: on spoken digits the means of the quarters give a linear classifier an accuracy of 0.870,
    the mean of the whole clip 0.716; on acted emotion it is 0.654 and 0.614.

    `samples` are (time,) or (channels, time) at `rate` Hz; an empty clip counts as one silent sample.

    Returns:
        float32 (120,), always finite: 20 means for each quarter of the frames (where it has none, those of the clip),
        20 standard deviations over the clip, and 20 of the difference between neighboring frames (0 for one frame).

    Raises:
        AudioError: samples of another shape, or not finite.
    """
    clip = mono(Clip(samples if samples.size else np.zeros(1, np.float32), rate))
    coefficients = _mfcc(clip.samples[0], rate)
    change = np.diff(coefficients, axis=1) if coefficients.shape[1] > 1 else np.zeros_like(coefficients)
    quarters = (part if part.size else coefficients for part in np.array_split(coefficients, QUARTERS, axis=1))
    parts = [*(part.mean(axis=1) for part in quarters), coefficients.std(axis=1), change.std(axis=1)]
    return np.concatenate(parts).astype(np.float32)


def frame_sizes(rate: int) -> tuple[int, int]:
    """Return the samples of a frame, and those from one frame to the next."""
    return max(2, round(WINDOW_SECONDS * rate)), max(1, round(HOP_SECONDS * rate))


def _mfcc(wave: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Return the MFCC (20, frames) of a wave (time,), equal to those of `librosa.feature.mfcc`."""
    from scipy.fft import dct

    window, hop = frame_sizes(rate)
    power = mel_power(wave, rate, window=window, hop=hop, bands=BANDS)
    decibels = 10 * np.log10(np.maximum(power, FLOOR_POWER))
    return np.asarray(dct(np.maximum(decibels, decibels.max() - RANGE), norm="ortho", axis=1)[:, :COEFFICIENTS].T)
