"""Transcripts as subtitles: SRT as players read it, and WebVTT (https://www.w3.org/TR/webvtt1/).

Not pysubs2: it drops text in braces, leaves & and < unescaped in WebVTT, and cuts times off at 100 hours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# What most style guides for subtitles allow: two lines, each read at a glance.
LINE_WIDTH = 42
LINES = 2
# Time to read a word; a model may place the only word of a piece at a single instant.
SHOWN_MS = 700
_UNSEEN = ("Cc", "Cs")
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True)
class Cue:
    """Hold what stands on the screen from `start` to `end`, in milliseconds."""

    start: int
    end: int
    lines: tuple[str, ...]


def srt(segments: Sequence[Mapping[str, Any]]) -> str:
    """Return segments {"start", "end", "text"} (seconds) as SubRip.

    A segment that is too long to be shown at once is split, at the times of its "words" where it has any. The format
    has no escapes: an arrow, which players take for a line of times, is written as →.
    """
    blocks = [
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n" + "\n".join(cue.lines).replace("-->", "→")
        for number, cue in enumerate(cues(segments), 1)
    ]
    return "".join(f"{block}\n\n" for block in blocks)


def vtt(segments: Sequence[Mapping[str, Any]]) -> str:
    """Return segments as `srt` does, in the format of the web."""
    blocks = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n" + "\n".join(cue.lines).translate(_VTT_ESCAPES)
        for cue in cues(segments)
    ]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def cues(segments: Sequence[Mapping[str, Any]]) -> list[Cue]:
    """Return cues of at most two lines of 42 characters, one after another, none without text or duration.

    A cue that is shorter than 0.7 s stays on until then, or until the next one comes.
    """
    found: list[Cue] = []
    free = 0
    for segment in sorted(segments, key=lambda segment: float(segment["start"])):
        for begin, end, lines in _timed(segment):
            start = max(free, round(1000 * begin))
            free = max(start + 1, round(1000 * end))
            found.append(Cue(start, free, lines))
    return [_readable(cue, found[place + 1 : place + 2]) for place, cue in enumerate(found)]


def _readable(cue: Cue, following: Sequence[Cue]) -> Cue:
    """Return a cue that stays on for at least 0.7 s where the next one leaves it that."""
    until = min([cue.start + SHOWN_MS, *(other.start for other in following)])
    return Cue(cue.start, max(cue.end, until), cue.lines)


def _timed(segment: Mapping[str, Any]) -> Iterator[tuple[float, float, tuple[str, ...]]]:
    """Yield (start, end, lines) for each cue that a segment needs, in seconds."""
    text = _plain(segment["text"])
    lines = _balanced(text)
    places, times = _anchors(segment, text)
    for first in range(0, len(lines), LINES):
        shown = lines[first : first + LINES]
        begin, end = np.interp([shown[0][0], shown[-1][1]], places, times)
        yield float(begin), float(end), tuple(text[start:stop] for start, stop in shown)


def _plain(text: str) -> str:
    """Return text on one line, without control characters and halves of characters, which no file can hold."""
    seen = "".join(sign for sign in " ".join(text.split()) if unicodedata.category(sign) not in _UNSEEN)
    return " ".join(seen.split())


def _anchors(segment: Mapping[str, Any], text: str) -> tuple[list[int], list[float]]:
    """Return places in the text and the seconds at which they are said; in between, time runs with the characters."""
    start, end = float(segment["start"]), float(segment["end"])
    places, times = [0], [start]
    for word in segment.get("words") or ():
        said = _plain(word["text"])
        place = text.find(said, places[-1])
        if said and place >= 0:
            places += [place, place + len(said)]
            times += [float(word["start"]), float(word["end"])]
    times = list(np.maximum.accumulate([*times, end]))
    return [*places, len(text)], times


def _balanced(text: str) -> list[tuple[int, int]]:
    """Return the lines of a text as (start, stop): the fewest that fit, as even as they can be."""
    lines = _wrapped(text, LINE_WIDTH)
    for width in range(max(2, _width(text) // max(1, len(lines))), LINE_WIDTH):
        even = _wrapped(text, width)
        if len(even) == len(lines):
            return even
    return lines


def _wrapped(text: str, width: int) -> list[tuple[int, int]]:
    """Return the lines of a text as (start, stop), broken at spaces, and inside words that are longer than a line."""
    lines: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        stop = start + _fitting(text[start:], width)
        if stop < len(text) and text[stop] != " ":
            space = text.rfind(" ", start, stop)
            stop = space if space > start else stop
        lines.append((start, stop))
        start = stop + 1 if text[stop : stop + 1] == " " else stop
    return lines


def _fitting(text: str, width: int) -> int:
    """Return how many characters fit in a line; a character and the marks upon it stay together."""
    taken = 0
    for place, sign in enumerate(text):
        taken += _width(sign)
        if taken > width:
            return place
    return len(text)


def _width(text: str) -> int:
    """Return how many columns a text takes: Chinese and Japanese signs two, marks upon letters none."""
    return sum(0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{point}{rest:03d}"
