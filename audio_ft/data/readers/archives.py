"""Unpack zip and tar archives, WebDataset shards included, into the cache folder, once."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from audio_ft.audio.output_paths import is_audio
from audio_ft.cleaning.cache import cache_folder
from audio_ft.errors import InputError
from audio_ft.file_io import refuse_full_disk, replacing
from audio_ft.formatting import counted, format_size

_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_RANGE = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")
_FIELD = re.compile(r"(?P<stem>.+)(?P<suffix>\.(?:wav|flac|mp3|ogg|opus|m4a))\.(?P<field>data|label|cls)", re.DOTALL)
# Recordings shrink by a half at most, and lists by a tenth; more than this is a bomb or a mistake.
_LARGEST_RATIO, _HARMLESS = 100, 1_000_000_000


def is_archive(path: Path) -> bool:
    """Tell whether a file has the suffix of an archive."""
    return path.name.lower().endswith(_SUFFIXES)


def archives_in(folder: Path) -> list[Path]:
    """Return the archives in a folder, sorted; where there are none, those in its folders, such as train/000.tar."""
    for pattern in ("*", "*/*"):
        found = sorted(path for path in folder.glob(pattern) if is_archive(path) and path.is_file())
        if found:
            return found
    return []


def shards(pattern: str) -> list[Path]:
    """Return the archives that a name with {000..012} or * means, as WebDataset writes it.

    Raises:
        InputError: one of the numbers is missing, or there is no such archive.
    """
    names = [pattern]
    while match := _RANGE.search(names[0]):
        low, high = match.groups()
        middle = [f"{number:0{len(low)}d}" for number in range(int(low), int(high) + 1)]
        names = [f"{name[: match.start()]}{number}{name[match.end() :]}" for name in names for number in middle]
    found = [Path(path) for name in names for path in sorted(glob.glob(os.path.expanduser(name)) if "*" in name
                                                             else [os.path.expanduser(name)])]  # fmt: skip
    missing = [str(path) for path in found if not path.is_file()]
    if missing or not found:
        raise InputError(f"{pattern}: {counted(len(missing), 'archive')} of {len(found):,} missing"
                         f"{f' (first: {missing[0]})' if missing else ''}; correct the pattern")  # fmt: skip
    return found


def means_shards(name: str) -> bool:
    """Tell whether a name that is no file means several archives."""
    return is_archive(Path(name)) and bool(_RANGE.search(name) or "*" in name)


def unpacked(archives: Sequence[Path]) -> Path:
    """Return a folder of the cache with the content of archives, each in a folder with its name if there are several.

    Raises:
        InputError: an archive is damaged or encrypted, has a path that leads out of it, or is too large unpacked.
    """
    marks = [(os.path.abspath(path), path.stat().st_size, path.stat().st_mtime_ns) for path in archives]
    folder = cache_folder() / "unpacked" / hashlib.sha256(repr(marks).encode()).hexdigest()[:32]
    if not folder.is_dir():
        around = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in archives])
        with replacing(folder, make_parents=True) as place:
            for path in archives:
                own = Path(os.path.relpath(os.path.abspath(path), around))
                _unpack(path, place if len(archives) == 1 else place / own.parent / own.name.split(".")[0])
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
            target = folder / _safe(_renamed(name), archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                shutil.copyfileobj(stream, file)
            os.utime(target, (changed, changed))
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise InputError(f"{archive}: cannot be unpacked ({error}); unpack it yourself, or get it again") from error


def _renamed(name: str) -> str:
    """Return the name of a member as it is outside of WebDataset, where a field may be called wav.data or wav.label."""
    match = _FIELD.fullmatch(name)
    return f"{match['stem']}{match['suffix'] if match['field'] == 'data' else '.cls'}" if match else name


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
