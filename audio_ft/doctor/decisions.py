"""What a person decided about doubtful clips, in the table that `audio-ft doubts --csv` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.data.readers.delimited import read_delimited
from audio_ft.data.readers.text_files import read_text
from audio_ft.data.table.columns import FILE
from audio_ft.errors import InputError, did_you_mean
from audio_ft.settings.rules import shown

if TYPE_CHECKING:
    from audio_ft.data import Loaded

# The column of decisions, empty as it is written, and what a person may write there.
COLUMN = "decision"
ACCEPT, EXCLUDE, KEEP = "accept", "exclude", "keep"
SUGGESTION = "suggestion"


@dataclass(frozen=True)
class Decisions:
    """Hold the rows with a decision by key: those to exclude, those to keep in any case, and new targets as cells.

    `targets` are the cells that the decisions were made about.
    """

    excluded: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    accepted: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: str | Path, column: str) -> Decisions:
        """Read a table of doubts; `column` is that of the targets. A suggestion may have been corrected by hand.

        Raises:
            InputError: the file cannot be read, lacks a column, or has an unknown decision, or none.
        """
        file = Path(path).expanduser()
        table, _ = read_delimited(read_text(file), file, (), lambda: ())
        for name in (FILE, column, SUGGESTION, COLUMN):
            if name not in table:
                raise InputError(f"{file}: has no column {name!r}; give a table of this data by audio-ft doubts --csv.")
        rows = [[str(cell).strip() for cell in row] for row in zip(table[FILE], table[COLUMN], strict=True)]
        for key, decision in rows:
            if decision.lower() not in ("", ACCEPT, EXCLUDE, KEEP):
                hint = did_you_mean(decision, (ACCEPT, EXCLUDE, KEEP), list_all=True)
                raise InputError(f"{file}: {key}: there is no {COLUMN} {shown(decision)}.{hint}")
        by: dict[str, list[int]] = {name: [] for name in ("", ACCEPT, EXCLUDE, KEEP)}
        for row, (_, decision) in enumerate(rows):
            by[decision.lower()].append(row)
        if len(by[""]) == len(rows):
            raise InputError(
                f"{file}: nothing is decided; write {ACCEPT} (the suggestion, which may be corrected), {EXCLUDE} or "
                f"{KEEP} into the column {COLUMN!r} of the rows that you have listened to."
            )
        decided = sorted({*range(len(rows))} - {*by[""]})
        return cls(
            frozenset(rows[row][0] for row in by[EXCLUDE]),
            frozenset(rows[row][0] for row in by[KEEP]),
            {rows[row][0]: str(table[SUGGESTION][row]) for row in by[ACCEPT]},
            {rows[row][0]: str(table[column][row]) for row in decided},
        )

    def check(self, loaded: Loaded) -> None:
        """Check that the data has these clips, with the targets that the decisions were made about.

        Raises:
            InputError: one is missing, or has another target now, or an accepted suggestion is empty.
        """
        pairs = (zip(table["key"], table["target"], strict=True) for table in loaded.splits.values())
        targets = dict(pair for split in pairs for pair in split)
        for key, target in self.targets.items():
            if key not in targets:
                raise InputError(f"{key}: is in the table of doubts and not in the data; give the data it was made of.")
            if parts_of(target) != parts_of(targets[key]):
                raise InputError(
                    f"{key}: was {shown(target)} when it was doubted and is {shown(str(targets[key]))} in the data; "
                    "run audio-ft doubts again."
                )
        for key, cell in self.accepted.items():
            if type(loaded.target).empty(cell):
                raise InputError(f"{key}: the accepted suggestion is empty; write a target there, or {EXCLUDE}.")


def parts_of(target: Any) -> Sequence[str]:
    """Return a target or its cell as comparable texts, several labels in any order.

    Example:
        >>> parts_of(["dog", "cat"]) == parts_of("cat;dog")
        True
    """
    text = ";".join(map(str, target)) if isinstance(target, list | tuple) else str(target)
    return sorted(text.split(";"))
