"""NIST's lists of times: RTTM (who speaks when), CTM (the time of each word) and STM (transcribed segments)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from audio_ft.data.readers.text_files import read_text
from audio_ft.data.readers.tracks.region import Region, Track, seconds_in, track_of
from audio_ft.errors import InputError

_GAP = "<NA>"
# Columns of RTTM: type, recording, channel, start, duration, text, subtype, name …
_RTTM, _CTM, _STM = 8, 5, 5


def read_rttm(path: Path) -> Track:
    """Read an RTTM; its types are tiers, and a region is labeled by its speaker, word or subtype.

    Raises:
        InputError: a line has too few cells, or a time that is none.
    """
    regions = []
    for place, cells in _lines(path, _RTTM, "type, recording, channel, start, duration, text, subtype and name"):
        kind, recording, channel, start, seconds, text, subtype, name = cells[:_RTTM]
        if start == _GAP:  # what is known of a speaker has no time
            continue
        begin = seconds_in(start, f"{path}, {place}")
        end = begin + (0.0 if seconds == _GAP else seconds_in(seconds, f"{path}, {place}"))
        known = (name, text, subtype) if kind == "SPEAKER" else (text, subtype, name)
        label = next((cell for cell in known if cell != _GAP), "")
        speaker = "" if name == _GAP else name
        regions.append(Region(begin, end, label, place, kind, recording, speaker, channel))
    return track_of(path, regions)


def read_ctm(path: Path) -> Track:
    """Read a CTM: recording, channel, start, duration, word and, if given, confidence.

    Raises:
        InputError: a line has too few cells, or a time that is none.
    """
    regions = []
    for place, (recording, channel, start, seconds, word, *_) in _lines(
        path, _CTM, "recording, channel, start, duration and word"
    ):
        begin = seconds_in(start, f"{path}, {place}")
        end = begin + seconds_in(seconds, f"{path}, {place}")
        regions.append(Region(begin, end, word, place, "", recording, "", channel))
    return track_of(path, regions)


def read_stm(path: Path) -> Track:
    """Read an STM: recording, channel, speaker, start, end, labels in angle brackets if any, and transcript.

    Raises:
        InputError: a line has too few cells, or a time that is none.
    """
    regions = []
    for place, (recording, channel, speaker, *times) in _lines(
        path, _STM, "recording, channel, speaker, start, end and transcript"
    ):
        start, end = (seconds_in(cell, f"{path}, {place}") for cell in times[:2])
        words = times[2:]
        if words and words[0].startswith("<") and words[0].endswith(">"):
            words = words[1:]
        regions.append(Region(start, end, " ".join(words), place, "", recording, speaker, channel))
    return track_of(path, regions)


def _lines(path: Path, least: int, columns: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the cells of each line; those that begin with ;; are comments."""
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        cells = line.split()
        if not cells or line.startswith(";;"):
            continue
        if len(cells) < least:
            raise InputError(f"{path}, line {number:,}: expected {columns}, got {len(cells)} cells; correct the line")
        yield f"line {number:,}", cells
