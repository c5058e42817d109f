"""Resample to one sample rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.audio.clip import Clip
from audio_ft.audio.resampling import resample
from audio_ft.cleaning.step import Step
from audio_ft.settings.rules import whole


@dataclass(frozen=True)
class Resample(Step):
    """Resample to `rate` Hz with the band-limited filter "soxr_hq".

    n samples at r Hz become ceil(n * rate / r) samples. A clip at `rate` is returned unchanged.
    """

    rate: Annotated[int, whole(1, 10_000_000, unit="Hz")] = 16_000

    phrase = "resample to {rate:,} Hz"

    def __call__(self, clip: Clip) -> Clip:
        """Return the clip at `rate`."""
        return resample(clip, self.rate)

    def output_rate(self, rate: int) -> int:
        """Return `rate` of this step, whatever the input rate."""
        return self.rate
