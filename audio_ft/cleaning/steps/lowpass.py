"""Low-pass filter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.audio.clip import Clip
from audio_ft.audio.filters import MAX_ORDER, zero_phase
from audio_ft.cleaning.step import Step
from audio_ft.settings.rules import number, whole


@dataclass(frozen=True)
class LowPass(Step):
    """Remove frequencies above `cutoff` Hz (-6 dB there) with a zero-phase Butterworth filter of `order`.

    Where `cutoff` is at or above half the clip's rate, the clip is returned unchanged.
    """

    cutoff: Annotated[float, number(0, above=True, unit="Hz")] = 7_600.0
    order: Annotated[int, whole(1, MAX_ORDER)] = 4

    def __call__(self, clip: Clip) -> Clip:
        """Return the filtered clip."""
        if self.cutoff >= clip.rate / 2:
            return clip
        return clip.with_samples(zero_phase(clip.samples, clip.rate, "lowpass", (self.cutoff,), self.order))

    def describe(self) -> str:
        """Return the phrase for the card."""
        return f"remove frequencies above {self.cutoff:,g} Hz"
