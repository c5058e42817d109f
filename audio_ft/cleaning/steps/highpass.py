"""High-pass filter against DC offset, rumble and hum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.audio.clip import Clip
from audio_ft.audio.filters import MAX_ORDER, zero_phase
from audio_ft.cleaning.step import Step
from audio_ft.errors import AudioError
from audio_ft.settings.rules import number, whole


@dataclass(frozen=True)
class HighPass(Step):
    """Remove frequencies below `cutoff` Hz (-6 dB there) with a zero-phase Butterworth filter of `order`."""

    cutoff: Annotated[float, number(0, above=True, unit="Hz")] = 50.0
    order: Annotated[int, whole(1, MAX_ORDER)] = 4

    def __call__(self, clip: Clip) -> Clip:
        """Return the filtered clip.

        Raises:
            AudioError: `cutoff` is at or above half the rate.
        """
        if self.cutoff >= clip.rate / 2:
            raise AudioError(
                "clip", f"a rate of {clip.rate:,} Hz has no frequencies above the high-pass at {self.cutoff:,g} Hz"
            )
        return clip.with_samples(zero_phase(clip.samples, clip.rate, "highpass", (self.cutoff,), self.order))

    def describe(self) -> str:
        """Return the phrase for the card."""
        return f"remove frequencies below {self.cutoff:,g} Hz"
