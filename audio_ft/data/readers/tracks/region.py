"""A region of a track: what is said of a recording from one second to another, and where the file says so."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from audio_ft.errors import InputError
from audio_ft.settings.rules import shown


class Region(NamedTuple):
    """Hold what a track says of a part of a recording; times are in seconds.

    `place` says where in the file it is, for messages. `tier` names one of several tracks in a file; `recording`,
    `speaker` and `channel` are "" where the file does not state them.
    """

    start: float
    end: float
    label: str
    place: str = ""
    tier: str = ""
    recording: str = ""
    speaker: str = ""
    channel: str = ""


@dataclass(frozen=True)
class Track:
    """Hold the regions of one file, how many were left out without duration or time, and the recordings it names."""

    regions: list[Region]
    left_out: int = 0
    media: tuple[str, ...] = ()


def seconds_in(text: Any, place: str, scale: float = 1.0) -> float:
    """Return a time in a file as seconds; one unit of the file is `scale` seconds, and a decimal comma is read too.

    Raises:
        InputError: it is not a number of at least 0; the message begins with `place`.
    """
    value = math.nan
    with suppress(ValueError, TypeError, OverflowError):
        value = float(str(text).strip().replace(",", ".")) * scale
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{place}: expected a time of 0 or more, got {shown(text)}; correct it or remove it")
    return value


def track_of(path: Path, regions: list[Region], left_out: int = 0, media: tuple[str, ...] = ()) -> Track:
    """Return the track of a file; regions without a duration, which mark a moment, are left out and counted.

    Raises:
        InputError: a region ends before it starts.
    """
    for region in regions:
        if region.end < region.start:
            raise InputError(
                f"{path}, {region.place}: it ends at {region.end:g} s, before its start at {region.start:g} s; "
                "correct it or remove it"
            )
    kept = [region for region in regions if region.end > region.start]
    return Track(kept, left_out + len(regions) - len(kept), media)
