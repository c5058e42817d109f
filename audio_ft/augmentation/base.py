"""What an augmentation is: a change made to training clips only, drawn again for each clip and epoch.

Augmentations have settings and no state. All random numbers come from the generator that is passed, so a run resumed in
the middle of an epoch continues exactly as without the interruption.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.settings import NamedSettings
from audio_ft.settings.rules import Rule, either, number, span

Samples: TypeAlias = "NDArray[np.floating]"  # (time,)
Rng: TypeAlias = np.random.Generator
# The share of the training clips that is changed.
Probability = Annotated[float, number(0, 1)]


def spread(high: float) -> Rule:
    """Accept one number n from 0 to `high`, for (-n, n), or (lowest, highest)."""
    return either(number(0, high), span(-high, high))


@dataclass(frozen=True)
class Augment(NamedSettings, ABC, key="augment", group="augmentations"):
    """Hold the settings of one change that is made to `probability` of the training clips.

    A subclass registers itself by its class name, except abstract ones with `register=False`.
    `effect` describes the change in a few English words, with its ranges in braces: "gain of {db} dB".

    Raises:
        InputError: a setting of the wrong type or outside its range.
    """

    probability: Probability = field(default=0.5, kw_only=True)

    @property
    @abstractmethod
    def effect(self) -> str:
        """Return the description, which a class attribute may hold too."""

    def describe(self) -> str:
        """Return one short English phrase for the card."""
        ranges = {name: _range_in_words(value) for name, value in vars(self).items()}
        return f"{self.effect.format_map(ranges)} ({self.probability:.0%} of the clips)"

    def prepare(self) -> None:
        """Raise, before training starts, what would stop it later, such as a missing folder."""


@dataclass(frozen=True)
class WaveAugment(Augment, register=False):
    """Change the samples of one clip before its features are extracted."""

    def __call__(self, samples: Samples, rate: int, rng: Rng) -> NDArray[np.float32]:
        """Return the changed float32 samples (time',) of a clip (time,) at `rate` Hz.

        A clip that is not drawn and an empty one are returned as the same array.
        """
        if rng.random() >= self.probability or samples.size == 0:
            return samples
        return np.ascontiguousarray(self.change(samples, rate, rng), dtype=np.float32)

    @abstractmethod
    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return changed samples (time',) of a clip of at least one sample, without changing `samples`."""


@dataclass(frozen=True)
class FeatureAugment(Augment, register=False):
    """Change the features of one clip after they are extracted."""

    def __call__(self, features: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
        """Return changed float32 features of the same shape (mel, frames).

        A clip that is not drawn and an empty one are returned as the same array.
        """
        if rng.random() >= self.probability or features.size == 0:
            return features
        return np.asarray(self.change(features, rng), np.float32)

    @abstractmethod
    def change(self, features: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
        """Return a changed copy of features (mel, frames) that all touch audio."""


def generator(seed: int, epoch: int, index: int) -> Rng:
    """Return the random generator of one clip in one epoch: the same three numbers give the same draws anywhere."""
    return np.random.default_rng((seed, epoch, index))


def apply_wave(augments: Iterable[Augment], samples: Samples, rate: int, rng: Rng) -> NDArray[np.float32]:
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


def apply_features(augments: Iterable[Augment], features: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Run the feature augmentations, in the given order, over (mel, frames); others are left out."""
    for augment in augments:
        if isinstance(augment, FeatureAugment):
            features = augment(features, rng)
    return features


def draw(value: float | tuple[float, float], rng: Rng) -> float:
    """Draw a number from (lowest, highest), or from (-n, n) for one number n."""
    return rng.uniform(*value) if isinstance(value, tuple) else rng.uniform(-value, value)


def _range_in_words(value: Any) -> Any:
    """Return "±6" for one number, "10 to 30" for two, and other settings unchanged."""
    match value:
        case float():
            return f"±{value:g}"
        case (float(low), float(high)):
            return f"{low:g} to {high:g}"
    return value
