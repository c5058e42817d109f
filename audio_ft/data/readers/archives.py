"""Unpack zip and tar archives, WebDataset shards included, into the cache folder, once."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from audio_ft.cleaning.cache import cache_folder
from audio_ft.data.readers.elsewhere import is_audio
from audio_ft.errors import InputError
from audio_ft.file_io import refuse_full_disk, replacing
from audio_ft.formatting import format_size

_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# Recordings shrink by a half at most, and lists by a tenth; more than this is a bomb or a mistake.
_LARGEST_RATIO, _HARMLESS = 100, 1_000_000_000


def is_archive(path: Path) -> bool:
    """Tell whether a file has the suffix of an archive."""
    return path.name.lower().endswith(_SUFFIXES)


def archives_in(folder: Path) -> list[Path]:
    """Return the archives directly in a folder, sorted."""
    return sorted(path for path in folder.iterdir() if is_archive(path) and path.is_file())


def unpacked(archives: Sequence[Path]) -> Path:
    """Return a folder of the cache with the content of archives, each in a folder with its name if there are several.

    Raises:
        InputError: an archive is damaged or encrypted, has a path that leads out of it, or is too large unpacked.
    """
    marks = [(os.path.abspath(path), path.stat().st_size, path.stat().st_mtime_ns) for path in archives]
    folder = cache_folder() / "unpacked" / hashlib.sha256(repr(marks).encode()).hexdigest()[:32]
    if not folder.is_dir():
        with replacing(folder, make_parents=True) as place:
            for path in archives:
                _unpack(path, place if len(archives) == 1 else place / path.name.split(".")[0])
    # Most archives have everything in a folder with their own name.
    while len(archives) == 1 and len(inner := list(folder.iterdir())) == 1 and _holds_more(inner[0]):
        folder = inner[0]
    return folder


def _holds_more(folder: Path) -> bool:
    """Tell whether a folder is more than one class of recordings: it has folders or lists in it."""
    return folder.is_dir() and any(path.is_dir() or not is_audio(path.name) for path in folder.iterdir())


def _unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        total = 0
        largest = max(_HARMLESS, _LARGEST_RATIO * archive.stat().st_size)
        for _, size, _, _ in _members(archive, content=False):
            total += size
            if total > largest:
                raise InputError(
                    f"{archive}: it is {format_size(archive.stat().st_size)} and over {format_size(largest)} unpacked, "
                    "more than recordings can be; unpack it yourself if you trust it"
                )
        refuse_full_disk(folder, total, f"Unpacking {archive.name}", "free some or set AUDIO_FT_CACHE to a larger disk")
        for name, _, changed, stream in _members(archive, content=True):
            target = folder / _safe(name, archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(stream, file)
            os.utime(target, (changed, changed))
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{archive}: cannot be unpacked ({error}); unpack it yourself, or get it again") from error


def _members(archive: Path, *, content: bool) -> Iterator[tuple[str, int, float, IO[bytes]]]:
    """Yield name, size, time and, if wanted, content of each regular file; hidden ones and links are left out."""
    nothing: IO[bytes] = open(os.devnull, "rb")  # noqa: SIM115
    with nothing, _opened(archive) as opened:
        if isinstance(opened, zipfile.ZipFile):
            for info in opened.infolist():
                if not info.is_dir() and not _hidden(info.filename):
                    changed = _seconds(info.date_time)
                    if content:
                        with opened.open(info) as stream:
                            yield info.filename, info.file_size, changed, stream
                    else:
                        yield info.filename, info.file_size, changed, nothing
            return
        for member in opened:
            if member.isreg() and not _hidden(member.name):
                stream = (opened.extractfile(member) if content else None) or nothing
                yield member.name, member.size, member.mtime, stream


@contextmanager
def _opened(archive: Path) -> Iterator[zipfile.ZipFile | tarfile.TarFile]:
    """Open an archive by its suffix."""
    if archive.suffix.lower() == ".zip":
        with zipfile.ZipFile(archive) as opened:
            yield opened
    else:
        with tarfile.open(archive) as tar:
            yield tar


def _hidden(name: str) -> bool:
    """Tell whether a file is hidden, such as the resource forks of macOS."""
    return any(step.startswith((".", "__MACOSX")) and step not in (".", "..") for step in name.split("/"))


def _safe(name: str, archive: Path) -> str:
    """Return the path of a member, which must not lead out of the folder."""
    steps = [step for step in name.replace("\\", "/").split("/") if step not in ("", ".")]
    if ".." in steps or name.startswith(("/", "\\")) or ":" in (steps or [":"])[0]:
        raise InputError(f"{archive}: {name!r} leads out of the archive, so it is not unpacked; pack it again")
    return "/".join(steps)


def _seconds(moment: tuple[int, int, int, int, int, int]) -> float:
    """Return a time of a zip archive, which has no time zone, in seconds."""
    import calendar

    return float(calendar.timegm((*moment, 0, 0, 0)))
