"""Take away what lies above a frequency."""

from __future__ import annotations

from dataclasses import dataclass

from audio_ft.audio.clip import Clip
from audio_ft.audio.filters import MAX_ORDER, zero_phase
from audio_ft.cleaning.step import Step


@dataclass(frozen=True)
class LowPass(Step):
    """Take away what lies above `cutoff` Hz (-6 dB there), with a zero-phase Butterworth filter of `order`.

    A clip whose rate cannot hold `cutoff` (at or above half the rate) has nothing up there and passes as it is.
    """

    cutoff: float = 7_600.0
    order: int = 4

    def check(self) -> None:
        """Refuse a cutoff or an order that no filter has."""
        self.require(self.cutoff > 0, "cutoff", "a frequency above 0 Hz")
        self.require(1 <= self.order <= MAX_ORDER, "order", f"an order from 1 to {MAX_ORDER}")

    def __call__(self, clip: Clip) -> Clip:
        """Return the filtered clip."""
        if self.cutoff >= clip.rate / 2:
            return clip
        return clip.with_samples(zero_phase(clip.samples, clip.rate, "lowpass", (self.cutoff,), self.order))

    def describe(self) -> str:
        """Return the phrase for the card."""
        return f"take away what lies above {self.cutoff:,g} Hz"
