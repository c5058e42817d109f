"""Gammatone filterbank: the auditory filters behind the GFCC, and the amplitude of each filter's output over time.

The order-4 filter t^3 exp(-2 pi b t) cos(2 pi f t) (Patterson, Nimmo-Smith, Holdsworth and Rice 1988) has b = 1.019
ERB(f) of Glasberg and Moore (1990), evenly spaced in ERB (Slaney 1993); for the cepstra, see Shao and Wang (2008).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ORDER, BANDS, CEPSTRA = 4, 64, 20
LOWEST_HZ, HIGHEST_HZ = 50.0, 8_000.0
# The impulse response of the narrowest filter is over after a quarter of a second; recordings are filtered in blocks.
_MEMORY_SECONDS, _BLOCK_SECONDS = 0.25, 2.0


def bandwidth(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return the equivalent rectangular bandwidth (ERB) in Hz of the auditory filter at frequencies in Hz."""
    return 24.7 * (4.37 * np.asarray(hz, np.float64) / 1000 + 1)


def centers(rate: int) -> NDArray[np.float64]:
    """Return center frequencies in Hz, (BANDS,), from 50 Hz to below 8 kHz or half the rate, evenly in ERB."""
    low, high = (21.4 * np.log10(1 + 0.00437 * hz) for hz in (LOWEST_HZ, min(HIGHEST_HZ, rate / 2)))
    return (10 ** (np.linspace(low, high, BANDS, endpoint=False) / 21.4) - 1) / 0.00437


def response(center: NDArray[np.float64] | float, hz: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return the complex response of a gammatone filter at frequencies in Hz; its gain at the center is about 1."""
    width = 1.019 * bandwidth(center)
    upper, lower = width / (width + 1j * (hz - center)), width / (width + 1j * (hz + center))
    return np.asarray(upper**ORDER + lower**ORDER, np.complex128)


def amplitudes(samples: NDArray[np.float32], rate: int, *, window: int, hop: int) -> NDArray[np.float32]:
    """Return the root mean square amplitude of each filter's output (BANDS, frames) for a wave (time,) at `rate` Hz.

    Frames are centered Hann windows of `window` samples every `hop` samples. For a sine at a center frequency the value
    is the sine's root mean square.
    """
    from scipy.fft import irfft, next_fast_len, rfft
    from scipy.signal import get_window

    memory, weights = round(_MEMORY_SECONDS * rate), get_window("hann", window)
    weights = (weights / weights.sum()).astype(np.float32)
    padded = np.pad(samples, (memory + window // 2, window // 2))
    frames = (len(samples) + 2 * (window // 2) - window) // hop + 1
    together = max(1, round(_BLOCK_SECONDS * rate / hop))
    # Zeros after the block keep the circular convolution from wrapping its end onto its beginning.
    size = next_fast_len((together - 1) * hop + window + 2 * memory, real=True)
    filters, power = _filters(rate, size), np.empty((BANDS, frames), np.float32)
    for first in range(0, frames, together):
        last = min(first + together, frames)
        length = (last - first - 1) * hop + window
        spectrum = rfft(padded[first * hop : first * hop + memory + length], size)
        for band in range(BANDS):
            filtered = irfft(spectrum * filters[band], size)[memory : memory + length]
            framed = np.lib.stride_tricks.sliding_window_view(filtered**2, window)[::hop]
            power[band, first:last] = framed @ weights
    # Rounding may give slightly negative powers in silence.
    return np.sqrt(np.maximum(power, 0))


@lru_cache(maxsize=2)
def _filters(rate: int, size: int) -> NDArray[np.complex64]:
    """Return the response of each filter at each bin of a Fourier transform over `size` samples, (BANDS, bins)."""
    bins = np.arange(size // 2 + 1, dtype=np.float64) * (rate / size)
    return np.stack([response(center, bins).astype(np.complex64) for center in centers(rate)])
