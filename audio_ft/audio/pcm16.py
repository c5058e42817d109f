"""Store clean samples as 16-bit integers with one scale per clip, the format of the cleaning cache."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32_767


def quantize(samples: NDArray[np.float32]) -> tuple[NDArray[np.int16], np.float32]:
    """Return codes int16 (time,) and the scale, so that `codes * scale` are the samples again.

    The scale is the clip's peak divided by 32,767: a clip at -80 dBFS keeps the same 90 dB of resolution as a loud one,
    and a float recording beyond ±1 is not clipped. Quantizing dequantized samples gives the same codes.

    Example:
        >>> codes, scale = quantize(np.array([0.0, 0.5, -1.0], np.float32))
        >>> codes
        array([     0,  16384, -32767], dtype=int16)
        >>> bool(np.abs(dequantize(codes, scale) - [0.0, 0.5, -1.0]).max() < scale)
        True
    """
    peak = float(np.max(np.abs(samples), initial=0.0))
    scale = np.float32(max((peak or 1.0) / FULL_SCALE, float(np.finfo(np.float32).tiny)))
    return np.rint(samples / scale).clip(-FULL_SCALE, FULL_SCALE).astype(np.int16), scale


def dequantize(codes: NDArray[np.int16], scale: float | np.floating) -> NDArray[np.float32]:
    """Return the samples, float32 (time,), of codes int16 (time,)."""
    return codes.astype(np.float32) * np.float32(scale)
