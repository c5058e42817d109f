"""Keep the recording of the last part open, in formats where a place is found by reading from the start.

An MP3 of an hour takes 130 ms to find its last minute, and 1 ms to go on from the part before. One recording is kept in
each thread; it is closed when a part of another one is read.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.audio.codec.source import AudioSource

if TYPE_CHECKING:
    import soundfile


@dataclass(frozen=True)
class _Open:
    """An open recording: which state of which file it is, in which process, and the frame that it reads next."""

    mark: tuple[Any, ...]
    sound: soundfile.SoundFile
    position: int


class _Kept(threading.local):
    last: _Open | None = None


_kept = _Kept()


def take(recording: AudioSource) -> tuple[soundfile.SoundFile, int] | None:
    """Return the recording as it was kept, with the frame that it reads next, or None; it is no longer kept then."""
    last, _kept.last = _kept.last, None
    if last is not None and last.mark == _mark(recording):
        return last.sound, last.position
    return None


def keep(recording: AudioSource, sound: soundfile.SoundFile, position: int) -> None:
    """Keep a recording open that reads frame `position` next; one that is not a file is closed."""
    mark = _mark(recording)
    if mark is None:
        sound.close()
    else:
        _kept.last = _Open(mark, sound, position)


def _mark(recording: AudioSource) -> tuple[Any, ...] | None:
    """Return what identifies the state of a file; a forked process shares its place in the file with the other one."""
    if recording.path is not None:
        with suppress(OSError):
            about = os.fstat(recording.file.fileno())
            return (os.getpid(), recording.path, about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns)
    return None
