"""Sixteen-bit codes with a scale of their own: how clean samples are stored, and what everyone downstream hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL_SCALE = 32_767


def codes_of(samples: NDArray[np.float32]) -> tuple[NDArray[np.int16], np.float32]:
    """Return codes int16 (time,) and the scale with which `codes * scale` gives the samples back.

    The scale is the clip's own peak over 32,767, so a clip at -80 dB keeps the same 90 dB of resolution as a loud one,
    and a float recording beyond ±1 is not clipped. Coding what was decoded from codes gives the same codes again.
    """
    peak = float(np.max(np.abs(samples), initial=0.0))
    if peak == 0.0:
        return np.zeros(len(samples), np.int16), np.float32(1 / FULL_SCALE)
    scale = np.float32(max(peak / FULL_SCALE, float(np.finfo(np.float32).tiny)))
    return np.rint(samples / scale).clip(-FULL_SCALE, FULL_SCALE).astype(np.int16), scale


def samples_of(codes: NDArray[np.int16], scale: float | np.floating) -> NDArray[np.float32]:
    """Return samples float32 (time,) from their codes and scale."""
    return codes.astype(np.float32) * np.float32(scale)
