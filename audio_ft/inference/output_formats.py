"""Format the prediction for a recording: a line of a table, JSON, subtitles, or a label track."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from audio_ft.errors import AudioError
from audio_ft.file_io import inert_cell, json_text
from audio_ft.formatting import escaped
from audio_ft.inference.csv_rows import csv_header, csv_lines
from audio_ft.inference.subtitles import srt, vtt
from audio_ft.inference.tracks import Segments, audacity, rttm, textgrid

if TYPE_CHECKING:
    from audio_ft.targets import Target

# Each format with the suffix of its files.
SUFFIXES = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}
SUFFIXES |= {"audacity": ".txt", "rttm": ".rttm", "textgrid": ".TextGrid", "csv": ".csv"}
# Those that a suffix alone chooses.
NAMED = {suffix.lower(): form for form, suffix in SUFFIXES.items() if suffix != ".txt"} | {".jsonl": "json"}
# What is made of segments with times, by segments, name of the file and its duration in seconds (0: not known).
TIMED: Mapping[str, Callable[[Segments, str, float], str]] = {
    "srt": lambda segments, name, seconds: srt(segments),
    "vtt": lambda segments, name, seconds: vtt(segments),
    "audacity": audacity,
    "rttm": rttm,
    "textgrid": textgrid,
}
# Several recordings can share one of these.
SHARED = ("text", "json", "csv", "rttm")


def file_content(file: str, prediction: Mapping[str, Any], form: str, target: Target) -> str:
    """Return the content of a file with the prediction for one recording."""
    if form in TIMED:
        return _timed(file, prediction, form, target)
    if form == "json":
        return json_text(_fields(file, prediction, target), indent=2) + "\n"
    if form == "csv":
        return csv_header(target) + csv_lines(file, prediction, target)
    return target.as_text(prediction)


def stream_content(
    file: str, prediction: Mapping[str, Any] | AudioError, form: str, target: Target, width: int, *, inert: bool = False
) -> str:
    """Return one prediction as subtitles or track, a line of JSON (a stable format) or a line of the table.

    `width` is that of the names of files in the table; transcripts follow a tab, for other programs to split at. With
    `inert`, no cell is a formula for a spreadsheet.
    """
    if form == "json":
        return json_text(_fields(file, prediction, target)) + "\n"
    if form == "csv":
        return csv_lines(file, prediction, target)
    if isinstance(prediction, AudioError):
        line = f"cannot be read: {prediction.reason}"
    elif form in TIMED:
        return _timed(file, prediction, form, target)
    else:
        line = target.as_line(prediction)
    cells = [escaped(inert_cell(cell) if inert else cell) for cell in (file, line)]
    return "\t".join(cells) + "\n" if target.by_words else f"{cells[0]:<{width}}  {cells[1]}\n"


def _timed(file: str, prediction: Mapping[str, Any], form: str, target: Target) -> str:
    return TIMED[form](target.segments(prediction), file, getattr(prediction, "seconds", 0.0))


def _fields(file: str, prediction: Mapping[str, Any] | AudioError, target: Target) -> dict[str, Any]:
    if isinstance(prediction, AudioError):
        return {"file": file, "error": prediction.reason}
    notes = getattr(prediction, "notes", ())
    return {"file": file, **target.as_json(prediction), **({"notes": list(notes)} if notes else {})}
