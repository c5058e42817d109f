"""SpecAugment: mask spans of time and bands of frequency."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.augmentation.base import FeatureAugment, Probability, Rng
from audio_ft.settings.rules import number, whole


@dataclass(frozen=True)
class SpecAugment(FeatureAugment):
    """Mask spans of time and bands of frequency (Park et al., "SpecAugment", Interspeech 2019).

    At most `time_share` of a clip's frames, without padding, are masked, in spans of at most `time_length` frames; at
    most `frequency_share` of the bands, in spans of at most `frequency_length`. The spans are shorter where the share
    of a short clip requires it. A frame has 10 ms in a log-mel array and 20 ms after the convolutions of a wave model.
    """

    time_share: Annotated[float, number(0, 0.9)] = 0.1
    time_length: Annotated[int, whole(1, 100_000)] = 10
    frequency_share: Annotated[float, number(0, 0.9)] = 0.1
    frequency_length: Annotated[int, whole(1, 100_000)] = 10
    probability: Probability = field(default=1.0, kw_only=True)

    @property
    def effect(self) -> str:
        """Return the description for the card."""
        return f"SpecAugment hiding up to {self.time_share:.0%} of time and {self.frequency_share:.0%} of frequency"

    def change(self, features: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
        """Return features (mel, frames) with their overall mean where they are masked."""
        masked = np.zeros(features.shape, bool)
        masked |= _masked(features.shape[1], self.time_share, self.time_length, rng)[None, :]
        masked |= _masked(features.shape[0], self.frequency_share, self.frequency_length, rng)[:, None]
        return np.where(masked, features.mean(dtype=np.float64).astype(np.float32), features)

    def as_config(self, typical_frames: int) -> dict[str, float | int]:
        """Return the settings for the config of a Wav2Vec2-like model, for clips of about `typical_frames` frames.

        A span is at most `time_share` of such a clip, and there is no minimum number of spans. The model draws its
        masks itself, for each batch, so `probability` scales the shares.
        """
        return {
            "mask_time_prob": self.time_share * self.probability,
            "mask_time_length": max(1, min(self.time_length, int(self.time_share * typical_frames))),
            "mask_time_min_masks": 0,
            "mask_feature_prob": self.frequency_share * self.probability,
            "mask_feature_length": self.frequency_length,
        }


def _masked(size: int, share: float, longest: int, rng: Rng) -> NDArray[Any]:
    """Return a mask, bool (size,), of spans of random length that cover at most `share`."""
    masked = np.zeros(size, bool)
    budget = int(share * size)
    longest = max(1, min(longest, budget))
    for length in rng.integers(1, longest + 1, budget // longest):
        start = rng.integers(0, size - length + 1)
        masked[start : start + length] = True
    return masked
