"""A recording summarized by its MFCC: what a linear classifier without a network learns from."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_ft.errors import InputError

FloatArray = NDArray[np.float64]

MFCC = 20
# 25 ms windows every 10 ms, the usual choice for speech; 40 mel bands leave no empty filter at 8 kHz.
_WINDOW_SECONDS, _HOP_SECONDS, _MEL_BANDS = 0.025, 0.010, 40


def mfcc_statistics(samples: ArrayLike, rate: int) -> NDArray[np.float32]:
    """Summarize a clip by its 20 MFCC: their mean, their spread, and the spread of their change from frame to frame.

    The coefficients equal `librosa.feature.mfcc` with 25 ms windows, 10 ms hops and 40 mel bands (Slaney mel scale,
    80 dB of range, orthonormal DCT); filters are built once a rate.

    Args:
        samples: (time,) or (channels, time), which is averaged; any length, an empty clip counts as one silent sample.
        rate: samples a second, in Hz.

    Returns:
        float32 (60,), always finite: 20 means over time, 20 standard deviations, and 20 standard deviations of the
        difference between neighboring frames (0 for a clip of one frame).

    Raises:
        InputError: another number of dimensions, a sample that is not finite, or a rate below 400 Hz.
    """
    wave = np.asarray(samples, dtype=np.float64)
    if wave.ndim not in (1, 2):
        raise InputError(f"samples must be (time,) or (channels, time), not {wave.shape}")
    if rate < 400:
        raise InputError(f"rate must be at least 400 Hz, not {rate}")
    wave = wave.mean(axis=0) if wave.ndim == 2 and wave.shape[0] else wave.reshape(-1)
    if not np.isfinite(wave).all():
        raise InputError("samples must be finite; this clip holds NaN or infinite ones")
    coefficients = _mfcc(wave if wave.size else np.zeros(1), rate)
    change = np.diff(coefficients, axis=0) if len(coefficients) > 1 else np.zeros_like(coefficients)
    parts = [coefficients.mean(axis=0), coefficients.std(axis=0), change.std(axis=0)]
    return np.concatenate(parts).astype(np.float32)


@lru_cache(maxsize=8)
def _filters(rate: int) -> tuple[int, int, FloatArray, FloatArray]:
    """Return FFT length, hop, window (length,) and mel filters (bins, bands) for a rate."""
    import librosa

    length = 2 * round(_WINDOW_SECONDS * rate / 2)
    hop = max(1, round(_HOP_SECONDS * rate))
    with warnings.catch_warnings():
        # At odd rates a narrow band may hold no FFT bin; it then reads as the floor, which is harmless here.
        warnings.filterwarnings("ignore", message="Empty filters detected")
        mel = librosa.filters.mel(sr=rate, n_fft=length, n_mels=_MEL_BANDS, dtype=np.float64)
    window = librosa.filters.get_window("hann", length, fftbins=True)
    return length, hop, np.asarray(window, dtype=np.float64), np.ascontiguousarray(mel.T)


def _mfcc(wave: FloatArray, rate: int) -> FloatArray:
    """Return the MFCC of a mono wave (time,), as (frames, MFCC)."""
    from scipy.fft import dct

    length, hop, window, mel = _filters(rate)
    padded = np.pad(wave, length // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]
    power = np.abs(np.fft.rfft(frames * window)) ** 2 @ mel
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    decibels = np.maximum(decibels, decibels.max() - 80)
    return np.asarray(dct(decibels, type=2, norm="ortho", axis=1)[:, :MFCC])
