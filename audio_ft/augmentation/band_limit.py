"""The sound of a telephone or a cheap microphone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from audio_ft.audio.filters import MAX_ORDER, zero_phase
from audio_ft.augmentation.base import WaveAugment, describe_range
from audio_ft.settings.rules import span, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class BandLimit(WaveAugment):
    """Keep only a band from a frequency drawn in `low` to one drawn in `high`, in Hz; a telephone keeps 300 to 3400 Hz.

    The same filter as the cleaning step BandPass: no delay, and 6 dB less at either edge. An edge at or above half the
    rate is left out.
    """

    low: Annotated[tuple[float, float], span(1, 1e6)] = (50.0, 400.0)
    high: Annotated[tuple[float, float], span(1, 1e6)] = (3000.0, 7000.0)
    order: Annotated[int, whole(1, MAX_ORDER)] = 4

    def check(self) -> None:
        """Refuse edges that can cross."""
        self.require(self.low[1] < self.high[0], "low", f"a range that ends below the start of high {self.high}")

    @property
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""
        return f"band from {describe_range(self.low, 'Hz')} up to {describe_range(self.high, 'Hz')}"

    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return the samples, filtered, as many as before."""
        low, high = rng.uniform(*self.low), rng.uniform(*self.high)
        if low >= rate / 2:
            return samples
        if high >= rate / 2:
            return zero_phase(samples, rate, "highpass", (low,), self.order)
        return zero_phase(samples, rate, "bandpass", (low, high), self.order)
