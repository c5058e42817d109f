"""What recordings tell before they are cleaned: headers, or every sample, and which of them are the same."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from audio_ft.audio.clip import probe, read
from audio_ft.errors import AudioError
from audio_ft.file_io import file_digest
from audio_ft.system import available_cores

# FFmpeg names its demultiplexers by all they read.
CONTAINERS = {"mov,mp4,m4a,3gp,3g2,mj2": "MP4", "matroska,webm": "MATROSKA", "asf": "WMA"}
# Two recordings of one size are compared by this many bytes of their middle before all of them are read.
_PEEK = 4096
_AT_ONCE = 256
# Recordings of more samples than this (200 MB of them) are decoded one at a time: a dozen of an hour fill a machine.
_LARGE = 50_000_000
_one_large = threading.Lock()


@dataclass(frozen=True)
class Heard:
    """Hold what one recording's header tells, or why it cannot be read; `content` marks recordings of equal bytes."""

    key: str
    size: int = 0
    seconds: float = 0.0
    rate: int = 0
    channels: int = 0
    format: str = ""
    notes: tuple[str, ...] = ()
    error: str | None = None
    content: str = ""


def listen(keys: Sequence[str], audio: Any, *, decode: bool = False, name: str = "") -> Iterator[Heard]:
    """Yield what each recording tells, in order; several are in work at once, since most of the time is waiting.

    `audio` has for each key a path, a file's content, or a row whose `audio` is {bytes, path}.
    """
    from tqdm import tqdm

    def sources() -> Iterator[tuple[str, str | bytes]]:
        for place, key in enumerate(keys):
            one = audio[place]
            one = one["audio"] if isinstance(one, Mapping) else one
            if isinstance(one, Mapping):
                one = one["bytes"] if one.get("bytes") is not None else one["path"]
            yield key, one

    waiting = sources()
    bar = tqdm(total=len(keys), desc=f"reading {name}".strip(), unit=" files", delay=2, leave=False)
    # Headers are mostly waited for, samples are mostly computed.
    with bar, ThreadPoolExecutor(available_cores() * (1 if decode else 4)) as threads:
        while some := list(islice(waiting, _AT_ONCE)):
            for one in threads.map(partial(_hear, decode), *zip(*some, strict=True)):
                bar.update()
                yield one


def _hear(decode: bool, key: str, source: str | bytes) -> Heard:
    """Read one recording's header, or all of it."""
    try:
        size = len(source) if isinstance(source, bytes) else os.stat(source).st_size
        content = _middle(source, size)
    except (OSError, ValueError):
        size, content = 0, ""
    try:
        about = probe(source)
        seconds: float = about.seconds
        notes: tuple[str, ...] = ()
        if decode:
            with _one_large if about.frames * about.channels > _LARGE else nullcontext():
                clip = read(source)
                seconds, notes = clip.seconds, clip.notes
                del clip
        container = CONTAINERS.get(about.format, about.format.upper())
        return Heard(key, size, seconds, about.rate, about.channels, container, notes, None, content)
    except AudioError as error:
        return Heard(key, size, error=error.reason, content=content)


def _middle(source: str | bytes, size: int) -> str:
    """Return a digest of a recording's size and of some bytes at its middle and its end."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with open(source, "rb") as file:
        file.seek(max(0, size // 2 - _PEEK // 2))
        peek = file.read(_PEEK)
        file.seek(max(0, size - _PEEK))
        return f"{size}|{hashlib.sha256(peek + file.read(_PEEK)).hexdigest()}|{source}"


def same(heard: Iterable[Sequence[Heard]]) -> list[tuple[str, ...]]:
    """Return keys of recordings with equal bytes; those alike by size and samples are compared in whole."""
    alike: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for own in heard:
        for one in own:
            known, _, path = one.content.rpartition("|")
            if one.size:
                alike[known or path].append((one.key, path if known else ""))
    found: dict[str, list[str]] = defaultdict(list)
    for known, members in alike.items():
        for key, path in members if len(members) > 1 else ():
            found[file_digest(path) if path else known].append(key)
    return [tuple(keys) for keys in found.values() if len(keys) > 1]
