"""Find the column of the targets, and transcripts where labels were asked for and there are none."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from audio_ft.data import sources
from audio_ft.data.rows import Rows, Source
from audio_ft.data.spec import Data
from audio_ft.data.table import columns, one_hot
from audio_ft.errors import InputError
from audio_ft.targets import Label, Target, Transcript
from audio_ft.targets.cells import as_text


class TranscriptsFound(InputError):
    """Report data with transcripts and without labels, where labels were asked for; `found` says it in short."""

    def __init__(self, path: str, found: str) -> None:
        self.found = found
        super().__init__(
            f"{path}: {found}; set task=transcription to learn them, or data.target=NAME for a column of labels"
        )


def target_column(rows: Rows, data: Data, kind: type[Target], source: Source) -> tuple[Rows, str, str]:
    """Return the rows with one column of targets, its name, and how it was made of one-hot columns.

    It is the chosen column, that of the folders, or the one with a known name; else columns of zeros and ones.

    Raises:
        InputError: there is no such column, or there are several.
    """
    table = rows.columns
    if data.target is not None:
        names = one_hot.chosen_columns(list(table), data.target, data.path)
        if len(names) == 1:
            return rows, names[0], ""
    else:
        implied = source.target if source.implied_by == kind.implied_by else None
        if implied:
            return rows, implied, ""
        named = any(columns.among(name, *kind.column_names) for name in table)
        names = [] if named or kind.implied_by != "label" else one_hot.found_columns(table, source.audio)
        if not names:
            return rows, columns.find(table, kind.column_names, kind.wording.cell, "target", data.path), ""
    merged, column, how = one_hot.labels_of(table, names, data.path)
    return replace(rows, columns=merged), column, how


def transcripts_instead(data: Data) -> TranscriptsFound | None:
    """Return an error that offers the transcripts of data without labels; None where the user named the targets.

    A single class is no label: nothing can be learned from it. Several columns that could be the label are labels.
    """
    if data.target is not None or data.kind is not None:
        return None
    classes = 0
    with suppress(InputError):
        # Several columns that could be the label are more than one.
        names = sources.read(data).rows.columns
        classes = sum(columns.among(name, *Label.column_names) for name in names)
        classes = len(set(_cells(data, Label)[1]))
    if classes > 1:
        return None
    try:
        column, _ = _cells(data, Transcript)
    except InputError:
        return None
    labels = "labels of a single class" if classes else "no labels"
    return TranscriptsFound(data.path, f"transcripts in column {column!r} and {labels} were found")


def _cells(data: Data, kind: type[Target]) -> tuple[str, list[str]]:
    """Return the column of such targets, and its cells."""
    source = sources.read(data, classes=kind.implied_by == "label")
    rows, column, _ = target_column(source.rows, data, kind, source)
    return column, list(map(as_text, rows.columns[column]))
