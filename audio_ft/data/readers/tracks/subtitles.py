"""Subtitles, .srt and .vtt: each cue is a part with its text, without tags; <v Name> in a .vtt is its speaker.

Not by a library: those tried join the names of cues and comments of a .vtt to the text before them, and skip what they
cannot read.
"""

from __future__ import annotations

import html
import re
from pathlib import Path

from audio_ft.data.readers.text_files import read_text
from audio_ft.data.readers.tracks.region import Region, Track, track_of
from audio_ft.errors import InputError
from audio_ft.settings.rules import shown

_ARROW = "-->"
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2}(?:[.,]\d{1,9})?)"
_CUE = re.compile(rf"\s*{_TIME}\s*{_ARROW}\s*{_TIME}(?:\s.*)?")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]*)>")
# HTML tags, times inside a cue (karaoke), and the braces of .ass that some programs leave in a .srt.
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|<[\d:.]+>|\{\\[^}]*\}")
# What a .vtt has between cues, each up to a blank line.
_BLOCKS = re.compile(r"NOTE(\s|$)|STYLE\s*$|REGION\s*$")


def read_subtitles(path: Path) -> Track:
    """Read the cues of a .srt or .vtt.

    Raises:
        InputError: a line of times is damaged, or there is no cue.
    """
    lines = read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = [number for number, line in enumerate(lines) if _ARROW in line and not _comment(lines, number)]
    if not starts:
        raise InputError(f"{path}: expected subtitles with lines such as 00:00:01.000 --> 00:00:02.500, got none")
    webvtt = path.suffix.lower() == ".vtt"
    regions = []
    for at, after in zip(starts, [*starts[1:], None], strict=True):
        match = _CUE.fullmatch(lines[at])
        if not match:
            raise InputError(f"{path}, line {at + 1:,}: expected 00:00:01.000 --> 00:00:02.500, got "
                             f"{shown(lines[at].strip())}; correct it or remove the cue")  # fmt: skip
        begin, end = (int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
                      for hours, minutes, seconds in (match.groups()[:3], match.groups()[3:]))  # fmt: skip
        body = _body(lines[at + 1 : after], last=after is None, webvtt=webvtt)
        voices = list(dict.fromkeys(name.strip() for name in _VOICE.findall(body)))
        text = " ".join(html.unescape(_TAG.sub("", body)).split())
        regions.append(Region(begin, end, text, f"line {at + 1:,}", speaker=voices[0] if len(voices) == 1 else ""))
    return track_of(path, regions)


def _comment(lines: list[str], number: int) -> bool:
    """Tell whether a line is in a NOTE, which begins after a blank line."""
    while number and lines[number - 1].strip():
        number -= 1
    return bool(_BLOCKS.match(lines[number]))


def _body(lines: list[str], *, last: bool, webvtt: bool) -> str:
    """Return the text of a cue, given all lines up to the next cue's times."""
    if webvtt:  # a cue ends at a blank line, and the name of the next one or a comment may follow
        blank = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
        return "\n".join(lines[:blank])
    # In a .srt a blank line may be part of the text; the number of the next cue is before its times.
    while not last and lines and not lines[-1].strip():
        lines = lines[:-1]
    if not last and lines and lines[-1].strip().isdecimal():
        lines = lines[:-1]
    return "\n".join(lines)
