"""Format the prediction for a recording: a line of a table, JSON, or subtitles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from audio_ft.audio.codec.source import printable
from audio_ft.errors import AudioError
from audio_ft.inference.subtitles import srt, vtt

if TYPE_CHECKING:
    from audio_ft.targets import Target

# Each format with the suffix of its files.
SUFFIXES = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}
SUBTITLES: Mapping[str, Callable[..., str]] = {"srt": srt, "vtt": vtt}


def file_content(file: str, prediction: Mapping[str, Any], form: str, target: Target) -> str:
    """Return the content of a file with the prediction for one recording."""
    if form in SUBTITLES:
        return SUBTITLES[form](prediction["segments"])
    if form == "json":
        return json.dumps(_fields(file, prediction, target), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    return target.as_text(prediction)


def stream_content(file: str, prediction: Mapping[str, Any] | AudioError, form: str, target: Target, width: int) -> str:
    """Return one prediction as subtitles, a line of JSON (a stable format) or a line of the table.

    `width` is that of the names of files in the table; transcripts follow a tab, for other programs to split at.
    """
    if form == "json":
        return json.dumps(_fields(file, prediction, target), ensure_ascii=False, allow_nan=False) + "\n"
    if isinstance(prediction, AudioError):
        line = f"cannot be read: {prediction.reason}"
    elif form in SUBTITLES:
        return SUBTITLES[form](prediction["segments"])
    else:
        line = target.as_line(prediction)
    return f"{printable(file)}\t{line}\n" if target.by_words else f"{printable(file):<{width}}  {line}\n"


def _fields(file: str, prediction: Mapping[str, Any] | AudioError, target: Target) -> dict[str, Any]:
    if isinstance(prediction, AudioError):
        return {"file": printable(file), "error": prediction.reason}
    notes = getattr(prediction, "notes", ())
    return {"file": printable(file), **target.as_json(prediction), **({"notes": list(notes)} if notes else {})}
