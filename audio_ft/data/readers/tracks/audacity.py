"""Audacity's label tracks: start, end and label with tabs between them, in seconds."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from audio_ft.data.readers.text_files import read_text
from audio_ft.data.readers.tracks.region import Region, Track, seconds_in, track_of
from audio_ft.errors import InputError

_NUMBER = r"\d+(?:[.,]\d*)?"
_FIRST = re.compile(rf"{_NUMBER}\t{_NUMBER}(?:\t.*)?")
# The second line of a label with a band of frequencies begins so.
_BAND = "\\"


def is_label_track(path: Path) -> bool:
    """Tell whether the first line of a text file is that of a label track."""
    with suppress(InputError):
        return begins_track(read_text(path))
    return False


def begins_track(text: str) -> bool:
    """Tell whether the first line of a text is that of a label track."""
    return bool(_FIRST.fullmatch(next(filter(None, map(str.strip, text.split("\n"))), "")))


def read_audacity(path: Path) -> Track:
    """Read a label track; the lines of frequencies are skipped, and labels of a moment left out.

    Raises:
        InputError: a line is not start, end and label.
    """
    regions = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip() or line.startswith(_BAND):
            continue
        cells = line.rstrip("\r").split("\t", 2)
        place = f"line {number:,}"
        if len(cells) < 2:
            raise InputError(f"{path}, {place}: expected start, end and label with tabs between them; correct the line")
        start, end = (seconds_in(cell, f"{path}, {place}") for cell in cells[:2])
        regions.append(Region(start, end, cells[2].strip() if len(cells) > 2 else "", place))
    return track_of(path, regions)
