"""The one filter behind every filtering step: Butterworth, in second-order sections, run forwards and backwards."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

MAX_ORDER = 12

# Periods of the lowest corner frequency by which the ends are mirrored: by then a start-up swing has died away.
_MIRRORED_PERIODS = 3.0


def zero_phase(
    samples: ArrayLike,
    rate: int,
    kind: Literal["lowpass", "highpass", "bandpass"],
    corners: tuple[float, ...],
    order: int,
) -> NDArray[np.float64]:
    """Return `samples` (channels, time) at `rate` Hz filtered without delay; each corner (Hz) is a -6 dB point.

    Forwards and backwards, so a tone loses twice the decibels that `order` promises. The ends are mirrored (odd), by as
    much as a short clip has. Every corner must lie strictly between 0 and `rate / 2`.
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
