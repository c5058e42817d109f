"""Open a recording given as a path, bytes or a file object, or raise an error with a short stable reason."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias, cast

from audio_ft.audio.codec.sniff import HEAD_BYTES, DecoderChoice, choose_decoder, not_audio
from audio_ft.errors import AudioError, InputError

Source: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO"

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
class AudioSource:
    """Hold an open recording: a printable name, its path if it has one, a seekable file and the chosen decoder."""

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
def open_source(source: Source) -> Iterator[AudioSource]:
    """Open a source for reading. A file object of the caller stays open afterwards.

    Raises:
        AudioError: the file is missing, not readable, not a regular file, empty, or not audio.
        InputError: the source is not a path, bytes or a binary file object.
    """
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        name = printable(path)
        try:
            size = _regular_size(path, name)
            # Unbuffered: the decoders read in blocks of their own size.
            with open(path, "rb", buffering=0) as raw:
                regular = cast(BinaryIO, raw)
                yield _with_choice(name, path, regular, size)
        except OSError as error:
            raise AudioError(name, _os_reason(path, error)) from error
        return
    file = _seekable(source)
    name = printable(getattr(file, "name", None)) if not isinstance(source, (bytes, bytearray)) else "<bytes>"
    try:
        yield _with_choice(name, None, file, file.seek(0, os.SEEK_END))
    except OSError as error:
        raise AudioError(name, _os_reason(None, error)) from error


def printable(name: object) -> str:
    """Return a name that can be printed and saved: bytes that are not UTF-8 are escaped."""
    if not isinstance(name, str):
        return "<file object>"
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")


def _with_choice(name: str, path: str | None, file: BinaryIO, size: int) -> AudioSource:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        raise AudioError(name, "empty file")
    reason = not_audio(head)
    if reason is not None:
        raise AudioError(name, reason)
    return AudioSource(name, path, file, choose_decoder(file, head, size, name))


def _regular_size(path: str, name: str) -> int:
    """Return a file's size; check its type before it is opened, because opening a named pipe blocks."""
    try:
        status = os.stat(path)
    except ValueError as error:
        raise AudioError(name, "no such file (the name contains a NUL character)") from error
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(name, "is a folder")
    if stat.S_ISFIFO(status.st_mode):
        raise AudioError(name, "not a regular file (named pipe)")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(name, "not a regular file")
    return status.st_size


def _seekable(source: bytes | BinaryIO) -> BinaryIO:
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _Memory(source)
    if isinstance(source, io.TextIOBase) or not hasattr(source, "read"):
        raise InputError(
            f"expected audio as a path, bytes or a file object open_source with 'rb', got {type(source).__name__}"
        )
    seekable = getattr(source, "seekable", None)
    if seekable is None or not seekable():
        return _Memory(source.read())
    return source


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
