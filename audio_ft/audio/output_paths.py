"""Paths of recordings: which are audio by their suffix, and where written ones go so that none replaces another."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from audio_ft.audio.clip import AUDIO_SUFFIXES
from audio_ft.errors import InputError

# Bytes of a name: room for ".jsonl" or "-2.json" below the 255 of most file systems.
_LONGEST = 240


def is_audio(path: str) -> bool:
    """Tell whether a path has the suffix of an audio format."""
    return os.path.splitext(path)[1].lower() in AUDIO_SUFFIXES


def bare(path: str) -> str:
    """Return a path without the suffix of an audio format; other dots belong to the name."""
    return os.path.splitext(path)[0] if is_audio(path) else path


def check_no_overlap(source: Path, target: Path) -> None:
    """Check that the folder to write to and the one to read from do not contain each other.

    Raises:
        InputError: one folder lies in the other, or they are the same.
    """
    read_from, write_to = source.resolve(), target.resolve()
    if write_to == read_from or read_from in write_to.parents:
        raise InputError(
            f"The output folder {target} lies in {source}, the folder of the recordings; choose a folder outside it."
        )
    if write_to in read_from.parents and target.exists():
        raise InputError(f"The output folder {target} contains {source}; choose another folder.")


def output_names(keys: Iterable[str]) -> dict[str, str]:
    """Return {key: path of its output file}, with / as separator and without suffix.

    Folders are mirrored. "a.mp3" and "a.wav" in one folder, or names that differ only by case, keep their suffixes.
    Absolute paths and ".." stay inside the output folder. A name that would be too long with another suffix is cut, and
    a digest of it added.

    Example:
        >>> output_names(["a.wav", "b/c.mp3", "b/c.wav"])
        {'a.wav': 'a', 'b/c.mp3': 'b/c.mp3', 'b/c.wav': 'b/c.wav'}
    """
    parts = {
        key: [_fitting(part) for part in PurePosixPath(_in_utf8(key)).parts if part not in ("/", "..", ".")]
        or ["recording"]
        for key in keys
    }
    short = {key: "/".join([*path[:-1], bare(path[-1])]) for key, path in parts.items()}
    taken = Counter(name.casefold() for name in short.values())
    used = set[str]()
    names = {}
    for key, path in parts.items():
        first = name = "/".join(path) if taken[short[key].casefold()] > 1 else short[key]
        numbers = itertools.count(2)
        while name.casefold() in used:
            name = f"{first}-{next(numbers)}"
        used.add(name.casefold())
        names[key] = name
    return names


def _in_utf8(key: str) -> str:
    """Return a name that lists can hold: bytes that are not UTF-8 are escaped."""
    return key.encode("utf-8", "backslashreplace").decode("utf-8")


def _fitting(part: str) -> str:
    """Return a name of a file or folder that stays within the 255 bytes of file systems with a longer suffix."""
    content = part.encode("utf-8")
    if len(content) <= _LONGEST:
        return part
    digest = hashlib.sha256(content).hexdigest()[:12]
    stem, suffix = content, b""
    if (found := bare(part)) != part:
        stem, suffix = found.encode("utf-8"), part[len(found) :].encode("utf-8")
    kept = stem[: _LONGEST - len(suffix) - len(digest) - 1].decode("utf-8", "ignore")
    return f"{kept}-{digest}{suffix.decode('utf-8')}"
