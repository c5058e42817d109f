"""Where the recording of a row is: a file or bytes, or a part of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from audio_ft.audio.codec.packed import place_in
from audio_ft.audio.codec.source import Part
from audio_ft.file_io import state_of

if TYPE_CHECKING:
    from datasets import Dataset

# The columns that say what a row's recording is; all but the first only where rows are parts of recordings.
PLACE = ("audio", "start", "end", "channel")


def places_of(split: Dataset, rows: Iterable[int]) -> Dataset:
    """Return where the recordings of some rows are: their columns `PLACE`, as far as there are any."""
    return split.select(rows).select_columns([name for name in PLACE if name in split.column_names])


def source_of(row: Mapping[str, Any]) -> str | bytes | Part:
    """Return what readers take for a row: the bytes or the path of its recording, or the part that the row is."""
    audio = row["audio"]
    whole: str | bytes = audio["path"] if audio.get("bytes") is None else audio["bytes"]
    start, stop, channel = row.get("start"), row.get("end"), row.get("channel")
    return whole if start is stop is channel is None else Part(whole, start or 0.0, stop, channel)


def stamp_of(source: str | bytes | Part) -> str:
    """Return text that changes with what readers read: with the file or the bytes, and with the part."""
    if not isinstance(source, Part):
        packed = place_in(source) if isinstance(source, str) else None
        return f"{state_of(packed[0])}|{packed[1]}" if packed else state_of(source)
    return f"{state_of(cast('str | bytes', source.whole))}|{source.start}-{source.stop}|{source.channel}"
