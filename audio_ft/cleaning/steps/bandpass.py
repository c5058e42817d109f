"""Band-pass filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.audio.clip import Clip
from audio_ft.audio.filters import MAX_ORDER, zero_phase
from audio_ft.cleaning.step import Step
from audio_ft.errors import AudioError
from audio_ft.settings.rules import number, whole


@dataclass(frozen=True)
class BandPass(Step):
    """Keep frequencies from `low` to `high` Hz (-6 dB at both), with a zero-phase Butterworth filter of `order`.

    Where `high` is at or above half the clip's rate, only the lower edge is filtered.
    """

    low: Annotated[float, number(0, above=True, unit="Hz")] = 50.0
    high: Annotated[float, number(0, above=True, unit="Hz")] = 7_600.0
    order: Annotated[int, whole(1, MAX_ORDER)] = 4

    def check(self) -> None:
        """Refuse a band that is empty."""
        self.require(self.high > self.low, "high", f"a frequency above low ({self.low:,g} Hz)")

    def __call__(self, clip: Clip) -> Clip:
        """Return the filtered clip.

        Raises:
            AudioError: `low` is at or above half the rate.
        """
        if self.low >= clip.rate / 2:
            raise AudioError("clip", f"a rate of {clip.rate:,} Hz has no frequencies above {self.low:,g} Hz")
        if self.high >= clip.rate / 2:
            return clip.with_samples(zero_phase(clip.samples, clip.rate, "highpass", (self.low,), self.order))
        return clip.with_samples(zero_phase(clip.samples, clip.rate, "bandpass", (self.low, self.high), self.order))

    def describe(self) -> str:
        """Return the phrase for the card."""
        return f"keep {self.low:,g} to {self.high:,g} Hz"
