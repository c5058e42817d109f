"""Compute features of a clip, float32 (rows, frames), with librosa where it has the function.

All features share one grid: centered Hann windows of 25 ms every 10 ms, so frame k is at 0.010 k seconds. Only chroma
has windows of 100 ms, because 25 ms do not resolve notes below about 700 Hz. Several channels are mixed down first, as
in the step `Mono`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.channels import mixdown
from audio_ft.audio.features.arrays import LogMel
from audio_ft.audio.features.gammatone import cepstra
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.audio.clip import Clip

WINDOW_SECONDS, HOP_SECONDS, CHROMA_WINDOW_SECONDS = 0.025, 0.010, 0.100
MEL_BANDS, MFCC, MFCC_MEL_BANDS = 80, 20, 40
ROLLOFF = 0.85
FLOOR_DBFS = -120.0
# Spectral contrast: the lower edge of the lowest octave, and the number of octaves, fewer at low rates.
CONTRAST_LOWEST_HZ, CONTRAST_OCTAVES = 200.0, 6


def waveform(clip: Clip) -> NDArray[np.float32]:
    """Return the samples, (channels, time), with full scale at 1."""
    return clip.samples


def spectrogram(clip: Clip) -> NDArray[np.float32]:
    """Return the level of the short-time Fourier transform in dBFS, (bins, frames); a full-scale sine has 0 dBFS."""
    import librosa

    wave, window = _mono(clip), _window(clip)
    with _no_librosa_warnings():
        spectrum = np.abs(librosa.stft(wave, n_fft=window, hop_length=hop(clip)))
    full = float(librosa.filters.get_window("hann", window).sum()) / 2
    floor = full * 10 ** (FLOOR_DBFS / 20)
    return librosa.amplitude_to_db(spectrum, ref=full, amin=floor, top_db=None).astype(np.float32)


def mel_spectrogram(clip: Clip) -> NDArray[np.float32]:
    """Return the log-mel spectrogram in dB, (80, frames), as `audio-ft prepare` writes it."""
    return LogMel(MEL_BANDS, WINDOW_SECONDS, HOP_SECONDS)(clip.with_samples(_mono(clip)[np.newaxis]))


def mfcc(clip: Clip) -> NDArray[np.float32]:
    """Return mel-frequency cepstral coefficients, (20, frames), from 40 mel bands with a range of 80 dB."""
    import librosa

    with _no_librosa_warnings():
        return librosa.feature.mfcc(**_framed(clip), n_mfcc=MFCC, n_mels=MFCC_MEL_BANDS).astype(np.float32)


def mfcc_delta(clip: Clip) -> NDArray[np.float32]:
    """Return the slope of each coefficient over nine frames, (20, frames); the edge values are repeated."""
    import librosa

    return librosa.feature.delta(mfcc(clip), mode="nearest").astype(np.float32)


def mfcc_delta2(clip: Clip) -> NDArray[np.float32]:
    """Return the curvature of each coefficient over nine frames, (20, frames); the edge values are repeated."""
    import librosa

    return librosa.feature.delta(mfcc(clip), order=2, mode="nearest").astype(np.float32)


def gfcc(clip: Clip) -> NDArray[np.float32]:
    """Return gammatone-frequency cepstral coefficients, (20, frames); see `gammatone.cepstra`."""
    return cepstra(_mono(clip), clip.rate, window=_window(clip), hop=hop(clip))


def chroma(clip: Clip) -> NDArray[np.float32]:
    """Return the energy of the twelve pitch classes, (12, frames), C first; the largest of a frame is 1."""
    import librosa

    settings = _framed(clip) | {"n_fft": round(CHROMA_WINDOW_SECONDS * clip.rate)}
    with _no_librosa_warnings():
        return librosa.feature.chroma_stft(**settings, tuning=0.0).astype(np.float32)


def zero_crossing_rate(clip: Clip) -> NDArray[np.float32]:
    """Return the share of neighboring samples that differ in sign, (1, frames)."""
    import librosa

    rate = librosa.feature.zero_crossing_rate(_mono(clip), frame_length=_window(clip), hop_length=hop(clip))
    return rate.astype(np.float32)


def rms(clip: Clip) -> NDArray[np.float32]:
    """Return the root mean square amplitude, (1, frames); a full-scale sine has 0.707."""
    import librosa

    return librosa.feature.rms(y=_mono(clip), frame_length=_window(clip), hop_length=hop(clip)).astype(np.float32)


def spectral_centroid(clip: Clip) -> NDArray[np.float32]:
    """Return the mean frequency in Hz, weighted by magnitude, (1, frames); 0 in silence."""
    import librosa

    with _no_librosa_warnings():
        return librosa.feature.spectral_centroid(**_framed(clip)).astype(np.float32)


def spectral_bandwidth(clip: Clip) -> NDArray[np.float32]:
    """Return the spread around the centroid in Hz, weighted by magnitude, (1, frames)."""
    import librosa

    with _no_librosa_warnings():
        return librosa.feature.spectral_bandwidth(**_framed(clip)).astype(np.float32)


def spectral_rolloff(clip: Clip) -> NDArray[np.float32]:
    """Return the frequency in Hz below which 85 % of the magnitude lies, (1, frames)."""
    import librosa

    with _no_librosa_warnings():
        return librosa.feature.spectral_rolloff(**_framed(clip), roll_percent=ROLLOFF).astype(np.float32)


def spectral_contrast(clip: Clip) -> NDArray[np.float32]:
    """Return the level difference of peaks and valleys in dB, (bands, frames).

    The bands are: below 200 Hz, then six octaves, the last one up to half the rate. Low rates have fewer octaves.

    Raises:
        InputError: the rate is 400 Hz or less, which leaves no octave.
    """
    import librosa

    octaves = contrast_octaves(clip.rate)
    if octaves < 1:
        raise InputError(f"spectral contrast starts at {CONTRAST_LOWEST_HZ:g} Hz; a rate of {clip.rate} Hz is too low")
    with _no_librosa_warnings():
        contrast = librosa.feature.spectral_contrast(**_framed(clip), fmin=CONTRAST_LOWEST_HZ, n_bands=octaves)
    return contrast.astype(np.float32)


def contrast_octaves(rate: int) -> int:
    """Return how many octaves above 200 Hz, at most six, start below half the rate in Hz."""
    starts = CONTRAST_LOWEST_HZ * 2.0 ** np.arange(CONTRAST_OCTAVES)
    return int((starts < rate / 2).sum())


def hop(clip: Clip) -> int:
    """Return the number of samples from one frame to the next."""
    return max(1, round(HOP_SECONDS * clip.rate))


def _window(clip: Clip) -> int:
    return max(2, round(WINDOW_SECONDS * clip.rate))


def _framed(clip: Clip) -> dict[str, Any]:
    """Return the arguments of librosa's spectral functions."""
    return {"y": _mono(clip), "sr": clip.rate, "n_fft": _window(clip), "hop_length": hop(clip)}


def _mono(clip: Clip) -> NDArray[np.float32]:
    """Return the clip mixed down to one channel, (time,).

    Raises:
        InputError: the clip is empty.
    """
    if clip.length == 0:
        raise InputError("an empty clip has no features; expected at least one sample")
    return mixdown(clip).samples[0]


@contextmanager
def _no_librosa_warnings() -> Iterator[None]:
    """Suppress librosa's warnings on cases that are well defined: short clips and mel bands without a bin."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=", category=UserWarning)
        warnings.filterwarnings("ignore", message="Empty filters detected", category=UserWarning)
        yield
