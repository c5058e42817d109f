"""Listen with a model: audio comes in chunks, messages go out; time is that of the audio, and there is no clock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model

# Sounds begin softly: so much (s) before a turn and after it belongs to it.
PAD_SECONDS = 0.2


@dataclass(frozen=True)
class Message:
    """Say what was received from `start` to `end`, in seconds.

    `kind` is "words" (words of a caption that are final), "caption" (all of a turn), "onset" (an event that goes on),
    "event" (one that has ended) or "turn" (the labels or the number of a turn); `content` is what `--json` writes, and
    `line` what a terminal shows.
    """

    kind: str
    start: float
    end: float
    content: Mapping[str, Any]
    line: str


@dataclass
class Recent:
    """Keep the last part of audio that comes in chunks (channels, time), as long as it is needed."""

    _samples: np.ndarray = field(default_factory=lambda: np.zeros((1, 0), np.float32))
    _first: int = 0
    rate: int = 0

    def add(self, chunk: Clip) -> None:
        """Append a chunk.

        Raises:
            InputError: its rate or number of channels is another one than before.
        """
        if not self.rate:
            self.rate, self._samples = chunk.rate, chunk.samples
        elif (chunk.rate, chunk.channels) != (self.rate, len(self._samples)):
            raise InputError(f"The audio changed to {chunk.channels} channels at {chunk.rate:,} Hz; start again.")
        else:
            self._samples = np.concatenate([self._samples, chunk.samples], axis=1)

    @property
    def end(self) -> float:
        """Return how many seconds were received."""
        return (self._first + self._samples.shape[1]) / self.rate if self.rate else 0.0

    def part(self, start: float, stop: float) -> Clip:
        """Return what was received from `start` to `stop`, in seconds."""
        first, last = (max(0, round(seconds * self.rate) - self._first) for seconds in (start, stop))
        return Clip(self._samples[:, first:last], self.rate)

    def forget(self, before: float) -> None:
        """Drop what was received before so many seconds."""
        drop = min(max(0, round(before * self.rate) - self._first), self._samples.shape[1])
        self._first, self._samples = self._first + drop, self._samples[:, drop:]


class Listener(ABC):
    """Turn audio into messages: `feed` takes the next chunk of any length, `end` what follows from the last one."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.recent = Recent()

    @property
    def received(self) -> float:
        """Return how many seconds were fed."""
        return self.recent.end

    def feed(self, chunk: Clip) -> Iterator[Message]:
        """Yield what can be said after a chunk."""
        self.recent.add(chunk)
        yield from self._after(chunk)

    @abstractmethod
    def _after(self, chunk: Clip) -> Iterator[Message]:
        """Yield what can be said after a chunk, which is in `recent` already."""

    @abstractmethod
    def end(self) -> Iterator[Message]:
        """Yield what is left to say when nothing more comes."""
