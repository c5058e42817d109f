"""Integrated loudness in LUFS, as ITU-R BS.1770-5 defines it."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip

# The K weighting is a shelf (a head is louder than a microphone in the open) and a high pass (low tones are softer).
# The standard has coefficients at 48 kHz; these are the analog parameters behind them, for any rate: Brecht De Man,
# "Evaluation of implementations of the EBU R128 loudness measurement", AES 145 (2018).
_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_PASS_HZ, _PASS_Q = 38.13547087602444, 0.5003270373238773
_BLOCK_SECONDS, _HOP_SECONDS = 0.4, 0.1
# Blocks below the absolute gate, and then those 10 LU below the average of the others, are pauses.
_ABSOLUTE_LUFS, _RELATIVE_LU = -70.0, -10.0
_OFFSET_LUFS = -0.691


def integrated_loudness(clip: Clip) -> float | None:
    """Return the loudness of a clip in LUFS, with pauses left out; None where no block is above -70 LUFS.

    All channels count alike, as those of stereo do. A clip shorter than a block of 0.4 s is one block.

    Example:
        >>> round(integrated_loudness(Clip.tone(997, 2.0, rate=48_000, dbfs=0.0)), 1)
        -3.0
    """
    powers = _block_powers(clip)
    loud = powers[_lufs(powers) > _ABSOLUTE_LUFS]
    if not len(loud):
        return None
    loud = loud[_lufs(loud) > _lufs(loud.mean()) + _RELATIVE_LU]
    return float(_lufs(loud.mean()))


def _block_powers(clip: Clip) -> NDArray[np.float64]:
    """Return the weighted power of each block of 0.4 s, one every 0.1 s, summed over the channels: (blocks,)."""
    from scipy.signal import sosfilt

    if not clip.length:
        return np.zeros(0)
    weighted = sosfilt(_weighting(clip.rate), clip.samples.astype(np.float64), axis=1)
    # Sums up to each sample make overlapping blocks cheap: (time + 1,)
    sums = np.concatenate([[0.0], np.cumsum(np.square(weighted).sum(axis=0))])
    size = min(round(_BLOCK_SECONDS * clip.rate), clip.length)
    starts = np.arange(0, clip.length - size + 1, max(1, round(_HOP_SECONDS * clip.rate)))
    return np.maximum(sums[starts + size] - sums[starts], 0) / size


def _lufs(power: NDArray[np.float64] | np.float64) -> NDArray[np.float64]:
    return _OFFSET_LUFS + 10 * np.log10(power + np.finfo(np.float64).tiny)


@lru_cache(maxsize=16)
def _weighting(rate: int) -> NDArray[np.float64]:
    """Return the K weighting at a rate as second-order sections."""
    k = math.tan(math.pi * min(_SHELF_HZ / rate, 0.49))
    high = 10 ** (_SHELF_DB / 20)
    band = high**0.4996667741545416
    scale = 1 + k / _SHELF_Q + k * k
    shelf = [high + band * k / _SHELF_Q + k * k, 2 * (k * k - high), high - band * k / _SHELF_Q + k * k]
    shelf = [*(value / scale for value in shelf), 1.0, 2 * (k * k - 1) / scale, (1 - k / _SHELF_Q + k * k) / scale]
    k = math.tan(math.pi * min(_PASS_HZ / rate, 0.49))
    scale = 1 + k / _PASS_Q + k * k
    return np.array([shelf, [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / scale, (1 - k / _PASS_Q + k * k) / scale]])
