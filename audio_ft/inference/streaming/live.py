"""Audio as it comes in: a microphone, raw samples on standard input, or a file as if it were live; and a clock."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from audio_ft.audio.clip import Clip, blocks
from audio_ft.errors import InputError
from audio_ft.inference.sources import as_clip
from audio_ft.inference.streaming.listener import Listener, Message

if TYPE_CHECKING:
    from audio_ft.audio.codec.source import Whole

logger = logging.getLogger(__name__)

# Audio comes in blocks of so many seconds, as microphones deliver it.
BLOCK_SECONDS = 0.1
# Blocks of a pipe that wait for the model; then the program that writes them has to wait.
WAITING_BLOCKS = 600
# A model that is so far behind (s) is too slow for this machine, which is said once.
BEHIND_SECONDS = 10.0


@dataclass
class Clock:
    """Say how many seconds have passed since the audio began.

    `timer` returns seconds, and `sleep` waits for some; without `sleep`, waiting takes no time and the clock jumps, so
    that a file passes as fast as the computer listens and what was computed counts as it would live.
    """

    timer: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] | None = time.sleep
    _began: float | None = field(default=None, init=False)

    def now(self) -> float:
        """Return the seconds; the first call begins to count."""
        if self._began is None:
            self._began = self.timer()
        return self.timer() - self._began

    def wait_until(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        ahead = seconds - self.now()
        if ahead <= 0:
            return
        if self.sleep is None:
            self._began = (self._began or 0.0) - ahead
        else:
            self.sleep(ahead)


@dataclass(frozen=True)
class TimedMessage:
    """Hold a message with the seconds at which it came."""

    message: Message
    at: float

    @property
    def latencies(self) -> list[float]:
        """Return the seconds from the end of each word or turn to its message; [] for what has not ended."""
        if self.message.kind == "words":
            return [self.at - word["end"] for word in self.message.content["words"]]
        return [self.at - self.message.end] if self.message.kind in ("event", "turn") else []

    def as_json(self) -> dict[str, Any]:
        """Return the fields of a line of JSON."""
        message = self.message
        times = {"start": message.start} if message.kind == "onset" else {"start": message.start, "end": message.end}
        return {"type": message.kind, **times, **message.content, "at": round(self.at, 3)}


def listen(listener: Listener, chunks: Iterable[Clip], clock: Clock) -> Iterator[TimedMessage]:
    """Yield the messages for audio that comes in chunks, each with its time.

    Raises:
        AudioError: the audio cannot be read.
        InputError: the model takes other audio.
    """
    clock.now()
    warned = False
    for chunk in chunks:
        for message in listener.feed(chunk):
            yield TimedMessage(message, clock.now())
        if not warned and (behind := clock.now() - listener.received) > BEHIND_SECONDS:
            logger.warning("warning: the model is %.0f s behind: it is too slow for this machine.", behind)
            warned = True
    for message in listener.end():
        yield TimedMessage(message, clock.now())


def as_if_live(recording: Whole | Clip, clock: Clock) -> Iterator[Clip]:
    """Yield a recording as a microphone would: what has been said by now, and never what has not.

    Raises:
        AudioError: it cannot be read.
    """
    waiting: list[Clip] = []
    seconds = 0.0
    for block in blocks(recording, BLOCK_SECONDS):
        waiting.append(block)
        seconds += block.seconds
        if clock.now() < seconds:
            clock.wait_until(seconds)
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def from_samples(file: BinaryIO, rate: int) -> Iterator[Clip]:
    """Yield raw samples, 16 bits and one channel in the order of bytes of this machine, as a program writes them.

    Raises:
        InputError: the rate is not above 0.
    """
    if not rate > 0:
        raise InputError(f"the rate of raw samples: expected more than 0 Hz, got {rate}")
    size = 2 * max(1, round(BLOCK_SECONDS * rate))

    def blocks_of(put: Callable[[bytes | None], None]) -> None:
        while block := file.read(size):
            put(block[: len(block) // 2 * 2])
        put(None)

    yield from _from_thread(blocks_of, rate)


def from_microphone(name: str, clock: Clock) -> Iterator[Clip]:
    """Yield what a microphone hears, by the number or a part of the name that `sounddevice` lists; "" is the default.

    Raises:
        InputError: sounddevice is not installed, or there is no such microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the library that it calls is missing
        raise InputError(f"A microphone needs sounddevice ({error}): pip install 'audio-ft[listen]'.") from error
    device: int | str | None = int(name) if name.isdigit() else name or None
    received: queue.Queue[bytes | None] = queue.Queue()  # a microphone does not wait

    def put(block: Any, frames: int, when: Any, status: Any) -> None:
        received.put_nowait(bytes(block))

    try:
        rate = int(sounddevice.query_devices(device, "input")["default_samplerate"])
        with sounddevice.RawInputStream(
            rate, round(BLOCK_SECONDS * rate), device, channels=1, dtype="int16", callback=put
        ):
            clock.now()
            yield from _from_queue(received, rate)
    except (sounddevice.PortAudioError, ValueError) as error:
        listed = ", ".join(one["name"] for one in sounddevice.query_devices() if one["max_input_channels"])
        raise InputError(
            f"The microphone {name!r} cannot be used ({error}); --device takes one of: {listed or 'none is there'}."
        ) from error


def _from_thread(read: Callable[[Callable[[bytes | None], None]], None], rate: int) -> Iterator[Clip]:
    """Yield the blocks that a function puts, which reads in a thread of its own while a model computes."""
    received: queue.Queue[bytes | None] = queue.Queue(WAITING_BLOCKS)
    threading.Thread(target=read, args=(received.put,), daemon=True, name="samples").start()
    return _from_queue(received, rate)


def _from_queue(received: queue.Queue[bytes | None], rate: int) -> Iterator[Clip]:
    """Yield all that has come since the last chunk, as one chunk; None ends it."""
    while True:
        found = [received.get()]
        while not received.empty():
            found.append(received.get())
        if samples := b"".join(block for block in found if block):
            yield as_clip((np.frombuffer(samples, np.int16), rate))
        if found[-1] is None:
            return


def _joined(clips: list[Clip]) -> Clip:
    return clips[0].with_samples(np.concatenate([clip.samples for clip in clips], axis=1))
