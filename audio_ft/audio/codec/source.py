"""Open a recording given as a path, bytes or a file object, or raise an error with a short stable reason."""

from __future__ import annotations

import errno
import io
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias, Union

from audio_ft.audio.codec.packed import as_wav, place_in
from audio_ft.audio.codec.sniff import HEAD_BYTES, DecoderChoice, choose_decoder, not_audio
from audio_ft.errors import AudioError, InputError

Whole: TypeAlias = Union[str, "os.PathLike[str]", bytes, BinaryIO]
Source: TypeAlias = "Whole | Part"

NO_MEMORY = "not enough memory"
_OS_REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.ELOOP: "symbolic links form a loop",
    errno.ENAMETOOLONG: "file name too long",
    errno.EISDIR: "is a folder",
}


@dataclass(frozen=True)
class Part:
    """Select a part of a recording; it is read wherever a whole recording is.

    Attributes:
        whole: path, bytes or binary file of the recording.
        start: where the part begins, in seconds.
        stop: where it ends, in seconds; None is the end of the recording.
        channel: the one channel to read, counted from 0; None reads all.

    Raises:
        InputError: a start before 0, a stop that is not after the start, or a negative channel.

    Example:
        >>> Part("talk.wav", 1.5, 2.0).within(start=0.1).start
        1.6
    """

    whole: Whole
    start: float = 0.0
    stop: float | None = None
    channel: int | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and self.start >= 0):
            raise InputError(f"expected a start of 0 s or later, got {self.start}")
        if self.stop is not None and not (math.isfinite(self.stop) and self.stop > self.start):
            raise InputError(f"expected a stop after the start at {self.start:g} s, got {self.stop}")
        if self.channel is not None and self.channel < 0:
            raise InputError(f"expected a channel of 0 or more, got {self.channel}")

    @classmethod
    def of(cls, source: Source) -> Part:
        """Return a source as a part; a whole recording is the part from its start to its end."""
        return source if isinstance(source, Part) else cls(source)

    def within(self, start: float = 0.0, stop: float | None = None, channel: int | None = None) -> Part:
        """Return a part of this part; `start` and `stop` are seconds from its own start."""
        end = self.stop if stop is None else min(self.start + stop, self.stop or math.inf)
        return Part(self.whole, self.start + start, end, self.channel if channel is None else channel)


@dataclass(frozen=True)
class AudioSource:
    """Hold an open recording: a name for messages, its path if it has one, a seekable file and the chosen decoder."""

    name: str
    path: str | None
    file: BinaryIO
    choice: DecoderChoice

    def target(self) -> str | bytes | BinaryIO:
        """Return what libsndfile opens: the path where there is one, which is faster than callbacks into Python."""
        if self.path is not None:
            # soundfile rejects str paths that are not UTF-8; Windows needs str.
            return self.path if os.name == "nt" else os.fsencode(self.path)
        self.file.seek(0)
        return self.file


@contextmanager
def open_source(source: Whole) -> Iterator[AudioSource]:
    """Open a source for reading. A file object of the caller stays open afterwards.

    Raises:
        AudioError: the file is missing, not readable, not a regular file, empty, not audio, or too long for the memory.
        InputError: the source is not a path, bytes or a binary file object.
    """
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else None
    name = getattr(source, "name", None) if path is None else path
    if path is not None and place_in(path):
        source, path = as_wav(path), None
    if not isinstance(name, str):
        name = "<bytes>" if isinstance(source, (bytes, bytearray)) else "<file object>"
    try:
        if path is not None:
            _check_regular(path, name)
        # Unbuffered: the decoders read in blocks of their own size.
        with nullcontext(_seekable(source)) if path is None else open(path, "rb", buffering=0) as opened:
            file: Any = opened
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            head = file.read(HEAD_BYTES)
            reason = not_audio(head) if head else "empty file"
            if reason is not None:
                raise AudioError(name, reason)
            yield AudioSource(name, path, file, choose_decoder(file, head, size, name))
    except OSError as error:
        raise AudioError(name, _os_reason(path, error)) from error
    except MemoryError as error:
        raise AudioError(name, NO_MEMORY) from error


def _check_regular(path: str, name: str) -> None:
    """Check the type of a file before it is opened, because opening a named pipe blocks."""
    try:
        mode = os.stat(path).st_mode
    except ValueError as error:
        raise AudioError(name, "no such file (the name contains a NUL character)") from error
    if stat.S_ISDIR(mode):
        raise AudioError(name, "is a folder")
    if stat.S_ISFIFO(mode):
        raise AudioError(name, "not a regular file (named pipe)")
    if not stat.S_ISREG(mode):
        raise AudioError(name, "not a regular file")


def _seekable(source: Any) -> BinaryIO:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _Memory(source)
    if isinstance(source, io.TextIOBase) or not hasattr(source, "read"):
        raise InputError(
            f"expected audio as a path, bytes or a file object opened with 'rb', got {type(source).__name__}"
        )
    seekable = getattr(source, "seekable", None)
    return source if seekable and seekable() else _Memory(source.read())


class _Memory(io.BytesIO):
    """A file in memory that ignores a seek to before its beginning, which a damaged header can cause.

    libsndfile seeks with a callback, in which an exception only prints a traceback.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position and return it."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _os_reason(path: str | None, error: OSError) -> str:
    if error.errno == errno.ENOENT and path is not None and os.path.islink(path):
        return "link target missing"
    return _OS_REASONS.get(error.errno or 0, f"cannot be read ({error.strerror or error})")
