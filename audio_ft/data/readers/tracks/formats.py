"""The formats of label tracks, by the suffixes of their files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audio_ft.data.readers.tracks.elan import read_elan
from audio_ft.data.readers.tracks.lines import read_audacity, read_ctm, read_rttm, read_stm
from audio_ft.data.readers.tracks.region import Track
from audio_ft.data.readers.tracks.subtitles import read_subtitles
from audio_ft.data.readers.tracks.textgrid import read_textgrid


@dataclass(frozen=True)
class Format:
    """Describe a format: what its files are called in messages, its reader, and the column that its labels are in."""

    called: str
    read: Callable[[Path], Track]
    column: str = "label"


# Audacity's are called .txt, as many other files are.
FORMATS = {
    ".txt": Format("Audacity label file", read_audacity),
    ".textgrid": Format("Praat TextGrid", read_textgrid),
    ".eaf": Format("ELAN file", read_elan),
    ".rttm": Format("RTTM file", read_rttm),
    ".ctm": Format("CTM file", read_ctm),
    ".stm": Format("STM file", read_stm, "text"),
    ".srt": Format("subtitle file", read_subtitles, "text"),
    ".vtt": Format("subtitle file", read_subtitles, "text"),
}
TRACK_SUFFIXES = frozenset(FORMATS) - {".txt"}
