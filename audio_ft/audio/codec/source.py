"""Open whatever a recording comes in (path, bytes, file object), or say in one stable reason why not."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias, cast

from audio_ft.audio.codec.sniff import HEAD_BYTES, Verdict, judge, not_audio
from audio_ft.errors import AudioError, InputError

Source: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO"

_OS_REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "no such file",
    errno.ENOTDIR: "no such file",
    errno.ELOOP: "symbolic links in a circle",
    errno.ENAMETOOLONG: "file name too long",
    errno.EISDIR: "is a folder",
}


@dataclass(frozen=True)
class Opened:
    """Hold an open source: a printable name, the path if it has one, a seekable file and the verdict on its content."""

    name: str
    path: str | None
    file: BinaryIO
    verdict: Verdict

    def target(self) -> str | bytes | BinaryIO:
        """Return what libsndfile opens: the path where there is one, which spares it calls back into Python."""
        if self.path is not None:
            # soundfile encodes names strictly and so refuses those that are no UTF-8; only Windows wants text.
            return self.path if os.name == "nt" else os.fsencode(self.path)
        self.file.seek(0)
        return self.file


@contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """Open a source for reading; a path's file is closed again, a caller's file object is left open.

    Raises:
        AudioError: not there, not allowed, not a regular file, empty, by content not audio, or failing while read.
        InputError: something else than a path, bytes or a binary file object.
    """
    if isinstance(source, (str, os.PathLike)):
        path = os.fspath(source)
        name = printable(path)
        try:
            size = _regular_size(path, name)
            # Unbuffered: the head is one read, and then the decoders read in their own blocks.
            with open(path, "rb", buffering=0) as raw:
                regular = cast(BinaryIO, raw)
                yield _judged(name, path, regular, size)
        except OSError as error:
            raise AudioError(name, _os_reason(path, error)) from error
        return
    file = _seekable(source)
    name = printable(getattr(file, "name", None)) if not isinstance(source, (bytes, bytearray)) else "<bytes>"
    try:
        yield _judged(name, None, file, file.seek(0, os.SEEK_END))
    except OSError as error:
        raise AudioError(name, _os_reason(None, error)) from error


def printable(name: object) -> str:
    """Return a name that can be printed and saved: bytes that are no UTF-8 are spelled out."""
    if not isinstance(name, str):
        return "<file object>"
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")


def _judged(name: str, path: str | None, file: BinaryIO, size: int) -> Opened:
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if not head:
        raise AudioError(name, "empty file")
    reason = not_audio(head)
    if reason is not None:
        raise AudioError(name, reason)
    return Opened(name, path, file, judge(file, head, size, name))


def _regular_size(path: str, name: str) -> int:
    """Return a file's size, looking before opening: opening a named pipe waits for ever."""
    try:
        status = os.stat(path)
    except ValueError as error:
        raise AudioError(name, "no such file (the name holds a NUL)") from error
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
            f"expected audio as a path, bytes or a file object opened with 'rb', got {type(source).__name__}"
        )
    seekable = getattr(source, "seekable", None)
    if seekable is None or not seekable():
        return _Memory(source.read())
    return source


class _Memory(io.BytesIO):
    """A file's content that stays where it is when a damaged header leads before its beginning.

    libsndfile seeks by a callback, in which an error prints a traceback and changes nothing.
    """

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a place and return it."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


def _os_reason(path: str | None, error: OSError) -> str:
    if error.errno == errno.ENOENT and path is not None and os.path.islink(path):
        return "link target missing"
    return _OS_REASONS.get(error.errno or 0, f"cannot be read ({error.strerror or error})")
