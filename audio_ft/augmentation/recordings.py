"""Folders of recordings that augmentations draw from: noises, impulse responses of rooms."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from audio_ft.audio.clip import probe
from audio_ft.audio.output_paths import is_audio
from audio_ft.errors import InputError


@lru_cache(maxsize=8)
def recordings(folder: str, owner: str) -> tuple[Path, ...]:
    """Return the audio files below a folder, sorted, so that the order does not depend on the file system.

    Raises:
        InputError: there are none; `owner` is the augmentation that needs them.
    """
    paths = sorted(path for path in Path(folder).rglob("*") if is_audio(path.name))
    if not paths:
        raise InputError(f"{owner}: the folder {folder!r} has no recordings; check its path")
    return tuple(paths)


@lru_cache(maxsize=100_000)
def seconds_of(path: Path) -> float:
    """Return the duration of a recording, as its header has it."""
    return probe(path).seconds


def check_recordings(folder: str, owner: str) -> None:
    """Raise InputError for a folder without recordings, AudioError for a recording whose header is damaged."""
    for file in recordings(folder, owner):
        seconds_of(file)
