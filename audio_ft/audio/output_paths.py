"""Where a changed recording is written, so that no two collide and no source is replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from audio_ft.audio.codec.source import printable
from audio_ft.errors import InputError

if TYPE_CHECKING:
    pass


def refuse_overlap(source: Path, target: Path) -> None:
    """Refuse to write where recordings are read, or around them.

    Raises:
        InputError: one folder lies in the other, or they are the same.
    """
    read_from, write_to = source.resolve(), target.resolve()
    if write_to == read_from or read_from in write_to.parents:
        raise InputError(
            f"{target} is or lies in {source}, whose recordings must stay as they are; give a folder outside of it."
        )
    if write_to in read_from.parents and target.exists():
        raise InputError(f"{target} holds {source}; give a folder of its own.")


def names_for(keys: Iterable[str]) -> dict[str, str]:
    """Return for each key the path, with / and without suffix, under which its clean file goes.

    Folders are mirrored; "a.mp3" and "a.wav" side by side, or names that differ by case only, keep their suffixes so
    that each has a file of its own. A path that leads out of the folder (absolute, or by "..") is kept inside.
    """
    parts = {
        key: [part for part in PurePosixPath(printable(key)).parts if part not in ("/", "..", ".")] for key in keys
    }
    bare = {key: "/".join([*own[:-1], _stem(own[-1])]) for key, own in parts.items() if own}
    taken = Counter(name.casefold() for name in bare.values())
    used: Counter[str] = Counter()
    names = {}
    for key, own in parts.items():
        name = bare.get(key, "recording")
        if taken[name.casefold()] > 1:
            name = "/".join(own)
        used[name.casefold()] += 1
        again = used[name.casefold()]
        names[key] = name if again == 1 else f"{name}-{again}"
    return names


def _stem(name: str) -> str:
    from audio_ft.audio.clip import AUDIO_SUFFIXES

    stem, dot, suffix = name.rpartition(".")
    return stem if stem and f"{dot}{suffix}".lower() in AUDIO_SUFFIXES else name
