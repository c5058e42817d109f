"""The Butterworth filter behind all filtering steps: zero-phase, applied as a gain of each frequency."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_ORDER = 12

# Length of the mirrored ends, in periods of the lowest corner frequency.
_MIRRORED_PERIODS = 3.0
# The impulse response is cut where it has decayed to e^-16, which is 1e-7.
_DECAY = 16.0
# Blocks this many times the length of half an impulse response take the least time (measured).
_BLOCK_FACTOR, _SMALLEST_BLOCK = 8, 1_024
# Keeps the highest order's powers finite.
_MOST = 1e24


def zero_phase(
    samples: ArrayLike, rate: int, *, low: float = 0.0, high: float = math.inf, order: int
) -> NDArray[np.float32]:
    """Keep the frequencies from `low` to `high` Hz (-6 dB at both) of `samples` (channels, time) at `rate` Hz.

    An edge that is not between 0 and half the rate is not filtered. The gain is that of a digital Butterworth filter of
    `order` that runs forwards and backwards: no delay, and twice the attenuation in dB of one pass. The ends are
    mirrored (odd), by at most the length of the clip, and then held.

    The filter is applied in the frequency domain, block by block (overlap-save), which takes a fifth of the time of
    recursive filters and agrees with them to 1e-6, apart from the ends of recordings that begin or end loud.
    """
    from scipy.fft import irfft, rfft

    wave = np.asarray(samples, dtype=np.float32)
    length = wave.shape[-1]
    corners = tuple(edge for edge in (low, high) if 0 < edge < rate / 2)
    if not corners or length == 0:
        return wave
    reach = math.ceil(rate * _decay_seconds(corners, order))
    size = max(_SMALLEST_BLOCK, 2 ** math.ceil(math.log2(_BLOCK_FACTOR * reach)))
    kept = size - 2 * reach
    count = -(-length // kept)
    mirrored = min(round(_MIRRORED_PERIODS * rate / corners[0]), length - 1, reach)
    extended = _extended(wave, mirrored, reach, count * kept + 2 * reach)
    blocks = np.lib.stride_tricks.sliding_window_view(extended, size, axis=-1)[..., ::kept, :]
    spectrum = rfft(blocks)
    spectrum *= _gain(size, rate, low, high, order)
    filtered = irfft(spectrum, size, overwrite_x=True)[..., reach : reach + kept]
    return np.asarray(filtered.reshape(*wave.shape[:-1], -1)[..., :length])


def _extended(wave: NDArray[np.float32], mirrored: int, before: int, size: int) -> NDArray[np.float32]:
    """Return `size` samples with `wave` (channels, time) from sample `before` on, its ends mirrored and then held."""
    after = before + wave.shape[-1]
    extended = np.empty((*wave.shape[:-1], size), np.float32)
    extended[..., before:after] = wave
    if mirrored:
        extended[..., before - mirrored : before] = 2 * wave[..., :1] - wave[..., mirrored:0:-1]
        extended[..., after : after + mirrored] = 2 * wave[..., -1:] - wave[..., -2 : -2 - mirrored : -1]
    extended[..., : before - mirrored] = extended[..., before - mirrored : before - mirrored + 1]
    extended[..., after + mirrored :] = extended[..., after + mirrored - 1 : after + mirrored]
    return extended


def _decay_seconds(corners: tuple[float, ...], order: int) -> float:
    """Return after how many seconds the impulse response is negligible, by the slowest pole of the filter."""
    width = min(corners[0], corners[-1] - corners[0]) if len(corners) == 2 else corners[0]
    return _DECAY / (2 * math.pi * width * math.sin(math.pi / (2 * order)))


@lru_cache(maxsize=64)
def _gain(size: int, rate: int, low: float, high: float, order: int) -> NDArray[np.float32]:
    """Return the squared magnitude of a Butterworth filter at the frequencies of a real transform of `size` samples.

    1 / (1 + x^(2 order)) with the frequency ratio x of the analog prototype, on the axis tan(pi f / rate) of the
    bilinear transform (Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.2).
    """
    axis = np.tan(np.pi * np.fft.rfftfreq(size))
    below, above = (math.tan(math.pi * edge / rate) if 0 < edge < rate / 2 else None for edge in (low, high))
    with np.errstate(divide="ignore"):
        if below is None:
            ratio = axis / above
        elif above is None:
            ratio = below / axis
        else:
            ratio = (axis * axis - below * above) / ((above - below) * axis)
    square = np.clip(ratio * ratio, 0, _MOST)
    return (1 / (1 + square**order)).astype(np.float32)
