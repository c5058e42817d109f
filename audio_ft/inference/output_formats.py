"""What an answer about a recording looks like: a line of a table, JSON, or subtitles."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from audio_ft.audio.codec.source import printable
from audio_ft.errors import AudioError
from audio_ft.inference.subtitles import srt, vtt

# Each format with the suffix of the files that hold it.
SUFFIXES = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}
SUBTITLES: Mapping[str, Callable[..., str]] = {"srt": srt, "vtt": vtt}


def content(file: str, answer: Mapping[str, Any], form: str, *, spoken: bool) -> str:
    """Return what a file of its own holds about a recording; `spoken` answers are transcripts, others labels."""
    if form in SUBTITLES:
        return SUBTITLES[form](answer["segments"])
    if form == "json":
        return json.dumps(_plain(file, answer, spoken), ensure_ascii=False, indent=2) + "\n"
    if spoken:
        return f"{answer['text']}\n"
    return "".join(f"{label}\t{value:.3f}\n" for label, value in answer.items())


def json_line(file: str, answer: Mapping[str, Any] | AudioError, *, spoken: bool) -> str:
    """Return one answer as JSON, in a shape that stays stable."""
    return json.dumps(_plain(file, answer, spoken), ensure_ascii=False)


def table_line(file: str, answer: Mapping[str, Any] | AudioError, width: int, *, spoken: bool) -> str:
    """Return one answer as a line of the table; a transcript stands behind a tab, for other programs to split at."""
    if isinstance(answer, AudioError):
        said = f"cannot be read: {answer.reason}"
    elif spoken:
        said = answer["text"]
    else:
        said = "  ".join(f"{label} {value:.3f}" for label, value in answer.items())
    return f"{printable(file)}\t{said}" if spoken else f"{printable(file):<{width}}  {said}"


def _plain(file: str, answer: Mapping[str, Any] | AudioError, spoken: bool) -> dict[str, Any]:
    if isinstance(answer, AudioError):
        return {"file": printable(file), "error": answer.reason}
    return {"file": printable(file), **(answer if spoken else {"labels": answer})}
