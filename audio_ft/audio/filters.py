"""The Butterworth filter behind all filtering steps: second-order sections, run forwards and backwards."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_ORDER = 12

# Length of the mirrored ends, in periods of the lowest corner frequency: enough for the transient to decay.
_MIRRORED_PERIODS = 3.0


def zero_phase(
    samples: ArrayLike, rate: int, *, low: float = 0.0, high: float = math.inf, order: int
) -> NDArray[np.float64]:
    """Keep the frequencies from `low` to `high` Hz (-6 dB at both) of `samples` (channels, time) at `rate` Hz.

    An edge that is not between 0 and half the rate is not filtered. The filter runs forwards and backwards, so it has
    no delay and the attenuation in dB is twice that of one pass of `order`. The ends are mirrored (odd), by at most the
    length of the clip.
    """
    from scipy.signal import sosfiltfilt

    wave = np.asarray(samples, dtype=np.float64)
    corners = tuple(edge for edge in (low, high) if 0 < edge < rate / 2)
    if not corners or wave.shape[-1] == 0:
        return wave
    kind = "bandpass" if len(corners) == 2 else "highpass" if corners == (low,) else "lowpass"
    mirrored = min(round(_MIRRORED_PERIODS * rate / corners[0]), wave.shape[-1] - 1)
    return np.asarray(sosfiltfilt(_sections(kind, corners, order, rate), wave, padlen=mirrored))


@lru_cache(maxsize=64)
def _sections(kind: str, corners: tuple[float, ...], order: int, rate: int) -> NDArray[np.float64]:
    from scipy.signal import butter

    return np.asarray(butter(order, corners if len(corners) > 1 else corners[0], kind, fs=rate, output="sos"))
