"""Gather the rows of a recording into one, for targets that hold times: each row is one of its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from audio_ft.data.parts.same_recording import by_recording, united
from audio_ft.data.parts.units import Recordings
from audio_ft.data.rows import Rows, suffix_of, whole_keys
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.targets import Target


def one_row_each(group: str | None, rows: Rows, kind: type[Target], path: str) -> tuple[str | None, Rows, list[str]]:
    """Return the group, the rows with one for each recording if targets hold times, and notes; see `by_recording`.

    Raises:
        InputError: two rows of one recording contradict each other, or have times that cannot be right.
    """
    notes: list[str] = []
    if kind.has_times:
        rows, notes = gathered(rows, kind, path)
    return *by_recording(group, rows, path), notes


def gathered(rows: Rows, kind: type[Target], path: str) -> tuple[Rows, list[str]]:
    """Return one row for each recording (and channel), with the target that its rows make together, and notes.

    Of the other columns those stay that say the same in all rows of every recording; groups that share a recording
    become one.

    Raises:
        InputError: rows of one recording are in two splits, or have times that cannot be right.
    """
    members: dict[Any, list[int]] = defaultdict(list)
    for row, (identity, recording) in enumerate(zip(rows.identities, rows.recordings, strict=True)):
        members[identity, recording.channel].append(row)
    lists, firsts = list(members.values()), [own[0] for own in members.values()]
    keys, known = whole_keys(rows), Recordings(rows)
    for own in lists:
        if len(splits := {rows.splits[row] for row in own}) > 1:
            raise InputError(
                f"{path}: the rows of {keys[own[0]]} are in two splits, {' and '.join(sorted(splits))}, and all events "
                "of a recording belong together; put them into one"
            )
    groups = united(rows.groups, rows.identities) if rows.groups else []
    whole = [one._replace(start=None, stop=None) for one in rows.recordings]
    one_each = replace(rows, recordings=whole, groups=groups, columns=_constant(rows, lists)).take(firsts)
    targets = [
        kind.gather(
            [(rows.targets[row], rows.recordings[row].start, rows.recordings[row].stop) for row in own],
            _length(rows, own, known),
            path,
            keys[own[0]],
        )
        for own in lists
    ]
    named = [key + suffix_of(one) for key, one in zip((keys[row] for row in firsts), one_each.recordings, strict=True)]
    return replace(one_each, targets=targets, keys=named), _notes(rows, targets)


def _length(rows: Rows, own: Sequence[int], known: Recordings) -> float | None:
    """Return the duration of a recording in seconds, from its header, where a row lasts until its end."""
    if all(rows.recordings[row].stop is not None or not rows.targets[row] for row in own):
        return None
    info = known.info(own[0])
    return info.seconds if info else None


def _constant(rows: Rows, lists: Sequence[Sequence[int]]) -> dict[str, list[Any]]:
    """Return the columns whose cells are the same in all rows of a recording."""
    return {
        name: cells
        for name, cells in rows.columns.items()
        if all(str(cells[row]) == str(cells[own[0]]) for own in lists for row in own[1:])
    }


def _notes(rows: Rows, targets: Sequence[Any]) -> list[str]:
    """Return what a user should know: how many recordings have no event, and events that are listed twice."""
    notes = []
    if without := sum(not target for target in targets):
        notes.append(
            f"{counted(without, 'recording')} of {len(targets):,} {'has' if without == 1 else 'have'} no event"
        )
    if twice := sum(map(len, rows.targets)) - sum(map(len, targets)):
        notes.append(f"{counted(twice, 'event')} listed more than once, with the same times and label, count once")
    return notes
