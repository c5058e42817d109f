"""The features themselves: a clip in, float32 (rows, frames) out, by librosa wherever it has the function.

All share one grid: Hann windows of 25 ms every 10 ms, centered, so that frame k looks at second 0.010 k. Chroma alone
takes windows of 100 ms, because 25 ms do not part the notes below some 700 Hz. Several channels become one first, as
the step `Mono` does it.
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
# The lowest octave edge of spectral contrast and its number of octaves, where the rate leaves room for all of them.
CONTRAST_LOWEST_HZ, CONTRAST_OCTAVES = 200.0, 6


def waveform(clip: Clip) -> NDArray[np.float32]:
    """Return the samples (channels, time), 1 at full scale."""
    return clip.samples


def spectrogram(clip: Clip) -> NDArray[np.float32]:
    """Return the short-time Fourier transform's level (bins, frames) in dBFS: a sine of full scale reads 0."""
    import librosa

    wave, window = _mono(clip), _window(clip)
    with _short_or_narrow():
        spectrum = np.abs(librosa.stft(wave, n_fft=window, hop_length=hop(clip)))
    full = float(librosa.filters.get_window("hann", window).sum()) / 2
    least = full * 10 ** (FLOOR_DBFS / 20)
    return librosa.amplitude_to_db(spectrum, ref=full, amin=least, top_db=None).astype(np.float32)


def mel_spectrogram(clip: Clip) -> NDArray[np.float32]:
    """Return the log-mel spectrogram (80, frames) in dB, the one that `audio-ft prepare` writes."""
    return LogMel(MEL_BANDS, WINDOW_SECONDS, HOP_SECONDS)(clip.with_samples(_mono(clip)[np.newaxis]))


def mfcc(clip: Clip) -> NDArray[np.float32]:
    """Return mel-frequency cepstral coefficients (20, frames), of 40 mel bands with 80 dB of range."""
    import librosa

    with _short_or_narrow():
        return librosa.feature.mfcc(**_framed(clip), n_mfcc=MFCC, n_mels=MFCC_MEL_BANDS).astype(np.float32)


def mfcc_delta(clip: Clip) -> NDArray[np.float32]:
    """Return the slope of each coefficient over nine frames (20, frames), its ends repeated outwards."""
    import librosa

    return librosa.feature.delta(mfcc(clip), mode="nearest").astype(np.float32)


def mfcc_delta2(clip: Clip) -> NDArray[np.float32]:
    """Return the curvature of each coefficient over nine frames (20, frames), its ends repeated outwards."""
    import librosa

    return librosa.feature.delta(mfcc(clip), order=2, mode="nearest").astype(np.float32)


def gfcc(clip: Clip) -> NDArray[np.float32]:
    """Return gammatone-frequency cepstral coefficients (20, frames); see `gammatone.cepstra`."""
    return cepstra(_mono(clip), clip.rate, window=_window(clip), hop=hop(clip))


def chroma(clip: Clip) -> NDArray[np.float32]:
    """Return the strength of the twelve pitch classes (12, frames), C first, the strongest of a frame at 1."""
    import librosa

    settings = _framed(clip) | {"n_fft": round(CHROMA_WINDOW_SECONDS * clip.rate)}
    with _short_or_narrow():
        return librosa.feature.chroma_stft(**settings, tuning=0.0).astype(np.float32)


def zero_crossing_rate(clip: Clip) -> NDArray[np.float32]:
    """Return the share of neighboring samples that differ in sign (1, frames)."""
    import librosa

    rate = librosa.feature.zero_crossing_rate(_mono(clip), frame_length=_window(clip), hop_length=hop(clip))
    return rate.astype(np.float32)


def rms(clip: Clip) -> NDArray[np.float32]:
    """Return the root mean square amplitude (1, frames), 1 at full scale; a full-scale sine reads 0.707."""
    import librosa

    return librosa.feature.rms(y=_mono(clip), frame_length=_window(clip), hop_length=hop(clip)).astype(np.float32)


def spectral_centroid(clip: Clip) -> NDArray[np.float32]:
    """Return the mean frequency in Hz, weighted by magnitude (1, frames); 0 in silence."""
    import librosa

    with _short_or_narrow():
        return librosa.feature.spectral_centroid(**_framed(clip)).astype(np.float32)


def spectral_bandwidth(clip: Clip) -> NDArray[np.float32]:
    """Return the spread around the centroid in Hz, weighted by magnitude (1, frames)."""
    import librosa

    with _short_or_narrow():
        return librosa.feature.spectral_bandwidth(**_framed(clip)).astype(np.float32)


def spectral_rolloff(clip: Clip) -> NDArray[np.float32]:
    """Return the frequency in Hz below which 85 % of the magnitude lies (1, frames)."""
    import librosa

    with _short_or_narrow():
        return librosa.feature.spectral_rolloff(**_framed(clip), roll_percent=ROLLOFF).astype(np.float32)


def spectral_contrast(clip: Clip) -> NDArray[np.float32]:
    """Return how far peaks stand above valleys in dB, (bands, frames): below 200 Hz, then six octaves, the last open.

    Low rates leave room for fewer octaves.

    Raises:
        InputError: a rate of 400 Hz or less, which leaves none.
    """
    import librosa

    octaves = contrast_octaves(clip.rate)
    if octaves < 1:
        raise InputError(f"spectral contrast starts at {CONTRAST_LOWEST_HZ:g} Hz; {clip.rate} Hz of rate is too low")
    with _short_or_narrow():
        contrast = librosa.feature.spectral_contrast(**_framed(clip), fmin=CONTRAST_LOWEST_HZ, n_bands=octaves)
    return contrast.astype(np.float32)


def contrast_octaves(rate: int) -> int:
    """Return how many octaves above 200 Hz, at most six, start below half a rate in Hz."""
    starts = CONTRAST_LOWEST_HZ * 2.0 ** np.arange(CONTRAST_OCTAVES)
    return int((starts < rate / 2).sum())


def hop(clip: Clip) -> int:
    """Return the samples between two frames."""
    return max(1, round(HOP_SECONDS * clip.rate))


def _window(clip: Clip) -> int:
    return max(2, round(WINDOW_SECONDS * clip.rate))


def _framed(clip: Clip) -> dict[str, Any]:
    """Return what librosa's spectral functions take: wave, rate and frames."""
    return {"y": _mono(clip), "sr": clip.rate, "n_fft": _window(clip), "hop_length": hop(clip)}


def _mono(clip: Clip) -> NDArray[np.float32]:
    """Return one channel (time,).

    Raises:
        InputError: an empty clip.
    """
    if clip.length == 0:
        raise InputError("an empty clip has no features; expected at least one sample")
    return mixdown(clip).samples[0]


@contextmanager
def _short_or_narrow() -> Iterator[None]:
    """Keep librosa from warning of what is well defined: clips shorter than a window, mel bands without a bin."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=", category=UserWarning)
        warnings.filterwarnings("ignore", message="Empty filters detected", category=UserWarning)
        yield
