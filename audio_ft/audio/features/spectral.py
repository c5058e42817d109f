"""Compute features of a clip, float32 (rows, frames): the two that figures show with numpy, others with librosa.

All features share one grid: centered Hann windows of 25 ms every 10 ms, so frame k is at 0.010 k seconds. Several
channels are mixed down first, as in the step `Mono`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import Clip
from audio_ft.audio.features.gammatone import CEPSTRA, amplitudes
from audio_ft.audio.features.mel import magnitudes, mel_power
from audio_ft.errors import InputError

# Chroma has longer windows, because 25 ms do not resolve notes below about 700 Hz.
WINDOW_SECONDS, HOP_SECONDS, CHROMA_WINDOW_SECONDS = 0.025, 0.010, 0.100
FLOOR_DBFS = -120.0
# Of power, as in librosa.
FLOOR_POWER = 1e-10
# Spectral contrast: the lower edge of the lowest octave, and the number of octaves, fewer at low rates.
CONTRAST_LOWEST_HZ, CONTRAST_OCTAVES = 200.0, 6


@dataclass(frozen=True)
class LogMel:
    """Compute log-mel spectrograms, float32 (bands, frames), in dB: 10 log10 of the power in each band, at least -100.

    They equal `librosa.power_to_db(librosa.feature.melspectrogram(...), top_db=None)` with Hann windows of
    `window_seconds` every `hop_seconds`, the Slaney mel scale up to half the rate, and centered frames.

    Example:
        >>> LogMel(bands=80)(Clip.tone(440, seconds=1.0)).shape
        (80, 101)
    """

    bands: int = 80
    window_seconds: float = WINDOW_SECONDS
    hop_seconds: float = HOP_SECONDS

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Return the spectrogram of a clip: (bands, frames), or (channels, bands, frames) for several channels."""
        window, hop = round(self.window_seconds * clip.rate), round(self.hop_seconds * clip.rate)
        power = np.stack([mel_power(wave, clip.rate, window=window, hop=hop, bands=self.bands).T
                          for wave in clip.samples])  # fmt: skip
        decibels = (10 * np.log10(np.maximum(power, FLOOR_POWER))).astype(np.float32)
        return decibels[0] if clip.channels == 1 else decibels

    def describe(self) -> str:
        """Return a description of the arrays."""
        frames = f"{1000 * self.window_seconds:g} ms every {1000 * self.hop_seconds:g} ms"
        return f"log-mel spectrogram in dB, float32 ({self.bands}, frames): {frames}, as librosa computes it"


def spectrogram(clip: Clip) -> NDArray[np.float32]:
    """Return the level of the short-time Fourier transform in dBFS, (bins, frames); a full-scale sine has 0 dBFS."""
    window = _window(clip)
    levels = np.concatenate(list(magnitudes(mono(clip).samples[0], window=window, hop=_hop(clip)))).T
    full = window / 4  # half the sum of a Hann window
    return (20 * np.log10(np.maximum(levels / full, 10 ** (FLOOR_DBFS / 20)))).astype(np.float32)


def of_spectrum(
    function: str, clip: Clip, *, window_seconds: float = WINDOW_SECONDS, **settings: Any
) -> NDArray[np.float32]:
    """Return what a function of `librosa.feature` computes from the spectrum of a clip, (rows, frames)."""
    import librosa

    grid = {"n_fft": _window(clip, window_seconds), "hop_length": _hop(clip)}
    with _no_librosa_warnings():
        values = getattr(librosa.feature, function)(y=mono(clip).samples[0], sr=clip.rate, **grid, **settings)
    return np.asarray(values, np.float32)


def of_wave(function: str, clip: Clip) -> NDArray[np.float32]:
    """Return what a function of `librosa.feature` computes from the samples of a clip, (1, frames)."""
    import librosa

    grid = {"frame_length": _window(clip), "hop_length": _hop(clip)}
    return np.asarray(getattr(librosa.feature, function)(y=mono(clip).samples[0], **grid), np.float32)


def delta(compute: Callable[[Clip], NDArray[np.float32]], clip: Clip, *, order: int) -> NDArray[np.float32]:
    """Return the slope (`order` 1) or curvature (2) of a feature over nine frames; the edge values are repeated."""
    import librosa

    return librosa.feature.delta(compute(clip), order=order, mode="nearest").astype(np.float32)


def gfcc(clip: Clip) -> NDArray[np.float32]:
    """Return GFCC, (20, frames): the orthonormal DCT-II over bands of the cube root of the gammatone amplitudes."""
    from scipy.fft import dct

    bands = amplitudes(mono(clip).samples[0], clip.rate, window=_window(clip), hop=_hop(clip))
    return np.asarray(dct(np.cbrt(bands), type=2, norm="ortho", axis=0)[:CEPSTRA], np.float32)


def spectral_contrast(clip: Clip) -> NDArray[np.float32]:
    """Return the level difference of peaks and valleys in dB, (bands, frames).

    The bands are: below 200 Hz, then six octaves, the last one up to half the rate. Low rates have fewer octaves.

    Raises:
        InputError: the rate is 400 Hz or less, which leaves no octave.
    """
    octaves = contrast_octaves(clip.rate)
    if octaves < 1:
        raise InputError(f"spectral contrast starts at {CONTRAST_LOWEST_HZ:g} Hz; a rate of {clip.rate} Hz is too low")
    return of_spectrum("spectral_contrast", clip, fmin=CONTRAST_LOWEST_HZ, n_bands=octaves)


def contrast_octaves(rate: int) -> int:
    """Return how many octaves above 200 Hz, at most six, start below half the rate in Hz."""
    starts = CONTRAST_LOWEST_HZ * 2.0 ** np.arange(CONTRAST_OCTAVES)
    return int((starts < rate / 2).sum())


def _hop(clip: Clip) -> int:
    """Return the number of samples from one frame to the next."""
    return max(1, round(HOP_SECONDS * clip.rate))


def _window(clip: Clip, seconds: float = WINDOW_SECONDS) -> int:
    return max(2, round(seconds * clip.rate))


def mono(clip: Clip) -> Clip:
    """Return the clip mixed down to one channel; an empty clip raises InputError."""
    if clip.length == 0:
        raise InputError("an empty clip has no features; expected at least one sample")
    return mixdown(clip)


@contextmanager
def _no_librosa_warnings() -> Iterator[None]:
    """Suppress librosa's warnings on cases that are well defined: short clips and mel bands without a bin."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_fft=|Empty filters detected", UserWarning)
        yield
