"""Compute the test signals that `Clip` offers under the same names, (time,); impossible ones raise InputError."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError


def tone(hz: float, seconds: float, rate: int, dbfs: float) -> NDArray[Any]:
    """Return a sine with a peak of `dbfs` (0 dBFS = 1.0) that starts at phase 0."""
    _check_nyquist("a tone", hz, rate)
    return _peak(dbfs) * np.sin(2 * np.pi * hz * (np.arange(samples_in(seconds, rate)) / rate))


def noise(seconds: float, rate: int, dbfs: float, seed: int) -> NDArray[Any]:
    """Return white Gaussian noise with a peak of `dbfs`; a seed always gives the same noise."""
    values = np.random.default_rng(seed).standard_normal(samples_in(seconds, rate))
    return values * (_peak(dbfs) / np.abs(values).max(initial=np.finfo(float).tiny))


def chirp(start: float, end: float, seconds: float, rate: int, dbfs: float) -> NDArray[Any]:
    """Return a sine sweep from `start` to `end` Hz, exponential: each octave takes the same time."""
    from scipy.signal import chirp as sweep

    for hz in (start, end):
        _check_nyquist("a chirp", hz, rate)
        if hz <= 0:
            raise InputError(f"a chirp needs frequencies above 0 Hz, got {hz:g} Hz")
    time = np.arange(samples_in(seconds, rate)) / rate
    # scipy's chirp is a cosine; -90 degrees make it start at 0, without a click.
    return _peak(dbfs) * np.asarray(sweep(time, start, seconds or 1.0, end, method="logarithmic", phi=-90))


def click(seconds: float, rate: int, at: float, dbfs: float) -> NDArray[Any]:
    """Return silence with one sample of `dbfs` at second `at`: a unit impulse shows a filter's impulse response."""
    values = np.zeros(samples_in(seconds, rate))
    index = round(at * rate) if math.isfinite(at) else -1
    if not 0 <= index < len(values):
        raise InputError(f"a click at {at:g} s lies outside the clip of {seconds:g} s")
    values[index] = _peak(dbfs)
    return values


def samples_in(seconds: float, rate: int) -> int:
    """Return the number of samples in a duration, which must be finite and not negative."""
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InputError(f"expected a duration of 0 s or more, got {seconds:g} s")
    return round(seconds * rate)


def _peak(dbfs: float) -> float:
    return float(10 ** (dbfs / 20))


def _check_nyquist(what: str, hz: float, rate: int) -> None:
    if not 0 <= hz <= rate / 2:
        raise InputError(f"{what} of {hz:g} Hz needs a rate of at least {2 * hz:,.0f} Hz, got {rate:,} Hz")
