"""Band limitation, as by a telephone or a cheap microphone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.audio.filters import MAX_ORDER, zero_phase
from audio_ft.augmentation.base import Rng, Samples, WaveAugment
from audio_ft.settings.rules import span, whole


@dataclass(frozen=True)
class BandLimit(WaveAugment):
    """Keep a band whose edges are drawn from `low` and `high`, in Hz; a telephone has 300 to 3400 Hz.

    The filter is that of the cleaning step BandPass: zero-phase, -6 dB at both edges. An edge at or above half the rate
    is not filtered.
    """

    low: Annotated[tuple[float, float], span(1, 1e6)] = (50.0, 400.0)
    high: Annotated[tuple[float, float], span(1, 1e6)] = (3000.0, 7000.0)
    order: Annotated[int, whole(1, MAX_ORDER)] = 4

    effect = "band from {low} Hz up to {high} Hz"

    def check(self) -> None:
        """Check that the lower edge is always below the upper one."""
        self.require(self.low[1] < self.high[0], "low", f"a range that ends below the start of high {self.high}")

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the filtered samples (time,), of the same length."""
        low, high = rng.uniform(*self.low), rng.uniform(*self.high)
        return zero_phase(samples, rate, low=low, high=high, order=self.order)
