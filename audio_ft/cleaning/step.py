"""What a cleaning step is: a frozen dataclass that turns one clip into another and can be written down as JSON."""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from audio_ft.errors import InputError
from audio_ft.settings import NamedSettings, Settings
from audio_ft.settings.rules import shown

if TYPE_CHECKING:
    from audio_ft.audio.clip import Clip


@dataclass(frozen=True)
class Step(NamedSettings, ABC, key="step", group="steps"):
    """Clean a clip in one way; a subclass is a frozen dataclass whose fields are its settings.

    A subclass is known by its class name as soon as its module is imported. It must take any clip (many channels,
    silent, one sample, no sample at all), leave it untouched and return a finite one, the same each time. Its settings
    are JSON values, checked against their annotations.

    `version` enters the digest of a chain: raise it whenever the same settings give other samples than before. `phrase`
    describes the step on the model card, with its settings in braces. `cuts` says that a clip may begin later than it
    did before: a step that cuts is a `Cut`, and says which part it keeps.
    """

    version: ClassVar[int] = 1
    phrase: ClassVar[str] = ""
    cuts: ClassVar[bool] = False

    @abstractmethod
    def __call__(self, clip: Clip) -> Clip:
        """Return the cleaned clip; the original is not changed."""

    def output_rate(self, rate: int) -> int:
        """Return the rate in Hz of what this step makes from a clip at `rate`."""
        return rate

    def describe(self) -> str:
        """Return a short English phrase for the model card."""
        if self.phrase:
            return self.phrase.format_map(vars(self))
        name = re.sub(r"(?<!^)(?=[A-Z])", " ", type(self).__name__).lower()
        settings = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in Settings.to_dict(self).items())
        return f"{name} ({settings})" if settings else name

    def to_dict(self) -> dict[str, Any]:
        """Return `{"step": name, "version": number, **settings}`, ready for JSON."""
        return {self._key: type(self).__name__, "version": self.version} | super().to_dict()

    @classmethod
    def saved(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Return the settings of a saved step without its version.

        Raises:
            InputError: it is another version than the installed one.
        """
        version = settings.pop("version", cls.version)
        # True and 1.0 equal 1, and are no version.
        if type(version) is not int or version != cls.version:
            newer = isinstance(version, int) and version > cls.version
            fix = "upgrade audio_ft" if newer else "install the audio_ft it was saved with, or clean and train again"
            raise InputError(
                f"step {cls.__name__} was saved as version {shown(version)}, this audio_ft has version {cls.version}, "
                f"which cleans differently: {fix}"
            )
        return settings


@dataclass(frozen=True)
class Cut(Step, register=False):
    """Keep one part of a clip, which `span` finds; long recordings then have right times too.

    `nothing` is the note of a clip in which there is nothing to keep; it stays whole.
    """

    cuts = True
    nothing: ClassVar[str] = "silent"

    @abstractmethod
    def span(self, clip: Clip) -> tuple[int, int] | None:
        """Return the samples (start, stop) of a clip to keep, or None if nothing in it is worth keeping."""

    def __call__(self, clip: Clip) -> Clip:
        """Return the part that is kept."""
        if clip.length == 0:
            return clip
        if (span := self.span(clip)) is None:
            return clip.with_note(self.nothing)
        start, stop = span
        return clip if stop - start == clip.length else clip.with_samples(clip.samples[:, start:stop])


def needed(module: str, package: str, step: str) -> Any:
    """Return a module that a step needs beside the core.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{step} needs {package} ({error}): pip install 'audio-ft[cleaning]'.") from error
