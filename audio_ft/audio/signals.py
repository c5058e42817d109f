"""Test signals as float64 (time,): what a `Clip` offers by the same names, checked and computed here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def tone(hz: float, seconds: float, rate: int, dbfs: float) -> NDArray[np.float64]:
    """Return a sine whose peak is `dbfs` (0 dBFS = 1.0), starting at 0."""
    _below_half("a tone", hz, rate)
    time = np.arange(samples_in(seconds, rate)) / rate
    return 10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * time)


def noise(seconds: float, rate: int, dbfs: float, seed: int) -> NDArray[np.float64]:
    """Return white Gaussian noise whose highest peak is `dbfs`, the same for a seed."""
    values = np.random.default_rng(seed).standard_normal(samples_in(seconds, rate))
    peak = np.abs(values).max(initial=np.finfo(float).tiny)
    return values * (10 ** (dbfs / 20) / peak)


def chirp(start: float, end: float, seconds: float, rate: int, dbfs: float) -> NDArray[np.float64]:
    """Return a sine that glides from `start` to `end` Hz, each octave in the same time (an exponential sweep).

    Raises:
        InputError: a frequency that is not above 0 and at most half the rate.
    """
    from scipy.signal import chirp as sweep

    for hz in (start, end):
        _below_half("a chirp", hz, rate)
        if hz <= 0:
            raise InputError(f"a chirp glides between frequencies above 0 Hz, got {hz:g} Hz")
    time = np.arange(samples_in(seconds, rate)) / rate
    # Half a turn less than scipy's cosine: it starts at 0, without a click.
    return 10 ** (dbfs / 20) * np.asarray(sweep(time, start, seconds or 1.0, end, method="logarithmic", phi=-90))


def click(seconds: float, rate: int, at: float, dbfs: float) -> NDArray[np.float64]:
    """Return silence with one sample of `dbfs` at second `at`: the impulse whose echo is a filter's response.

    Raises:
        InputError: an `at` outside of the clip.
    """
    values = np.zeros(samples_in(seconds, rate))
    place = round(at * rate) if math.isfinite(at) else -1
    if not 0 <= place < len(values):
        raise InputError(f"a click at {at:g} s lies outside of {seconds:g} s")
    values[place] = 10 ** (dbfs / 20)
    return values


def samples_in(seconds: float, rate: int) -> int:
    """Return how many samples a duration takes.

    Raises:
        InputError: a duration that is negative or not finite.
    """
    if not (math.isfinite(seconds) and seconds >= 0):
        raise InputError(f"expected a duration of 0 s or more, got {seconds:g} s")
    return round(seconds * rate)


def _below_half(what: str, hz: float, rate: int) -> None:
    if not 0 <= hz <= rate / 2:
        raise InputError(f"{what} of {hz:g} Hz needs a rate of at least {2 * hz:,.0f} Hz, got {rate:,} Hz")
