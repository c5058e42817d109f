"""All test recordings on the page: compact audio for each, their durations and levels, and the errors as a CSV."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.audio.clip_stats import loudness
from audio_ft.file_io import inert_cell
from audio_ft.plots.comparisons import histogram
from audio_ft.reporting.html.figures import NARROW, Picture, picture
from audio_ft.reporting.html.recordings import PLAYER_SECONDS, Recordings, compact, progress
from audio_ft.targets.judged import Judged

if TYPE_CHECKING:
    from pandas import DataFrame

    from audio_ft.cleaning.cleaned import Cleaned

# The page holds so many seconds of compact audio, which take about 3.2 kB a second and a third more as text: 6 MB.
SOUND_SECONDS = 1_400.0
# Of more recordings than fit with so many seconds each, the last ones have no audio.
SHORTEST = 2.0
COLUMNS = ("file", "group", "reference", "prediction", "verdict")


def sounds(clips: Sequence[Judged], recordings: Recordings | None, known: Mapping[str, float]) -> dict[str, Any]:
    """Return the compact audio of test recordings by file, and how many seconds of each it holds at most.

    `known` are the durations in seconds, by file.
    """
    if recordings is None:
        return {"of": {}, "longest": PLAYER_SECONDS}
    heard = clips[: int(SOUND_SECONDS / SHORTEST)]
    longest = most_seconds([known.get(clip.file, PLAYER_SECONDS) for clip in heard])
    found = {clip.file: recordings.raw(clip.file) for clip in progress(heard, "players")}
    return {"of": {file: (compact(raw, longest), raw.seconds) for file, raw in found.items() if raw and raw.length},
            "longest": longest}  # fmt: skip


def most_seconds(durations: Sequence[float], together: float = SOUND_SECONDS, each: float = PLAYER_SECONDS) -> float:
    """Return how many seconds of each recording may be kept, so that all together do not exceed a sum.

    Example:
        >>> most_seconds([1.0, 5.0, 9.0], together=9.0), most_seconds([1.0, 2.0], together=9.0)
        (4.0, 30.0)
    """
    left, waiting = together, sorted(durations)
    while waiting:
        share = left / len(waiting)
        if waiting[0] > share:
            return min(share, each)
        left -= waiting.pop(0)
    return each


def errors_csv(clips: Sequence[Judged]) -> str:
    """Return the wrong predictions as a CSV, worst first, in which no cell is a formula for a spreadsheet."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for clip in clips:
        if clip.wrong:
            writer.writerow([inert_cell(str(getattr(clip, name) or "")) for name in COLUMNS])
    return buffer.getvalue()


def csv_link(clips: Sequence[Judged]) -> str:
    """Return the CSV of errors as a data URI, for a link that saves it."""
    return (
        f"data:text/csv;charset=utf-8;base64,{base64.b64encode(errors_csv(clips).encode('utf-8', 'replace')).decode()}"
    )


def histograms(table: DataFrame, cleaned: Cleaned | None) -> list[tuple[Picture, str]]:
    """Return histograms of durations and levels before cleaning, and after it where that is known."""
    after: dict[str, list[float]] = {"seconds": [], "level": []}
    if cleaned is not None:
        waves = (Clip(cleaned.wave(clip)[np.newaxis], cleaned.sample_rate) for clip in cleaned.used.tolist())
        after = {"seconds": list(cleaned.column("seconds")), "level": _known(map(loudness, waves))}
    found = []
    for column, name, unit in (("seconds", "Duration", "s"), ("level", "Level", "dBFS")):
        before = _known(table[column]) if column in table else []
        if before:
            drawn = histogram(before, after=after[column], name=name, unit=unit, width=NARROW)
            both = ", before and after cleaning" if after[column] else " before cleaning"
            found.append((picture(drawn), f"{name} of {len(before):,} test recordings{both}."))
    return found


def _known(values: Any) -> list[float]:
    return list(_numbers(values))


def _numbers(values: Any) -> Iterator[float]:
    """Yield what is a number: digital silence has no level."""
    for value in values:
        if value is not None and value == value:
            yield float(value)
