"""Praat's TextGrid, long and short: as Praat reads it, a sequence of free-standing numbers, quoted texts and <flags>.

Everything else in the file ("xmin =", "intervals [3]:") is for the reader's eyes, so one reader does for both forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from audio_ft.data.readers.text_files import read_text
from audio_ft.data.readers.tracks.region import Region, Track, seconds_in, track_of
from audio_ft.errors import InputError
from audio_ft.settings.rules import shown

_TOKEN = re.compile(r'"(?P<text>(?:[^"]|"")*)"|(?<!\S)(?P<number>[-+.\d]\S*)|(?<!\S)<(?P<flag>\w+)>|(?<!\S)![^\n]*')
_INTERVALS, _POINTS = "IntervalTier", "TextTier"


class _Tokens:
    """Take the tokens of a file one by one, each with its line."""

    def __init__(self, path: Path) -> None:
        self.path, self.line = path, 1
        self._tokens = self._each(read_text(path))

    def _each(self, content: str) -> Iterator[re.Match[str]]:
        at = 0
        for match in _TOKEN.finditer(content):
            self.line += content.count("\n", at, match.start())
            at = match.start()
            if match.lastgroup:
                yield match

    def take(self, kind: str) -> str:
        """Return the next token, which must be of this kind (text, number or flag)."""
        match = next(self._tokens, None)
        found = match and match[kind]
        if found is None:
            got = shown(match[0]) if match else "the end of the file"
            raise InputError(f"{self.path}, line {self.line:,}: expected a {kind}, got {got}; save it again in Praat")
        return found.replace('""', '"') if kind == "text" else found

    def seconds(self) -> float:
        """Return the next token, a time of at least 0."""
        return seconds_in(self.take("number"), f"{self.path}, line {self.line:,}")

    def count(self) -> int:
        """Return the next token, a number of tiers or intervals."""
        return int(min(self.seconds(), 1e9))


def read_textgrid(path: Path) -> Track:
    """Read the tiers of a TextGrid; intervals without text are none, and points are left out.

    Raises:
        InputError: the file is not a TextGrid, or is cut off or damaged.
    """
    tokens = _Tokens(path)
    head = tokens.take("text"), tokens.take("text")
    if not head[0].startswith("ooTextFile") or head[1] != "TextGrid":
        raise InputError(f"{path}: expected a TextGrid, got {shown(' '.join(head))}; save it as text in Praat")
    tokens.take("number"), tokens.take("number")
    if tokens.take("flag") != "exists":
        return track_of(path, [])
    regions: list[Region] = []
    points = 0
    for _ in range(tokens.count()):
        kind, name = tokens.take("text"), tokens.take("text")
        if kind not in (_INTERVALS, _POINTS):
            raise InputError(f"{path}, line {tokens.line:,}: expected {_INTERVALS} or {_POINTS}, got {shown(kind)}")
        tokens.take("number"), tokens.take("number")
        for _ in range(tokens.count()):
            start = tokens.seconds()
            place = f"line {tokens.line:,}"
            end = tokens.seconds() if kind == _INTERVALS else start
            label = tokens.take("text").strip()
            points += kind == _POINTS
            if label and kind == _INTERVALS:
                regions.append(Region(start, end, label, place, name))
    return track_of(path, regions, points)
