"""Probe recordings: duration, rate and format from their headers, and which of them are equal."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from audio_ft.audio.clip import probe
from audio_ft.audio.codec.source import Part
from audio_ft.data.readers.tree import file_at
from audio_ft.data.rows import Rows
from audio_ft.errors import AudioError
from audio_ft.file_io import file_digest
from audio_ft.formatting import escaped
from audio_ft.parallel import progress_bar
from audio_ft.system.machine import available_cores

# FFmpeg names its demultiplexers by all formats that they read.
CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "MP4", "matroska,webm": "MATROSKA", "asf": "WMA"}
# Files of one size are compared by this many bytes of their middle and end before they are read completely.
_SAMPLED_BYTES = 4096
_BATCH = 256


@dataclass(frozen=True)
class Probed:
    """Hold the facts of one recording, or why it cannot be read; equal `content` suggests equal bytes.

    `path` is "" for one that is stored in a table, whose `content` is a digest of all bytes; `part` says which part of
    its recording it is, if any.
    """

    key: str
    size: int = 0
    seconds: float = 0.0
    rate: int = 0
    channels: int = 0
    format: str = ""
    error: str | None = None
    content: str = ""
    path: str = ""
    part: str = ""


def probe_all(rows: Rows, *, name: str = "") -> Iterator[Probed]:
    """Yield the facts of each recording, in order, from its header."""
    waiting = ((key, recording.content()) for key, recording in zip(rows.keys, rows.recordings, strict=True))
    bar = progress_bar(total=len(rows), desc=escaped(f"reading {name}".strip()), unit=" files")
    # Reading headers mostly waits for the disk.
    with bar, ThreadPoolExecutor(available_cores() * 4) as threads:
        while batch := list(islice(waiting, _BATCH)):
            for probed in threads.map(_probe, *zip(*batch, strict=True)):
                bar.update()
                yield probed


def _probe(key: str, source: str | bytes | Part) -> Probed:
    """Read the header of one recording or part."""
    whole: Any = Part.of(source).whole
    path = whole if isinstance(whole, str) else ""
    part = f"{source.start} {source.stop} {source.channel}" if isinstance(source, Part) else ""
    try:
        size = file_at(path).size if path else len(whole)
        # What is no regular file has a size of -1, and opening a named pipe would wait for ever.
        if size >= 0:
            content = f"{_sampled(whole, size)} {part}"
            found = Probed(key, size, content=content, path=path, part=part)
        else:
            found = Probed(key)
    except (OSError, ValueError):
        found = Probed(key)
    try:
        about = probe(source)
        found = replace(found, seconds=about.seconds, rate=about.rate, channels=about.channels,
                        format=CONTAINERS.get(about.format, about.format.upper()))  # fmt: skip
    except AudioError as error:
        return replace(found, error=error.reason)
    return found


def _sampled(source: str | bytes, size: int) -> str:
    """Return a digest of bytes, or of a file's size, middle and end."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with open(source, "rb") as file:
        file.seek(max(0, size // 2 - _SAMPLED_BYTES // 2))
        middle = file.read(_SAMPLED_BYTES)
        file.seek(max(0, size - _SAMPLED_BYTES))
        return f"{size} {hashlib.sha256(middle + file.read(_SAMPLED_BYTES)).hexdigest()}"


def duplicates(recordings: Iterable[Probed]) -> list[tuple[str, ...]]:
    """Return the keys of recordings with equal bytes; files of equal size and sampled bytes are read completely."""
    alike: dict[str, list[Probed]] = defaultdict(list)
    for probed in recordings:
        if probed.size:
            alike[probed.content].append(probed)
    equal: dict[str, list[str]] = defaultdict(list)
    for members in alike.values():
        for probed in members if len(members) > 1 else ():
            with suppress(OSError):  # it was there when it was probed
                content = f"{file_digest(probed.path)} {probed.part}" if probed.path else probed.content
                equal[content].append(probed.key)
    return [tuple(keys) for keys in equal.values() if len(keys) > 1]
