"""Filters: keep, remove or boost a band of frequencies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.audio.filters import MAX_ORDER, zero_phase
from audio_ft.cleaning.step import Step
from audio_ft.errors import AudioError
from audio_ft.settings.rules import number, whole

Frequency = Annotated[float, number(0, above=True, unit="Hz")]
Order = Annotated[int, whole(1, MAX_ORDER)]


@dataclass(frozen=True)
class BandPass(Step):
    """Keep frequencies from `low` to `high` Hz (-6 dB at both), with a zero-phase Butterworth filter of `order`.

    Where `high` is at or above half the clip's rate, only the lower edge is filtered.
    """

    low: Frequency = 50.0
    high: Frequency = 7_600.0
    order: Order = 4

    phrase = "keep {low:,g} to {high:,g} Hz"

    def check(self) -> None:
        """Refuse a band that is empty."""
        self.require(self.high > self.low, "high", f"a frequency above low ({self.low:,g} Hz)")

    def __call__(self, clip: Clip) -> Clip:
        """Return the filtered clip.

        Raises:
            AudioError: `low` is at or above half the rate.
        """
        return _filtered(clip, self.order, low=self.low, high=self.high)


@dataclass(frozen=True)
class HighPass(Step):
    """Remove frequencies below `cutoff` Hz (-6 dB there) with a zero-phase Butterworth filter of `order`."""

    cutoff: Frequency = 50.0
    order: Order = 4

    phrase = "remove frequencies below {cutoff:,g} Hz"

    def __call__(self, clip: Clip) -> Clip:
        """Return the filtered clip.

        Raises:
            AudioError: `cutoff` is at or above half the rate.
        """
        return _filtered(clip, self.order, low=self.cutoff)


@dataclass(frozen=True)
class LowPass(Step):
    """Remove frequencies above `cutoff` Hz (-6 dB there) with a zero-phase Butterworth filter of `order`.

    Where `cutoff` is at or above half the clip's rate, the clip is returned unchanged.
    """

    cutoff: Frequency = 7_600.0
    order: Order = 4

    phrase = "remove frequencies above {cutoff:,g} Hz"

    def __call__(self, clip: Clip) -> Clip:
        """Return the filtered clip."""
        return _filtered(clip, self.order, high=self.cutoff)


@dataclass(frozen=True)
class PreEmphasis(Step):
    """Boost high frequencies: y[t] = x[t] - coefficient * x[t - 1].

    The first sample counts as its own predecessor (as in Kaldi), so that a DC offset does not start with a click.
    """

    coefficient: Annotated[float, number(0, 1)] = 0.97

    phrase = "boost high frequencies (pre-emphasis {coefficient:g})"

    def __call__(self, clip: Clip) -> Clip:
        """Return the emphasized clip."""
        wave = clip.samples.astype(np.float64)
        before = np.concatenate([wave[:, :1], wave[:, :-1]], axis=1)
        return clip.with_samples(wave - self.coefficient * before)


def _filtered(clip: Clip, order: int, low: float = 0.0, high: float = math.inf) -> Clip:
    if low >= clip.rate / 2:
        raise AudioError("clip", f"a rate of {clip.rate:,} Hz has no frequencies above {low:,g} Hz")
    if not low and high >= clip.rate / 2:
        return clip
    return clip.with_samples(zero_phase(clip.samples, clip.rate, low=low, high=high, order=order))
