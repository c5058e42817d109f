"""Predictions as rows of a csv: one a recording, or one an event."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audio_ft.errors import AudioError
from audio_ft.file_io import as_cell, inert_cell
from audio_ft.targets import Label, Labels

if TYPE_CHECKING:
    from audio_ft.targets import Target

EVENT = ("onset", "offset", "label", "probability")


def csv_header(target: Target) -> str:
    """Return the line with the names of the columns; of labels, the last ones are their probabilities."""
    return _line(_columns(target))


def csv_lines(file: str, prediction: Mapping[str, Any] | AudioError, target: Target) -> str:
    """Return the lines of one recording; what cannot be read has its reason in the column "error"."""
    columns = _columns(target)
    if isinstance(prediction, AudioError):
        return _line(_row(columns, {"file": file, "error": prediction.reason}))
    whole = {"file": file, "notes": "; ".join(getattr(prediction, "notes", ()))}
    fields = target.as_json(prediction)
    if target.has_times:
        rows = [whole | event for event in fields["events"]] or [whole]
    elif isinstance(target, Label | Labels):
        labels = {name: round(value, 6) for name, value in prediction.items()}
        rows = [labels | whole | {"prediction": as_cell(target.predicted(prediction), file)}]
    else:
        rows = [whole | {name: fields[name] for name in ("text", "value") if name in fields}]
    return "".join(_line(_row(columns, row)) for row in rows)


def _columns(target: Target) -> list[str]:
    """Return the names of the columns, each once: a label may be called like one of ours."""
    if target.has_times:
        own = list(EVENT)
    elif target.ranked:
        own = ["prediction", *target.names]
    else:
        own = ["text" if target.by_words else "value"]
    return list(dict.fromkeys(["file", *own, "notes", "error"]))


def _row(columns: list[str], row: Mapping[str, Any]) -> list[Any]:
    return [row.get(name, "") for name in columns]


def _line(cells: list[Any]) -> str:
    """Return one line, in which no cell is a formula for a spreadsheet."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([inert_cell(str(cell)) for cell in cells])
    return buffer.getvalue()
