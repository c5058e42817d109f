"""Write transcripts as subtitles: SRT, and WebVTT (https://www.w3.org/TR/webvtt1/).

Not pysubs2: it drops text in braces, leaves & and < unescaped in WebVTT, and cuts times off at 100 hours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from audio_ft.formatting import UNSEEN

# The limits of most style guides for subtitles.
LINE_WIDTH = 42
LINES = 2
# Shortest duration of a cue: a model may give the only word of a piece no duration.
SHOWN_MS = 700
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True)
class Cue:
    """Hold the lines on the screen from `start` to `end`, in milliseconds."""

    start: int
    end: int
    lines: tuple[str, ...]


def srt(segments: Sequence[Mapping[str, Any]]) -> str:
    """Return segments {"start", "end", "text"} (seconds) as SubRip.

    A segment that is too long for one cue is split, at the times of its "words" where it has any. The format has no
    escapes: an arrow, which players would read as a line of times, becomes →.
    """
    blocks = [f"{_times(cue, ',')}\n" + "\n".join(cue.lines).replace("-->", "→") for cue in cues(segments)]
    return "".join(f"{number}\n{block}\n\n" for number, block in enumerate(blocks, 1))


def vtt(segments: Sequence[Mapping[str, Any]]) -> str:
    """Return segments as WebVTT; see `srt`."""
    blocks = [f"{_times(cue, '.')}\n" + "\n".join(cue.lines).translate(_VTT_ESCAPES) for cue in cues(segments)]
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def cues(segments: Sequence[Mapping[str, Any]]) -> list[Cue]:
    """Return cues of at most two lines of 42 characters, one after another, none without text or duration.

    A cue shorter than 0.7 s is extended to 0.7 s or to the start of the next one.
    """
    found: list[Cue] = []
    end_before = 0
    for segment in sorted(segments, key=lambda segment: float(segment["start"])):
        for begin, end, lines in _timed(segment):
            start = max(end_before, round(1000 * begin))
            end_before = max(start + 1, round(1000 * end))
            found.append(Cue(start, end_before, lines))
    for place, cue in enumerate(found):
        until = min([cue.start + SHOWN_MS, *(following.start for following in found[place + 1 : place + 2])])
        found[place] = replace(cue, end=max(cue.end, until))
    return found


def _timed(segment: Mapping[str, Any]) -> Iterator[tuple[float, float, tuple[str, ...]]]:
    """Yield (start, end, lines) for each cue that a segment needs, in seconds."""
    text = _plain(segment["text"])
    lines = _balanced(text)
    positions, times = _anchors(segment, text)
    for first in range(0, len(lines), LINES):
        shown = lines[first : first + LINES]
        begin, end = np.interp([shown[0][0], shown[-1][1]], positions, times)
        yield float(begin), float(end), tuple(text[start:stop] for start, stop in shown)


def _plain(text: str) -> str:
    """Return text on one line, without characters that are not visible."""
    return " ".join(UNSEEN.sub("", " ".join(text.split())).split())


def _anchors(segment: Mapping[str, Any], text: str) -> tuple[list[int], list[float]]:
    """Return positions in the text and their times in seconds; times between them are interpolated."""
    start, end = float(segment["start"]), float(segment["end"])
    positions, times = [0], [start]
    for word in segment.get("words") or ():
        spoken = _plain(word["text"])
        position = text.find(spoken, positions[-1])
        if spoken and position >= 0:
            positions += [position, position + len(spoken)]
            times += [float(word["start"]), float(word["end"])]
    times = list(np.maximum.accumulate([*times, end]))
    return [*positions, len(text)], times


def _balanced(text: str) -> list[tuple[int, int]]:
    """Return the lines of a text as (start, stop): as few and as even as possible."""
    lines = _wrapped(text, LINE_WIDTH)
    for width in range(max(2, _width(text) // max(1, len(lines))), LINE_WIDTH):
        even = _wrapped(text, width)
        if len(even) == len(lines):
            return even
    return lines


def _wrapped(text: str, width: int) -> list[tuple[int, int]]:
    """Return the lines of a text as (start, stop), broken at spaces, and inside words that are longer than a line."""
    ends = np.cumsum([_width(sign) for sign in text])
    lines: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        # Combining marks have no width and stay with their character.
        stop = int(np.searchsorted(ends, width + (ends[start - 1] if start else 0), side="right"))
        if stop < len(text) and text[stop] != " ":
            space = text.rfind(" ", start, stop)
            stop = space if space > start else stop
        lines.append((start, stop))
        start = stop + 1 if text[stop : stop + 1] == " " else stop
    return lines


def _width(text: str) -> int:
    """Return the columns of a text: two for Chinese and Japanese characters, none for combining marks."""
    return sum(0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF") for sign in text)


def _times(cue: Cue, point: str) -> str:
    """Return the line "00:00:01,000 --> 00:00:02,500"."""
    marks = (divmod(milliseconds, 1000) for milliseconds in (cue.start, cue.end))
    return " --> ".join(f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}{point}{rest:03d}" for s, rest in marks)
