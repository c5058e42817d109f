"""What an augmentation is: a change made to training clips only, drawn anew for each clip and epoch.

Augmentations hold settings and no state. All chance comes from the generator they are handed, so that a run resumed
in the middle of an epoch repeats exactly what the uninterrupted run would have done. Like cleaning steps they are plain
data that goes to JSON and back; unlike steps they are never replayed at prediction.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np

from audio_ft.errors import InputError
from audio_ft.settings import NamedSettings
from audio_ft.settings.rules import Rule, either, number, span

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

# How many of the training clips are changed: 0 (none) to 1 (all).
Probability = Annotated[float, number(0, 1)]


def spread(high: float) -> Rule:
    """Accept one number n from 0 to `high`, for (-n, n), or (lowest, highest)."""
    return either(number(0, high), span(-high, high))


@dataclass(frozen=True)
class Augment(NamedSettings, ABC, key="augment", group="augmentations"):
    """Hold the settings of one change that is made to `probability` of the training clips.

    A subclass registers itself by its class name, unless it says `register=False` because it is a kind and no member.

    Raises:
        InputError: a setting of the wrong type or outside its range.
    """

    stage: ClassVar[str] = ""

    probability: Probability = field(default=0.5, kw_only=True)

    @property
    @abstractmethod
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""

    def describe(self) -> str:
        """Return one short English phrase for the card."""
        return f"{self.effect} ({self.probability:.0%} of the clips)"

    def prepare(self) -> None:
        """Raise, before any work is done, what would stop the training later, such as a folder that is missing."""


@dataclass(frozen=True)
class WaveAugment(Augment, register=False):
    """Change the samples of one clip before its features are extracted."""

    stage: ClassVar[str] = "wave"

    def __call__(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the changed float32 samples (time',) of a clip (time,) at `rate` Hz.

        A clip that chance passes over, and an empty one, comes back as the very array that was given.
        """
        if rng.random() >= self.probability or samples.size == 0:
            return samples
        return np.ascontiguousarray(self.change(samples, rate, rng), dtype=np.float32)

    @property
    def growth(self) -> float:
        """Return the greatest factor by which a clip can get longer; 1 where the length is kept."""
        return 1.0

    @abstractmethod
    def change(self, samples: NDArray[np.float32], rate: int, rng: np.random.Generator) -> NDArray[np.floating]:
        """Return changed samples (time',) of a clip of at least one sample, never writing to `samples`."""


@dataclass(frozen=True)
class FeatureAugment(Augment, register=False):
    """Change the features of one clip after they are extracted."""

    stage: ClassVar[str] = "features"

    def apply(self, features: NDArray[np.float32], frames_valid: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return changed float32 features of the same shape (mel, frames); only the first `frames_valid` frames change.

        A clip that chance passes over, and one without valid frames, comes back as the very array that was given.
        """
        frames = min(frames_valid, features.shape[1])
        if rng.random() >= self.probability or frames <= 0 or features.size == 0:
            return features
        changed = np.array(features, dtype=np.float32)
        changed[:, :frames] = self.change(features[:, :frames], rng)
        return changed

    @abstractmethod
    def change(self, features: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Return a changed copy of features (mel, frames) that all touch audio."""


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the source of chance for one clip in one epoch: the same three numbers give the same draws anywhere.

    Raises:
        InputError: a negative number.
    """
    if min(seed, epoch, index) < 0:
        raise InputError(f"expected a seed, epoch and index of 0 or more, got {seed}, {epoch} and {index}")
    return np.random.default_rng((seed, epoch, index))


def apply_wave(
    augments: Iterable[Augment], samples: NDArray[np.floating], rate: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Run the wave augmentations, in the given order, over samples (time,) at `rate` Hz; others are left out.

    Raises:
        InputError: samples that are not one channel of floating-point numbers.
    """
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise InputError(f"augmentation: expected float32 samples (time,), got {samples.dtype} {samples.shape}")
    wave = samples.astype(np.float32, copy=False)
    for augment in augments:
        if isinstance(augment, WaveAugment):
            wave = augment(wave, rate, rng)
    return wave


def apply_features(
    augments: Iterable[Augment], features: NDArray[np.float32], frames_valid: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Run the feature augmentations, in the given order, over (mel, frames); others are left out."""
    for augment in augments:
        if isinstance(augment, FeatureAugment):
            features = augment.apply(features, frames_valid, rng)
    return features


def growth(augments: Iterable[Augment]) -> float:
    """Return the greatest factor by which all wave augmentations together can lengthen a clip."""
    return math.prod(augment.growth for augment in augments if isinstance(augment, WaveAugment))


def drawn_range(value: float | tuple[float, float]) -> tuple[float, float]:
    """Return (lowest, highest), where one number n stands for (-n, n)."""
    return value if isinstance(value, tuple) else (-value, value)


def describe_range(value: float | tuple[float, float], unit: str) -> str:
    """Return a range in English: "±6 dB" for one number, "10 to 30 dB" for two."""
    return f"{value[0]:g} to {value[1]:g} {unit}" if isinstance(value, tuple) else f"±{value:g} {unit}"
