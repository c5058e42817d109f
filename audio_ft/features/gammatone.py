"""Gammatone-frequency cepstral coefficients: an ear's filters where MFCC have mel triangles.

The filter is the gammatone of order 4 (Patterson, Nimmo-Smith, Holdsworth and Rice 1988, "An efficient auditory
filterbank based on the gammatone function"): t^3 exp(-2 pi b t) cos(2 pi f t) with b = 1.019 ERB(f), where ERB(f) =
24.7 (4.37 f / 1000 + 1) Hz (Glasberg and Moore 1990, "Derivation of auditory filter shapes from notched-noise data").
Centres stand evenly on the ERB-rate scale 21.4 log10(1 + 0.00437 f) of the same paper, as in Slaney 1993 (Apple
technical report 35). Cepstra are the DCT of the cube root of the bands' amplitudes (Shao and Wang 2008, "Robust speaker
identification using auditory features and computational auditory scene analysis").
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDER, BANDS, CEPSTRA = 4, 64, 20
LOWEST_HZ, HIGHEST_HZ = 50.0, 8_000.0


def bandwidth(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the equivalent rectangular bandwidth in Hz of the ear at frequencies in Hz."""
    return 24.7 * (4.37 * np.asarray(hz, np.float64) / 1000 + 1)


def centres(rate: int, bands: int = BANDS) -> NDArray[np.float64]:
    """Return centre frequencies in Hz (bands,), rising from 50 Hz to below 8 kHz or half the rate, evenly in ERB."""
    low, high = (21.4 * np.log10(1 + 0.00437 * hz) for hz in (LOWEST_HZ, min(HIGHEST_HZ, rate / 2)))
    return (10 ** (np.linspace(low, high, bands, endpoint=False) / 21.4) - 1) / 0.00437


def response(centre: NDArray[np.float64] | float, hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the magnitude of a gammatone filter at frequencies in Hz; its gain at the centre is about 1.

    The Fourier transform of the impulse response, both halves of the cosine: |(b + i(f - c))^-4 + (b + i(f + c))^-4|
    times b^4, with b = 1.019 ERB(c).
    """
    width = 1.019 * bandwidth(centre)
    upper, lower = width / (width + 1j * (hz - centre)), width / (width + 1j * (hz + centre))
    return np.abs(upper**ORDER + lower**ORDER)


def amplitudes(samples: NDArray[np.float32], rate: int, *, window: int, hop: int) -> NDArray[np.float64]:
    """Return the root mean square amplitude of each band (BANDS, frames) of a wave (time,) at `rate` Hz.

    The filters weigh the power spectrum of Hann windows of `window` samples every `hop`, centred. A sine at a centre
    frequency reads its own root mean square there.
    """
    import librosa

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="n_fft=", category=UserWarning)  # clips shorter than a window
        power = np.abs(librosa.stft(samples, n_fft=window, hop_length=hop)) ** 2
    energy = float((librosa.filters.get_window("hann", window) ** 2).sum())
    # Parseval: the bins up to half the rate hold half of window * energy * mean square.
    return np.sqrt(_filters(rate, window) @ power.astype(np.float64) * 2 / (window * energy))


def cepstra(samples: NDArray[np.float32], rate: int, *, window: int, hop: int) -> NDArray[np.float32]:
    """Return float32 (CEPSTRA, frames): the orthonormal DCT-II over bands of the amplitudes' cube root."""
    from scipy.fft import dct

    loudness = np.cbrt(amplitudes(samples, rate, window=window, hop=hop))
    return np.asarray(dct(loudness, type=2, norm="ortho", axis=0)[:CEPSTRA], np.float32)


@lru_cache(maxsize=8)
def _filters(rate: int, window: int) -> NDArray[np.float64]:
    """Return the power response of each filter at each bin, (BANDS, bins)."""
    bins = np.arange(window // 2 + 1) * rate / window
    return response(centres(rate)[:, np.newaxis], bins) ** 2
