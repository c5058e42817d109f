"""Fingerprint a recording: 32 bits every 4 ms that survive codecs, resampling, gain and cuts.

A bit says whether the level difference of two neighboring bands rises or falls over 16 ms (Haitsma & Kalker 2002, with
frames short enough for single words). Two takes of a word by one speaker agree little better than chance.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Telephone speech has these bands too, and low bit rates keep them.
RATE, LOW_HZ, HIGH_HZ = 8_000, 300.0, 3_000.0
WINDOW, HOP, RISE = 512, 32, 4
HOP_SECONDS = HOP / RATE
BITS = 32
# Frames this far below the loudest hold the noise of a codec, and so do bands this far below their frame.
_SILENT, _FLOOR = 3e-5, 1e-4
# A steady tone or hum changes less than this (natural logarithm of power, averaged over bits): nothing to recognize.
_STEADY = 0.02
# Frames that are transformed at once, so that an hour needs little memory.
_BLOCK = 4_096


def fingerprint(samples: NDArray[np.float32], rate: int) -> NDArray[np.uint32]:
    """Return a code for each 4 ms of samples (time,) at `rate` Hz, uint32 (frames,); 0 where nothing is heard.

    Gain does not change it, nor do channels that are silent.

    Example:
        >>> from audio_ft.audio.clip import Clip
        >>> fingerprint(Clip.noise(1.0, rate=16_000).samples[0], 16_000).shape
        (247,)
    """
    import soxr

    wave = np.asarray(samples if rate == RATE else soxr.resample(samples, rate, RATE), np.float32)
    padded = np.pad(wave, WINDOW // 2)
    if len(wave) < HOP * (RISE + 1) or not wave.any():
        return np.zeros(0, np.uint32)
    levels = _levels(np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP])
    power = levels.sum(axis=1)
    levels = np.log(levels + _FLOOR * power[:, None] / levels.shape[1] + np.float32(1e-20))
    slopes = np.diff(levels, axis=1)
    rises = slopes[RISE:] - slopes[:-RISE]
    codes = np.packbits(rises > 0, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)
    quiet = np.minimum(power[RISE:], power[:-RISE]) < _SILENT * power.max()
    return np.where(quiet | (np.abs(rises).mean(axis=1) < _STEADY), np.uint32(0), np.maximum(codes, 1))


def _levels(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the power of each band, (frames, BITS + 1)."""
    from scipy.fft import rfft

    window, bands = np.hanning(WINDOW).astype(np.float32), _bands()
    first, *_, last = np.flatnonzero(bands.any(axis=1))
    bands = bands[first : last + 1]
    found = np.empty((len(frames), BITS + 1), np.float32)
    for start in range(0, len(frames), _BLOCK):
        spectrum = rfft(frames[start : start + _BLOCK] * window)[:, first : last + 1]
        found[start : start + _BLOCK] = (spectrum.real**2 + spectrum.imag**2) @ bands
    return found


@cache
def _bands() -> NDArray[np.float32]:
    """Return triangular bands, evenly spaced on the mel scale, (bins, BITS + 1)."""
    low, high = (2595 * np.log10(1 + edge / 700) for edge in (LOW_HZ, HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, BITS + 3) / 2595) - 1)
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
