"""What a cleaning step is: a frozen dataclass that turns one clip into another and can be written down as JSON."""

from __future__ import annotations

import math
import types
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from audio_ft.audio.clip import Clip

_REGISTRY: dict[str, type[Step]] = {}
_OWN_PACKAGE = "audio_ft.cleaning.steps."


@dataclass(frozen=True)
class Step(ABC):
    """Clean a clip in one way; a subclass is a frozen dataclass whose fields are its settings.

    A subclass is known by its class name as soon as its module is imported. It must take any clip (many channels,
    silent, one sample, no sample at all), leave it untouched and return a finite one, the same each time. Its settings
    are JSON values: numbers are checked against the annotations, so that `40` and `40.0` are one setting with one
    digest.

    `version` enters the digest of a chain: raise it whenever the same settings give other samples than before.
    """

    version: ClassVar[int] = 1

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Register the subclass by its name; only the package's own names cannot be taken by others."""
        super().__init_subclass__(**kwargs)
        holder = _REGISTRY.get(cls.__name__)
        # A namesake of a built-in step would be replayed in its stead from every saved chain.
        if holder and holder.__module__.startswith(_OWN_PACKAGE) and holder.__module__ != cls.__module__:
            raise InputError(
                f"a step named {cls.__name__!r} ships with audio_ft: give the one in {cls.__module__} another name"
            )
        _REGISTRY[cls.__name__] = cls

    def __post_init__(self) -> None:
        """Bring the settings to their annotated types, then let the subclass check them."""
        hints = _hints(type(self))
        for field in fields(self):
            value = _coerced(getattr(self, field.name), hints[field.name], f"{type(self).__name__}.{field.name}")
            object.__setattr__(self, field.name, value)
        self.check()

    @abstractmethod
    def __call__(self, clip: Clip) -> Clip:
        """Return the cleaned clip; the one given stays as it is."""

    def check(self) -> None:  # noqa: B027  (most steps have nothing to check)
        """Raise `InputError` for settings that make no sense; override where the types do not say it all."""

    def require(self, holds: bool, setting: str, expected: str) -> None:
        """Raise an `InputError` naming `setting`, what was expected and what came, unless `holds`."""
        if not holds:
            raise InputError(f"{type(self).__name__}.{setting}: expected {expected}, got {getattr(self, setting)!r}")

    def output_rate(self, rate: int) -> int:
        """Return the rate in Hz of what this step makes from a clip at `rate`."""
        return rate

    def describe(self) -> str:
        """Return a short English phrase for the model card."""
        settings = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self._settings().items())
        name = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(self).__name__).strip()
        return f"{name} ({settings})" if settings else name

    def to_dict(self) -> dict[str, Any]:
        """Return `{"step": name, "version": number, **settings}`, ready for JSON."""
        return {"step": type(self).__name__, "version": self.version, **self._settings()}

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Step:
        """Return the step that `to_dict` wrote down; settings left out take their defaults.

        Raises:
            InputError: an unknown step or setting, a wrong type, or another version than the installed one.
        """
        settings = dict(data)
        name = settings.pop("step", None)
        if not isinstance(name, str) or name not in _REGISTRY:
            raise InputError(
                f"unknown step {name!r}{_hint(str(name), _REGISTRY)}; a step of your own must be imported first"
            )
        cls = _REGISTRY[name]
        version = settings.pop("version", cls.version)
        if version != cls.version:
            newer = isinstance(version, int) and version > cls.version
            mend = "upgrade audio_ft" if newer else "install the audio_ft it was saved with, or clean and train again"
            raise InputError(
                f"step {name} was saved as version {version}, this audio_ft has version {cls.version}, "
                f"which cleans differently: {mend}"
            )
        known = [field.name for field in fields(cls)]
        for setting in settings:
            if setting not in known:
                raise InputError(f"{name} has no setting {setting!r}{_hint(setting, known)}")
        return cls(**settings)

    @staticmethod
    def registered() -> dict[str, type[Step]]:
        """Return every step whose module has been imported, by name."""
        return dict(_REGISTRY)

    def _settings(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@cache
def _hints(cls: type[Step]) -> dict[str, Any]:
    return get_type_hints(cls)


def _hint(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'Trim'?)" or the known names, for the end of a complaint about a name."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else f" (known: {', '.join(known) or 'none'})"


def _coerced(value: Any, hint: Any, where: str) -> Any:
    """Return `value` as the plain Python type that `hint` asks for, or raise an `InputError` that says `where`."""
    if get_origin(hint) in (Union, types.UnionType):
        choices = get_args(hint)
        if value is None and type(None) in choices:
            return None
        plain = [choice for choice in choices if choice is not type(None)]
        return _coerced(value, plain[0], where) if len(plain) == 1 else value
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise InputError(f"{where}: expected one of {', '.join(map(repr, get_args(hint)))}, got {value!r}")
        return value
    if hint is bool and not isinstance(value, bool):
        raise InputError(f"{where}: expected true or false, got {value!r}")
    if hint is str and not isinstance(value, str):
        raise InputError(f"{where}: expected text, got {value!r}")
    if hint is float:
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise InputError(f"{where}: expected a finite number, got {value!r}")
        return float(value)
    if hint is int:
        whole = isinstance(value, Integral) or (isinstance(value, Real) and float(value).is_integer())
        if isinstance(value, bool) or not whole:
            raise InputError(f"{where}: expected a whole number, got {value!r}")
        return int(value)
    return tuple(value) if isinstance(value, list) else value
