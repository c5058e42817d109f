"""The page of label doubts: the most doubtful clips with players, in the look of the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.audio.clip import read
from audio_ft.cleaning.place import source_of
from audio_ft.errors import AudioError, InputError
from audio_ft.evaluation.doubts import Doubts
from audio_ft.parallel import progress_bar
from audio_ft.redaction import display_name
from audio_ft.reporting.html.recordings import Player, player
from audio_ft.reporting.html.render import write_page
from audio_ft.targets import target_class

if TYPE_CHECKING:
    from datasets import Dataset


def write_doubts(found: Doubts, output: Path, data: str, count: int, *, audio: bool = True) -> Path:
    """Write the `count` most doubtful clips as one HTML file, and return its path; `data` is the path of the data.

    Without `audio`, the page has no players.

    Raises:
        InputError: its folder does not exist.
    """
    if not output.parent.is_dir():
        raise InputError(f"{output}: the folder {output.parent} does not exist; create it, or set another --html.")
    rows = {key: row for row, key in enumerate(list(found.table["key"]))} if audio else {}
    clips = [
        {
            "clip": clip,
            "target": in_words(clip.target),
            "suggestion": in_words(clip.suggestion),
            "player": _player(found.table, rows[clip.file]) if audio else None,
        }
        for clip in progress_bar(found.clips[:count], desc="players", unit="clip")
    ]
    kind = target_class(found.kind)
    what = "transcripts" if kind.by_words else "numbers" if kind.regression else "labels"
    page = {"found": found, "data": display_name(data), "clips": clips, "by_words": kind.by_words, "what": what,
            "audio": audio}  # fmt: skip
    write_page(page, output, "doubts.html")
    return output


def in_words(target: Any) -> str:
    """Return a label, labels, a number or a transcript as a reader takes it."""
    if isinstance(target, float):
        return f"{target:.4g}"
    return ", ".join(target) if isinstance(target, list | tuple) else str(target)


def _player(table: Dataset, row: int) -> Player | None:
    """Return the player of a recording; None where it cannot be read any more."""
    try:
        return player(read(source_of(table[row])))
    except AudioError:
        return None
