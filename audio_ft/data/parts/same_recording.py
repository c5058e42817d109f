"""Rows that share a recording: they stay in one split, and do not contradict each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from audio_ft.data.leaks.alike import look_alike
from audio_ft.data.rows import Rows, place_of, whole_keys
from audio_ft.errors import InputError

_HIDDEN = "sha256:"


def refuse_contradictions(rows: Rows, path: str) -> None:
    """Refuse two rows of one recording, or of one part of it, with different targets.

    Raises:
        InputError: there are such rows; names the first two.
    """
    first: dict[Any, int] = {}
    for row, (identity, recording) in enumerate(zip(rows.identities, rows.recordings, strict=True)):
        other = first.setdefault((identity, *place_of(recording).values()), row)
        if rows.targets[other] != rows.targets[row]:
            one, two = (
                f"{rows.keys[each]} as {rows.targets[each]!r}{_numbered_row(rows, each)}" for each in (other, row)
            )
            raise InputError(
                f"{path}: two rows contradict each other: {one}, and {two}. Keep one of them; if they are parts of the "
                "file, add columns of start and end (seconds); if it has several labels, join them in one cell with ';'"
            )


def _numbered_row(rows: Rows, row: int) -> str:
    return f" (row {rows.numbers[row]:,})" if rows.numbers else ""


def by_recording(group: str | None, rows: Rows, path: str) -> tuple[str | None, Rows]:
    """Return the group and the rows; rows that share a recording and have no group get the recording as theirs.

    Raises:
        InputError: two rows of one recording, or of one part of it, contradict each other.
    """
    refuse_contradictions(rows, path)
    of = list(zip(rows.splits, rows.identities, strict=True))
    shared = Counter(of)
    groups = rows.groups or [None] * len(rows)
    filled = [
        recording if own is None and shared[one] > 1 else own
        for own, one, recording in zip(groups, of, whole_keys(rows), strict=True)
    ]
    return (group, rows) if filled == groups else (group or "recording", replace(rows, groups=filled))


def united(groups: Sequence[str | None], recordings: Sequence[Any]) -> list[str | None]:
    """Return the groups of rows, joined where they share a recording: no recording may be in two splits."""
    of: dict[Any, set[str | None]] = defaultdict(set)
    for group, recording in zip(groups, recordings, strict=False):
        of[recording].add(group)
    joined: dict[str | None, str] = {}
    for shared in of.values():
        if len(shared) > 1:
            every = {joined.get(one, one) or "" for one in shared}
            least = min(every)
            joined.update(dict.fromkeys(shared | {one for one, root in joined.items() if root in every}, least))
    return [joined.get(group, group) for group in groups]


def inseparable(rows: Rows, together: Sequence[Sequence[str]], group: str | None) -> tuple[list[str | None], list[str]]:
    """Return the groups of rows, joined where rows must not be in two splits ([] where no row has one), and notes.

    Those are rows that share a recording, groups that look like one under two spellings, and the recordings that
    `together` lists, by their keys or `hidden_key`s. `group` is the name of the groups, for the notes.
    """
    names = set(rows.groups) - {None}
    alike = [pair for pair in look_alike(map(str, names), map(str, names)) if pair[0] < pair[1]]
    notes = [f"{name!r} and {other!r} look like one {group} and are kept in one split" for name, other in alike[:5]]
    spelled = [name for pair in alike for name in pair]
    joined = dict(zip(spelled, united(spelled, [place // 2 for place in range(len(spelled))]), strict=True))
    groups = [own and joined.get(own, own) for own in united(rows.groups, rows.identities)]
    sets = {key: number for number, keys in enumerate(together) for key in keys}
    if not sets:
        return groups, notes
    own = [sets.get(key, sets.get(hidden_key(key))) for key in rows.keys]
    filled = [f"copies {number}" if group is None and number is not None else group
              for group, number in zip(groups or [None] * len(rows), own, strict=True)]  # fmt: skip
    # A row of no set is in a set by itself.
    return united(filled, [("row", row) if number is None else number for row, number in enumerate(own)]), notes


def hidden_key(key: str) -> str:
    """Return what stands for a recording's key where it is published: names of recordings may name speakers."""
    return key if key.startswith(_HIDDEN) else f"{_HIDDEN}{sha256(key.encode('utf-8', 'replace')).hexdigest()[:16]}"
