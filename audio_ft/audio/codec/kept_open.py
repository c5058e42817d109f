"""Keep the recording of the last part open, in formats where a place is found by reading from the start.

An MP3 of an hour takes 130 ms to find its last minute, and 1 ms to go on from the part before. One recording is kept in
each thread; it is closed when a part of another one is read.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.audio.codec.source import AudioSource

if TYPE_CHECKING:
    import soundfile


@dataclass
class Place:
    """Hold an open recording and the frame that it reads next."""

    sound: soundfile.SoundFile
    position: int = 0


class _Kept(threading.local):
    last: tuple[tuple[Any, ...], Place] | None = None


_kept = _Kept()


@atexit.register
def _close() -> None:
    """Close what the main thread keeps while soundfile can still close it; later it would complain on the screen."""
    _kept.last = None


def take(recording: AudioSource) -> Place | None:
    """Return the recording as it was kept, or None; it is no longer kept then."""
    last, _kept.last = _kept.last, None
    return last[1] if last is not None and last[0] == _mark(recording) else None


def keep(recording: AudioSource, place: Place) -> None:
    """Keep a recording open; one that is not a file is closed."""
    mark = _mark(recording)
    if mark is None:
        place.sound.close()
    else:
        _kept.last = mark, place


def _mark(recording: AudioSource) -> tuple[Any, ...] | None:
    """Return what identifies the state of a file; a forked process shares its place in the file with the other one."""
    if recording.path is not None:
        with suppress(OSError):
            about = os.fstat(recording.file.fileno())
            return (os.getpid(), recording.path, about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
    return None
