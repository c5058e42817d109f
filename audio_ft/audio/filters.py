"""The Butterworth filter behind all filtering steps: second-order sections, run forwards and backwards."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_ORDER = 12

# Length of the mirrored ends, in periods of the lowest corner frequency: enough for the transient to decay.
_MIRRORED_PERIODS = 3.0


def zero_phase(
    samples: ArrayLike,
    rate: int,
    kind: Literal["lowpass", "highpass", "bandpass"],
    corners: tuple[float, ...],
    order: int,
) -> NDArray[np.float64]:
    """Filter `samples` (channels, time) at `rate` Hz without delay; each corner is a -6 dB point in Hz.

    The filter runs forwards and backwards, so the attenuation in dB is twice that of one pass of `order`. The ends are
    mirrored (odd), by at most the length of the clip. Each corner must be above 0 and below `rate / 2`.
    """
    from scipy.signal import sosfiltfilt

    wave = np.asarray(samples, dtype=np.float64)
    if wave.shape[-1] == 0:
        return wave
    mirrored = min(round(_MIRRORED_PERIODS * rate / corners[0]), wave.shape[-1] - 1)
    filtered: NDArray[np.float64] = sosfiltfilt(_sections(kind, corners, order, rate), wave, padlen=mirrored)
    return filtered


@lru_cache(maxsize=64)
def _sections(kind: str, corners: tuple[float, ...], order: int, rate: int) -> NDArray[np.float64]:
    from scipy.signal import butter

    sections: NDArray[np.float64] = butter(
        order, corners if len(corners) > 1 else corners[0], kind, fs=rate, output="sos"
    )
    return sections
