"""Rows that are parts of recordings: find the columns of start, end and channel by name or setting, and cut."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from audio_ft.data.parts.times import UNIT_OF, UNITS, read_times
from audio_ft.data.parts.units import UNIT_NAMES, Recordings, SpanColumns, TimeColumn, decide_unit
from audio_ft.data.rows import Columns, Rows, suffix_of
from audio_ft.data.spec import Data
from audio_ft.data.table.columns import named
from audio_ft.errors import InputError
from audio_ft.targets.cells import as_text, missing

Span = tuple[float | None, float | None]

# What a column gives, by the one word of its name that is neither a unit nor a filler.
_ROLES = {
    **dict.fromkeys(("start", "starts", "starttime", "begin", "begins", "begintime", "beginning", "onset", "xmin",
                     "tmin", "from"), "start"),
    **dict.fromkeys(("end", "ends", "endtime", "stop", "stoptime", "xmax", "tmax", "to", "until", "till", "finish"),
                    "end"),
    **dict.fromkeys(("duration", "dur", "length", "len"), "duration"),
    **dict.fromkeys(("channel", "chan", "ch"), "channel"),
    "offset": "offset",
}  # fmt: skip
_FILLERS = {
    "time", "times", "timestamp", "position", "pos", "segment", "seg", "clip", "audio", "utterance", "utt", "event",
    "word", "interval", "region", "chunk", "part", "at", "in", "of", "t", "the", "id", "index", "idx", "number", "no",
}  # fmt: skip
# Channels by their names, and what stands for a cell that names none.
_SIDES = {"a": 0, "b": 1, "l": 0, "r": 1, "left": 0, "right": 1}
_OTHER = -1


def cut(
    rows: Rows, data: Data, used: Collection[str], *, prepared: bool = False, tracks: str = ""
) -> tuple[Rows, str, list[str]]:
    """Return the rows as parts of their recordings where columns say so, how these were read, and notes.

    `used` are columns with another meaning: recording and target; `prepared` recordings are cut already. `tracks` gave
    the seconds in the columns start and end, if not "". The times in seconds and the channel, counted from 0, are added
    to the keys: "a.wav#1.200-3.400", "a.wav#1.200-3.400-ch1".

    Raises:
        InputError: the unit is ambiguous, the times do not fit the recordings, or a chosen column holds no times.
    """
    if prepared:
        return rows, "", []
    columns = {name: cells for name, cells in rows.columns.items() if name not in used}
    recordings, reading, notes = Recordings(rows), "", list[str]()
    spans: Sequence[Span] = [(None, None)] * len(rows)
    if tracks and data.start is data.end is data.duration is None:
        spans = list(zip(rows.columns["start"], rows.columns["end"], strict=True))
        reading = f"parts of files: start, end in seconds, from {tracks}"
    elif data.start != "" and (found := _find(columns, data)):
        spans, reading, notes = _spans(found, recordings, rows, data.path)
    channels: Sequence[int | None] = [None] * len(rows)
    if data.channel or (data.channel is None and data.start != ""):
        named_so = [name for name in columns if _role(name)[0] == "channel"]
        channels, read = channels_of(columns, named_so, data.channel, recordings, data.path)
        notes += read
    parts = [
        one._replace(start=start, stop=stop, channel=channel)
        for one, (start, stop), channel in zip(rows.recordings, spans, channels, strict=True)
    ]
    keys = [key + suffix_of(part) for key, part in zip(rows.keys, parts, strict=True)]
    return replace(rows, recordings=parts, keys=keys), reading, notes


def gives_part(column: str) -> bool:
    """Return whether a column says by its name which part of its recording a row is."""
    return bool(_role(column)[0])


def _role(name: str) -> tuple[str, str]:
    """Return what a column gives by its name (start, end, duration, offset, channel, or ""), and the unit it names."""
    # "startTime", "start_ms" and "Begin Time (s)" have two words and three.
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-zµ]+", name)]
    unit = next((UNIT_OF[word] for word in reversed(words) if word in UNIT_OF), "")
    left = {word for word in words if word not in _FILLERS and word not in UNIT_OF}
    if left in ({"start", "offset"}, {"end", "offset"}):
        left.remove("offset")
    return (_ROLES.get(left.pop(), ""), unit) if len(left) == 1 else ("", "")


def _find(columns: Columns, data: Data) -> SpanColumns | None:
    """Return the columns that give the part of each row; None where there are none."""
    roles: dict[str, list[TimeColumn]] = {"start": [], "end": [], "duration": [], "offset": []}
    for name, cells in columns.items():
        role, unit = _role(name)
        if role in roles and (times := read_times(cells)):
            roles[role].append(TimeColumn(name, times.unit or unit, times))
    # An offset is a start, but the end of an onset.
    ends = roles["start"] and not roles["end"] and not roles["duration"]
    roles["end" if ends else "start"] = roles["end" if ends else "start"] or roles["offset"]
    given = {role: _chosen(columns, getattr(data, role), role, data.path) for role in ("start", "end", "duration")}
    start = given["start"] or _only(roles["start"], "start", data.path)
    if start is None:
        return None
    end = given["end"] or (None if given["duration"] else _only(roles["end"], "end", data.path))
    duration = given["duration"] or (None if end else _only(roles["duration"], "duration", data.path))
    return SpanColumns(start, end, duration, any(given.values()))


def _chosen(columns: Columns, setting: str | None, role: str, path: str) -> TimeColumn | None:
    """Return the column that a setting names, alone or with its unit: "start", "start:ms"."""
    if not setting:
        return None
    column, unit = setting, ""
    if setting not in columns and setting.rpartition(":")[2] in UNITS:
        column, _, unit = setting.rpartition(":")
    times = read_times(columns[named(columns, column, path)])
    if times is None:
        raise InputError(f"{path}: column {column!r} (data.{role}) holds no times; expected numbers, 0:01.2 or 1.2 s")
    return TimeColumn(column, unit or times.unit or _role(column)[1], times)


def _only(found: Sequence[TimeColumn], role: str, path: str) -> TimeColumn | None:
    """Return the one column, of several the one in seconds."""
    several = [one for one in found if one.unit == "s"] or found
    if len(several) > 1:
        names = ", ".join(one.name for one in several)
        raise InputError(f"{path}: columns {names} could each be the {role} of a part of a file; choose one with "
                         f"data.{role}=NAME, or set data.start='' to use whole files")  # fmt: skip
    return several[0] if several else None


def _spans(found: SpanColumns, recordings: Recordings, rows: Rows, path: str) -> tuple[Sequence[Span], str, list[str]]:
    """Return start and stop of each row in seconds (None: the whole recording), how they were read, and notes."""
    whole: Sequence[Span] = [(None, None)] * len(rows)
    if len(found.columns) == 1 and not found.chosen:
        if not any(found.start.times.values):
            return whole, "", []
        said = (f"column {found.start.name!r} seems to give the start of a row in its file, and none its end; "
                f"name it with data.end=NAME, or set data.start={found.start.name!r} to read to the end")  # fmt: skip
        if recordings.repeated:
            raise InputError(f"{path}: {said}, or data.start='' to use whole files")
        return whole, "", [f"{said}; files are not cut, so each row is its whole file"]
    known, why = decide_unit(found, recordings, path)
    if known is None:
        return whole, "", [why] if why else []
    sampled = any(one.unit == "samples" for one in known.columns)
    rates = [info.rate if sampled and (info := recordings.info(row)) else 1 for row in range(len(rows))]
    spans = [known.span(row, rate) for row, rate in enumerate(rates)]
    for key, (start, stop) in zip(rows.keys, spans, strict=True):
        if start < 0 or (stop is not None and stop <= start):
            raise InputError(f"{path}: {key} is listed from {start:g} to {stop:g} s, not a part; correct "
                             f"{found.names}, or leave the row out with data.where='COLUMN!=VALUE'")  # fmt: skip
    what = ", ".join(name for name in ("start", "end", "duration") if getattr(known, name))
    units = " and ".join(dict.fromkeys(UNIT_NAMES.get(one.unit, one.unit) for one in known.columns))
    return spans, f"parts of files: {what} in {units}, from {known.names}", []


def channels_of(
    columns: Mapping[str, Sequence[Any]], found: Sequence[str], setting: str | None, recordings: Recordings, path: str
) -> tuple[list[int | None], list[str]]:
    """Return the channel of each row, counted from 0 (None: all channels), and notes.

    `found` are columns whose names say that they hold channels; a `setting` names one, with the number of the first
    channel if need be ("channel:1").

    Raises:
        InputError: the setting names no column of channels, or it is unclear which channel 1 is.
    """
    everything: list[int | None] = [None] * len(recordings.of)
    if not setting and len(found) != 1:
        return everything, []
    column, _, base = (setting or found[0], "", "")
    if column not in columns and column[-2:] in (":0", ":1"):
        column, base = column[:-2], column[-1]
    numbers = [_number(cell) for cell in columns[named(columns, column, path)]]
    known = set(numbers) - {None}
    if not known or _OTHER in known:
        if setting:
            raise InputError(f"{path}: column {column!r} (data.channel) holds no channels; expected numbers, A and B, "
                             "or left and right")  # fmt: skip
        return everything, []
    counts = [info.channels if (info := recordings.info(row)) else 1 for row in range(len(numbers))]
    if max(counts) == 1 and not setting:
        return everything, []  # there is nothing to choose
    letters = any(as_text(cell).strip().lower() in _SIDES for cell in columns[column])
    if known == {1} and not base and not letters:
        raise InputError(f"{path}: column {column!r} is 1 in all rows, which may be the first channel or the second; "
                         f"set data.channel='{column}:1' (1 is the first) or '{column}:0', or '' for all")  # fmt: skip
    first = int(base) if base else 0 if letters or 0 in known else 1
    chosen = [None if number is None or count == 1 else number - first
              for number, count in zip(numbers, counts, strict=True)]  # fmt: skip
    outside = next((row for row, one in enumerate(chosen) if one is not None and not 0 <= one < counts[row]), None)
    if outside is not None:
        said = f"{numbers[outside]} is not a channel of a file with {counts[outside]} channels"
        if setting:
            fix = "correct it, or set data.channel=''"
            raise InputError(f"{path}: column {column!r}, row {outside + 1}: {said}; {fix}")
        return everything, [f"column {column!r} is not used: {said}"]
    return chosen, [f"channels of files: from column {column!r}" + ("" if letters else f", {first} is the first")]


def _number(cell: Any) -> int | None:
    """Return the number in a cell, None for a gap, `_OTHER` for anything else."""
    if missing(cell):
        return None
    text = as_text(cell).strip().lower()
    number = _SIDES.get(text, int(text) if text.isdecimal() and len(text) < 4 else _OTHER)
    return number
