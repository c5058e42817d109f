"""A recording summarized by its MFCC: what a linear classifier without a network learns from."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_ft.audio.features.spectral import HOP_SECONDS, WINDOW_SECONDS, no_librosa_warnings
from audio_ft.errors import InputError


def mfcc_statistics(samples: ArrayLike, rate: int) -> NDArray[np.float32]:
    """Summarize a clip by its 20 MFCC: their mean, their spread, and the spread of their change from frame to frame.

    The coefficients are those of `librosa.feature.mfcc` with 25 ms windows, 10 ms hops and 40 mel bands.

    Args:
        samples: (time,) or (channels, time), which is averaged; any length, an empty clip counts as one silent sample.
        rate: samples a second, in Hz.

    Returns:
        float32 (60,), always finite: 20 means over time, 20 standard deviations, and 20 standard deviations of the
        difference between neighboring frames (0 for a clip of one frame).

    Raises:
        InputError: another number of dimensions, a sample that is not finite, or a rate below 400 Hz.
    """
    import librosa

    wave = np.asarray(samples, dtype=np.float64)
    if wave.ndim not in (1, 2):
        raise InputError(f"samples must be (time,) or (channels, time), not {wave.shape}")
    if rate < 400:
        raise InputError(f"rate must be at least 400 Hz, not {rate}")
    if not np.isfinite(wave).all():
        raise InputError("samples must be finite; this clip holds NaN or infinite ones")
    wave = np.atleast_2d(wave).mean(axis=0) if wave.size else np.zeros(1)
    window, hop = 2 * round(WINDOW_SECONDS * rate / 2), round(HOP_SECONDS * rate)
    with no_librosa_warnings():
        mfcc = librosa.feature.mfcc(y=wave, sr=rate, n_mfcc=20, n_mels=40, n_fft=window, hop_length=hop)
    change = np.diff(mfcc, axis=1) if mfcc.shape[1] > 1 else np.zeros_like(mfcc)
    return np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1), change.std(axis=1)]).astype(np.float32)
