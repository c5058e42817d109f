"""What an answer about a recording looks like: a line of a table, JSON, or subtitles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from audio_ft.audio.codec.source import printable
from audio_ft.errors import AudioError
from audio_ft.inference.subtitles import srt, vtt

if TYPE_CHECKING:
    from audio_ft.targets import Target

# Each format with the suffix of the files that hold it.
SUFFIXES = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}
SUBTITLES: Mapping[str, Callable[..., str]] = {"srt": srt, "vtt": vtt}


def content(file: str, answer: Mapping[str, Any], form: str, target: Target) -> str:
    """Return what a file of its own holds about a recording."""
    if form in SUBTITLES:
        return SUBTITLES[form](answer["segments"])
    if form == "json":
        return json.dumps(_fields(file, answer, target), ensure_ascii=False, indent=2) + "\n"
    return target.as_text(answer)


def json_line(file: str, answer: Mapping[str, Any] | AudioError, target: Target) -> str:
    """Return one answer as JSON, in a shape that stays stable."""
    return json.dumps(_fields(file, answer, target), ensure_ascii=False)


def table_line(file: str, answer: Mapping[str, Any] | AudioError, width: int, target: Target) -> str:
    """Return one answer as a line of the table; words are behind a tab, for other programs to split at."""
    line = f"cannot be read: {answer.reason}" if isinstance(answer, AudioError) else target.as_line(answer)
    return f"{printable(file)}\t{line}" if target.by_words else f"{printable(file):<{width}}  {line}"


def _fields(file: str, answer: Mapping[str, Any] | AudioError, target: Target) -> dict[str, Any]:
    if isinstance(answer, AudioError):
        return {"file": printable(file), "error": answer.reason}
    return {"file": printable(file), **target.as_json(answer)}
