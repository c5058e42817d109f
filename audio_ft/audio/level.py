"""The level of a recording while it is read, and what is noted on it: silent, very quiet, clipped, out of range."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# One step of 24-bit audio is 2^-23; a smaller peak-to-peak amplitude was not recorded by any converter.
_SILENT = 2.0**-24
_QUIET_DBFS = -60.0
# Lossy decoders overshoot full scale by some tenths; twice full scale means that the samples have another unit.
_OUTSIDE = 2.0
# A peak is cut off where at least three samples in a row have the highest value, to half a step of 16 bits, near full
# scale. Below, codecs with coarse steps (GSM, mu-law) have such runs without any clipping.
_FLAT_RUN, _FLAT_STEP, _FLAT_PEAK, _FLAT_SHARE = 3, 2.0**-16, 0.98, 0.0005


class Level:
    """Collect the extremes of a recording that is read in blocks, for notes on its level.

    Example:
        >>> level = Level()
        >>> level.add(np.zeros((1, 16_000), np.float32))
        >>> level.notes()
        ('silent: all samples of a channel are equal',)
    """

    def __init__(self) -> None:
        self._lows = self._highs = np.zeros(0)
        self._flat = self._samples = 0

    def add(self, samples: NDArray[np.float32]) -> None:
        """Add a block of samples (channels, time)."""
        if not samples.size:
            return
        # One pass each is enough: NaN and infinity propagate through minimum and maximum.
        lows, highs = samples.min(axis=1).astype(np.float64), samples.max(axis=1).astype(np.float64)
        first = not self._samples
        self._lows = lows if first else np.minimum(self._lows, lows)
        self._highs = highs if first else np.maximum(self._highs, highs)
        self._samples += samples.size
        for channel, low, high in zip(samples, lows, highs, strict=True):
            self._flat += _flat_samples(channel, high) + _flat_samples(-channel, -low)

    @property
    def is_finite(self) -> bool:
        """Return whether no sample was NaN or infinite."""
        return bool(np.isfinite([self._lows, self._highs]).all())

    def notes(self) -> tuple[str, ...]:
        """Return "silent: …", or "very quiet: …", "outside [-1, 1]: …" and "clipped: …" as they apply."""
        if not self._samples:
            return ()
        swing = float((self._highs - self._lows).max())
        peak = float(max(self._highs.max(), -self._lows.min()))
        if swing < _SILENT:
            found = ["silent: all samples of a channel are equal"]
        elif 20 * math.log10(swing / 2) < _QUIET_DBFS:
            found = [f"very quiet: peak {20 * math.log10(swing / 2):.0f} dBFS"]
        else:
            share = self._flat / self._samples
            found = [f"clipped: {share:.2%} of the samples lie on flat peaks"] if share > _FLAT_SHARE else []
        if peak > _OUTSIDE:
            found.append(f"outside [-1, 1]: peak {peak:.6g}")
        return tuple(found)


def _flat_samples(wave: NDArray[np.float32], highest: float) -> int:
    """Return how many samples of a wave (time,) lie on peaks that a converter cut off at its highest value."""
    if not highest > _FLAT_PEAK:
        return 0
    at = np.flatnonzero(wave > highest - _FLAT_STEP)
    if len(at) < _FLAT_RUN:
        return 0
    runs = np.diff(np.flatnonzero(np.diff(at, prepend=-2, append=wave.size + 2) > 1))
    return int(runs[runs >= _FLAT_RUN].sum())
