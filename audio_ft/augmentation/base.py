"""What an augmentation is: a change made to training clips only, drawn anew for each clip and epoch.

Augmentations hold settings and no state. All chance comes from the generator they are handed, so that a run resumed
in the middle of an epoch repeats exactly what the uninterrupted run would have done. Like cleaning steps they are plain
data that goes to JSON and back; unlike steps they are never replayed at prediction.
"""

from __future__ import annotations

import difflib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

_REGISTRY: dict[str, type[Augment]] = {}


@dataclass(frozen=True)
class Augment(ABC):
    """Hold the settings of one change that is made to `probability` of the training clips, 0 (never) to 1 (always).

    A subclass registers itself by its class name, unless it says `register=False` because it is a kind and no member.

    Raises:
        InputError: a setting of the wrong type or outside its range.
    """

    stage: ClassVar[str] = ""

    probability: float = field(default=0.5, kw_only=True)

    def __init_subclass__(cls, *, register: bool = True, **kwargs: Any) -> None:
        """Make the subclass known to `from_dict` and `registered`."""
        super().__init_subclass__(**kwargs)
        if register:
            _REGISTRY[cls.__name__] = cls

    def __post_init__(self) -> None:
        """Check what all augmentations have, then let the subclass check its own settings."""
        self.require_number("probability", 0, 1)
        self.check()

    def check(self) -> None:  # noqa: B027 - a subclass without settings of its own has nothing to check
        """Raise `InputError` for settings that make no sense; numbers and ranges become floats."""

    @property
    @abstractmethod
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""

    def describe(self) -> str:
        """Return one short English phrase for the card."""
        return f"{self.effect} ({self.probability:.0%} of the clips)"

    def prepare(self) -> None:  # noqa: B027 - most augmentations need nothing from outside
        """Raise, before any work is done, what would stop the training later, such as a folder that is missing."""

    def to_dict(self) -> dict[str, Any]:
        """Return the name and all settings as JSON values."""
        settings = {item.name: getattr(self, item.name) for item in fields(self)}
        return {"augment": type(self).__name__} | {
            name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Augment:
        """Build the augmentation that `to_dict` wrote.

        Raises:
            InputError: an unknown augmentation or setting, with the closest known name; a setting out of range.
        """
        settings = dict(data)
        name = settings.pop("augment", None)
        if not isinstance(name, str):
            raise InputError(f"expected an augmentation as {{'augment': name, **settings}}, got {dict(data)!r}")
        if name not in _REGISTRY:
            raise InputError(f"unknown augmentation {name!r}{_hint(name, _REGISTRY)}")
        known = [item.name for item in fields(_REGISTRY[name])]
        for setting in settings:
            if setting not in known:
                raise InputError(f"{name} has no setting {setting!r}{_hint(setting, known)}")
        return _REGISTRY[name](**settings)

    @staticmethod
    def registered() -> dict[str, type[Augment]]:
        """Return every augmentation whose module has been imported, by name."""
        return dict(_REGISTRY)

    def require(self, holds: bool, setting: str, expected: str) -> None:
        """Raise an `InputError` naming `setting`, what was expected and what came, unless `holds`."""
        if not holds:
            raise InputError(f"{type(self).__name__}.{setting}: expected {expected}, got {getattr(self, setting)!r}")

    def require_number(self, setting: str, low: float, high: float) -> None:
        """Raise `InputError` unless the setting is one number within `low` to `high`; store it as a float."""
        value = getattr(self, setting)
        self.require(_is_number(value) and low <= value <= high, setting, f"a number from {low:g} to {high:g}")
        # 6 and 6.0 are one setting, so they must also be one text in JSON.
        object.__setattr__(self, setting, float(value))

    def require_count(self, setting: str, high: int) -> None:
        """Raise `InputError` unless the setting is a whole number from 1 to `high`."""
        value = getattr(self, setting)
        whole = isinstance(value, int) and not isinstance(value, bool)
        self.require(whole and 1 <= value <= high, setting, f"a whole number from 1 to {high:,}")

    def require_range(self, setting: str, low: float, high: float) -> None:
        """Raise `InputError` unless the setting is (lowest, highest) within `low` to `high`; store it as floats."""
        value = getattr(self, setting)
        pair = tuple(value) if isinstance(value, list | tuple) else ()
        ordered = len(pair) == 2 and all(map(_is_number, pair)) and low <= pair[0] <= pair[1] <= high
        self.require(ordered, setting, f"(lowest, highest) within {low:g} to {high:g}")
        object.__setattr__(self, setting, tuple(map(float, pair)))

    def require_spread(self, setting: str, high: float) -> None:
        """Raise `InputError` unless the setting is one number n from 0 to `high`, for (-n, n), or (lowest, highest)."""
        value = getattr(self, setting)
        if isinstance(value, list | tuple):
            self.require_range(setting, -high, high)
        else:
            self.require(_is_number(value) and 0 <= value <= high, setting, f"0 to {high:g}, or (lowest, highest)")
            object.__setattr__(self, setting, float(value))


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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _hint(name: str, known: Iterable[str]) -> str:
    """Return the closest known name, or all of them, for the end of a complaint about a name."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(known)})"
