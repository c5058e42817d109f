"""True bandwidth: up to which frequency a recording has content, whatever its sample rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip

BIN_HZ = 31.25
EDGE_DB = 27.0
"""A spectrum that falls by this within a twelfth of its range, and stays there, was cut off by a resampler or a codec.

Measured on emotion_de: up-sampled from 8 to 16 kHz, or as an mp3 of 24 kbit/s, it falls by at least 29.7 dB (90
recordings each). Speech by itself falls by at most 22.7 dB (a third of digits and prompts_asr)."""
# The edge lies between these shares of the range; the widths are shares too. At the upper end there is always an edge:
# that of the filter before the converter.
_LOWEST, _HIGHEST, _BELOW, _ABOVE, _SMOOTH_BINS = 0.1, 0.95, 0.06, 0.03, 5
_TINY = 1e-16


def spectrum(clip: Clip) -> NDArray[np.float64] | None:
    """Return the power of frames of 32 ms or so at frequencies from 0 to half the rate: (frames, bins).

    It is that of the average of the channels, or of the loudest where they cancel. None for a shorter clip.
    """
    from audio_ft.audio.channels import mixdown

    size = 2 ** round(np.log2(clip.rate / BIN_HZ))
    if clip.length < size:
        return None
    window = np.hanning(size).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(mixdown(clip).samples[0], size)[:: size // 2] * window
    scale = 2 / (size * float(np.square(window).sum()))
    return np.square(np.abs(np.fft.rfft(frames, axis=1)), dtype=np.float64) * scale


def true_bandwidth(clip: Clip, power: NDArray[np.float64] | None = None) -> float | None:
    """Return the frequency in Hz at which the spectrum of a clip is cut off, half the rate where it is not.

    8 kHz audio saved with 16 kHz gives about 4,000, an mp3 the edge of its low-pass filter. `power` is the clip's
    `spectrum`, if it is known already. None for a clip of less than 32 ms, and for a silent one.

    Example:
        >>> from audio_ft.audio.clip import Clip
        >>> from audio_ft.audio.resampling import resample
        >>> true_bandwidth(Clip.noise(1.0, rate=16_000))
        8000.0
        >>> 3_500 < true_bandwidth(resample(Clip.noise(1.0, rate=8_000), 16_000)) < 4_100
        True
    """
    power = spectrum(clip) if power is None else power
    if power is None or not power.any():
        return None
    level = 10 * np.log10(power.mean(axis=0) + _TINY)
    level = np.convolve(np.pad(level, _SMOOTH_BINS // 2, mode="edge"), np.ones(_SMOOTH_BINS) / _SMOOTH_BINS, "valid")
    top = len(level) - 1
    edges = np.arange(round(_LOWEST * top), round(_HIGHEST * top))
    # The average level just below each edge, and the highest level anywhere above it.
    sums = np.concatenate([[0.0], np.cumsum(level)])
    start, stop = edges - round(_BELOW * top), edges
    below = (sums[stop] - sums[start]) / (stop - start)
    highest_from = np.maximum.accumulate(level[::-1])[::-1]
    falls = below - highest_from[edges + round(_ABOVE * top)]
    best = int(np.argmax(falls))
    return float(edges[best] / top * clip.rate / 2) if falls[best] >= EDGE_DB else clip.rate / 2
