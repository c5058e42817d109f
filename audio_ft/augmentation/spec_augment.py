"""Features with stretches of time and bands of frequency hidden."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from audio_ft.augmentation.base import FeatureAugment, Probability
from audio_ft.errors import InputError
from audio_ft.settings.rules import number, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SpecAugment(FeatureAugment):
    """Hide stretches of time and bands of frequency (Park et al., "SpecAugment", Interspeech 2019).

    Of a clip's own frames at most `time_share` are hidden, in stretches of at most `time_length` frames; of the bands
    at most `frequency_share`, in runs of at most `frequency_length`. Lengths shrink where the share of a short clip
    allows less. A frame is the model's own: 10 ms in a log-mel array, 20 ms behind the convolutions of a wave model.
    """

    time_share: Annotated[float, number(0, 0.9)] = 0.1
    time_length: Annotated[int, whole(1, 100_000)] = 10
    frequency_share: Annotated[float, number(0, 0.9)] = 0.1
    frequency_length: Annotated[int, whole(1, 100_000)] = 10
    probability: Probability = field(default=1.0, kw_only=True)

    @property
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""
        return f"SpecAugment hiding up to {self.time_share:.0%} of time and {self.frequency_share:.0%} of frequency"

    def change(self, features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return features (mel, frames) with their overall mean where something is hidden."""
        hidden = np.zeros(features.shape, bool)
        hidden |= _hidden(features.shape[1], self.time_share, self.time_length, rng)[None, :]
        hidden |= _hidden(features.shape[0], self.frequency_share, self.frequency_length, rng)[:, None]
        return np.where(hidden, features.mean(dtype=np.float64).astype(np.float32), features)

    def as_config(self, typical_frames: int) -> dict[str, float | int]:
        """Return the same settings as a Wav2Vec2-like config has them, for clips of about `typical_frames` frames.

        A stretch shrinks to the share of such a clip, so that a stretch never covers most of it, and no least number of
        stretches is asked for. The model draws by itself for each batch; `probability` therefore scales the shares.

        Raises:
            InputError: `typical_frames` below 1.
        """
        if typical_frames < 1:
            raise InputError(f"SpecAugment: expected clips of at least 1 frame, got {typical_frames}")
        return {
            "mask_time_prob": self.time_share * self.probability,
            "mask_time_length": max(1, min(self.time_length, int(self.time_share * typical_frames))),
            "mask_time_min_masks": 0,
            "mask_feature_prob": self.frequency_share * self.probability,
            "mask_feature_length": self.frequency_length,
        }


def _hidden(size: int, share: float, longest: int, rng: np.random.Generator) -> NDArray[Any]:
    """Return which of `size` places are hidden, as bool (size,): runs of random length that cover at most `share`."""
    hidden = np.zeros(size, bool)
    budget = int(share * size)
    if budget < 1:
        return hidden
    longest = min(longest, budget)
    for length in rng.integers(1, longest + 1, budget // longest):
        start = rng.integers(0, size - length + 1)
        hidden[start : start + length] = True
    return hidden
