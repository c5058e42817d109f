"""What a reader found: rows in columns, undecoded, in the parts that the data itself names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audio_ft.data.manifests import Columns

if TYPE_CHECKING:
    from datasets import Dataset

Stat = tuple[int, int]
# Size in bytes and time of change in nanoseconds of a file that is not there.
GONE: Stat = (-1, -1)


@dataclass(frozen=True)
class Part:
    """Rows of one part of the data, one entry a row in every field.

    Attributes:
        columns: the original columns, without the one that holds the recordings themselves, if any does.
        keys: what names a row in messages and in the result.
        names: file names, for what they tell about groups.
        files: absolute paths, where the recordings are files.
        stats: (bytes, nanoseconds) of those files, `GONE` for one that is missing.
        stored: a table with the column `audio` of {bytes, path}, where the recordings are stored in one.
        places: the places of the rows in `stored`.
    """

    columns: Columns
    keys: list[str]
    names: list[str]
    files: list[str] = field(default_factory=list)
    stats: list[Stat] = field(default_factory=list)
    stored: Dataset | None = None
    places: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    def take(self, rows: Sequence[int]) -> Part:
        """Return the rows at these places, in this order."""

        def pick(cells: list[Any]) -> list[Any]:
            return [cells[row] for row in rows] if cells else []

        return Part(
            {name: pick(cells) for name, cells in self.columns.items()},
            pick(self.keys),
            pick(self.names),
            pick(self.files),
            pick(self.stats),
            self.stored,
            pick(self.places),
        )


@dataclass(frozen=True)
class Source:
    """Parts of the data by the name the data gives them ("" where it has none).

    `audio` is the column that holds or names the recordings, `label` the column that a folder name filled (and so is
    known to be the target), `text` and `group` those that `audio-ft prepare` wrote down as transcript and group ("":
    there is no group), `chain` the steps that the recordings already went through.
    """

    parts: dict[str, Part]
    audio: str
    label: str | None = None
    notes: tuple[str, ...] = ()
    chain: list[dict[str, Any]] | None = None
    text: str | None = None
    group: str | None = None


def merged(parts: Sequence[Part]) -> Columns:
    """Return the columns of several parts one below the other; a column that one of them lacks is empty there."""
    if len(parts) == 1:
        return parts[0].columns
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    return {name: [cell for part in parts for cell in part.columns.get(name, [None] * len(part))] for name in names}


def join(parts: Sequence[Part]) -> Part:
    """Return the rows of several parts as one."""
    if len(parts) == 1:
        return parts[0]
    from datasets import concatenate_datasets

    stored = [part.stored for part in parts if part.stored is not None]
    places: list[int] = []
    offset = 0
    for part in parts:
        places += [offset + place for place in part.places]
        offset += len(part.stored) if part.stored is not None else 0
    return Part(
        merged(parts),
        [key for part in parts for key in part.keys],
        [name for part in parts for name in part.names],
        [file for part in parts for file in part.files],
        [stat for part in parts for stat in part.stats],
        concatenate_datasets(stored) if stored else None,
        places,
    )
