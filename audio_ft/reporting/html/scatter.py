"""A map of recordings for a page: places in a plane, what to color them by, and players, as data for scatter.js."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import read
from audio_ft.cleaning.place import source_of
from audio_ft.errors import AudioError
from audio_ft.reporting.html.all_clips import most_seconds
from audio_ft.reporting.html.recordings import compact, progress

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

SCRIPT = "scatter.js"
# Numbers of more different values are shown as a scale.
SHADES = 12


def scatter(
    points: NDArray[np.float64],
    files: Sequence[str],
    columns: Mapping[str, Sequence[Any]],
    sounds: Mapping[int, str],
    spans: Sequence[tuple[float, float]] | None = None,
) -> dict[str, Any]:
    """Return the data of one map as JSON values, which the template scatter.html shows.

    Args:
        points: places (rows, 2) in any unit.
        files: the name of each row.
        columns: what the points can be colored by, the first one at the beginning; numbers of many values as a scale.
        sounds: data URIs by row, of those that have a player.
        spans: start and end in seconds where rows are parts of files.
    """
    centered = points - (points.max(0) + points.min(0)) / 2
    scaled = (centered / (np.abs(centered).max() or 1.0)).round(4)
    shown = [column_of(name, cells) for name, cells in columns.items()]
    return {
        "x": scaled[:, 0].tolist(),
        "y": scaled[:, 1].tolist(),
        "files": list(files),
        "spans": None if spans is None else [[round(start, 3), round(end, 3)] for start, end in spans],
        "columns": shown,
        "sounds": {str(row): uri for row, uri in sounds.items()},
    }


def column_of(name: str, cells: Sequence[Any]) -> dict[str, Any]:
    """Return a column as numbers on a scale, or as names with the place of each cell's name; "" comes last."""
    filled = [cell for cell in cells if cell is not None and cell == cell]
    if all(isinstance(cell, int | float | np.number) for cell in filled) and len(set(filled)) > SHADES:
        return {"name": name, "numbers": [None if cell is None or cell != cell else float(cell) for cell in cells]}
    texts = ["" if cell is None or cell != cell else str(cell) for cell in cells]
    names = sorted(dict.fromkeys(texts), key=lambda text: (not text, text))
    place = {text: number for number, text in enumerate(names)}
    return {"name": name, "names": names, "codes": [place[text] for text in texts]}


def sounds_of(audio: Dataset, rows: Sequence[int], durations: Sequence[float]) -> tuple[dict[int, str], float]:
    """Return compact audio of some rows as data URIs, and the seconds that each holds at most.

    `durations` are those of the rows in seconds; unreadable rows have no audio.
    """
    longest = most_seconds(durations)
    found = {}
    for row in progress(rows, "players"):
        with suppress(AudioError):
            clip = read(source_of(audio[int(row)]))
            if clip.length:
                found[int(row)] = f"data:audio/mpeg;base64,{compact(clip, longest)}"
    return found, longest
