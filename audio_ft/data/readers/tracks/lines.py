"""Label tracks with a region a line: Audacity's, and NIST's RTTM (who speaks when), CTM (words) and STM (segments)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from audio_ft.data.readers.text_files import read_text
from audio_ft.data.readers.tracks.region import Region, Track, seconds_in, track_of
from audio_ft.errors import InputError
from audio_ft.formatting import counted

_NUMBER = r"\d+(?:[.,]\d*)?"
_FIRST = re.compile(rf"{_NUMBER}\t{_NUMBER}(?:\t.*)?")
_GAP = "<NA>"

Seconds = Callable[[str], float]  # reads a time of the line


def is_label_track(path: Path) -> bool:
    """Tell whether the first line of a text file is that of Audacity's label track."""
    with suppress(InputError):
        return begins_track(read_text(path))
    return False


def begins_track(text: str) -> bool:
    """Tell whether the first line of a text is that of Audacity's label track."""
    return bool(_FIRST.fullmatch(next(filter(None, map(str.strip, text.split("\n"))), "")))


def _reader(
    region: Callable[[Sequence[str], Seconds], Region | None], least: int, columns: str, *, tabs: bool = False
) -> Callable[[Path], Track]:
    """Return what reads a file with a region a line, in `least` cells or more, which `columns` names."""
    # The second line of a label of Audacity with a band of frequencies begins with a backslash.
    comment = "\\" if tabs else ";;"

    def read(path: Path) -> Track:
        regions = []
        for number, line in enumerate(read_text(path).split("\n"), start=1):
            if not line.strip() or line.startswith(comment):
                continue
            cells = line.rstrip("\r").split("\t", 2) if tabs else line.split()
            place = f"line {number:,}"
            if len(cells) < least:
                got = counted(len(cells), "cell")
                raise InputError(f"{path}, {place}: expected {columns}, got {got}; correct the line")
            if found := region(cells, partial(seconds_in, place=f"{path}, {place}")):
                regions.append(found._replace(place=place))
        return track_of(path, regions)

    return read


def _audacity(cells: Sequence[str], seconds: Seconds) -> Region:
    start, end = map(seconds, cells[:2])
    return Region(start, end, cells[2].strip() if len(cells) > 2 else "")


def _rttm(cells: Sequence[str], seconds: Seconds) -> Region | None:
    """Return a region on the tier of its type, labeled by its speaker, word or subtype."""
    kind, recording, channel, start, length, text, subtype, name = cells[:8]
    if start == _GAP:  # what is known of a speaker has no time
        return None
    begin = seconds(start)
    end = begin + (0.0 if length == _GAP else seconds(length))
    known = (name, text, subtype) if kind == "SPEAKER" else (text, subtype, name)
    label = next((cell for cell in known if cell != _GAP), "")
    return Region(begin, end, label, "", kind, recording, "" if name == _GAP else name, channel)


def _ctm(cells: Sequence[str], seconds: Seconds) -> Region:
    recording, channel, start, length, word = cells[:5]
    begin = seconds(start)
    return Region(begin, begin + seconds(length), word, recording=recording, channel=channel)


def _stm(cells: Sequence[str], seconds: Seconds) -> Region:
    """Return a region with its words, without labels in angle brackets before them."""
    recording, channel, speaker, start, end, *words = cells
    labeled = words and words[0].startswith("<") and words[0].endswith(">")
    text = " ".join(words[1:] if labeled else words)
    return Region(seconds(start), seconds(end), text, recording=recording, speaker=speaker, channel=channel)


read_audacity = _reader(_audacity, 2, "start, end and label with tabs between them", tabs=True)
read_rttm = _reader(_rttm, 8, "type, recording, channel, start, duration, text, subtype and name")
read_ctm = _reader(_ctm, 5, "recording, channel, start, duration and word")
read_stm = _reader(_stm, 5, "recording, channel, speaker, start, end and transcript")
