"""What the readers return: undecoded rows in columns, in the parts that the data defines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from audio_ft.data.manifests import Columns

if TYPE_CHECKING:
    from datasets import Dataset

Stat = tuple[int, int]
# Size in bytes and modification time in nanoseconds of a file that does not exist.
GONE: Stat = (-1, -1)
_LISTS = ("keys", "names", "files", "stats", "table_rows")


@dataclass(frozen=True)
class Part:
    """Rows of one part of the data, one entry a row in every field.

    Attributes:
        columns: the original columns, without the one that stores the recordings themselves, if any does.
        keys: what identifies a row in messages and in the result.
        names: file names, from which groups may be read.
        files: absolute paths, where the recordings are files.
        stats: (bytes, nanoseconds) of those files, `GONE` for one that is missing.
        table: a table with the column `audio` of {bytes, path}, where the recordings are stored in one.
        table_rows: the index of each row in `table`.
    """

    columns: Columns
    keys: list[str]
    names: list[str]
    files: list[str] = field(default_factory=list)
    stats: list[Stat] = field(default_factory=list)
    table: Dataset | None = None
    table_rows: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    def take(self, rows: Sequence[int]) -> Part:
        """Return the rows with these indices, in this order."""

        def pick(cells: list[Any]) -> list[Any]:
            return [cells[row] for row in rows] if cells else []

        columns = {name: pick(cells) for name, cells in self.columns.items()}
        return replace(self, columns=columns, **{name: pick(getattr(self, name)) for name in _LISTS})


@dataclass(frozen=True)
class Source:
    """Parts of the data by the names that the data gives them ("" where it has none).

    Attributes:
        parts: the rows.
        audio: the column with the recordings or their paths.
        label: the column that folder names filled, and which therefore is the target.
        notes: what a user should know.
        chain: the cleaning steps that the recordings already went through.
        text: the column of transcripts, where `audio-ft prepare` recorded it.
        group: the column of groups, where `audio-ft prepare` recorded it ("": there are none).
    """

    parts: dict[str, Part]
    audio: str
    label: str | None = None
    notes: tuple[str, ...] = ()
    chain: list[dict[str, Any]] | None = None
    text: str | None = None
    group: str | None = None


def merged(parts: Sequence[Part]) -> Columns:
    """Return the concatenated columns of several parts; a column that a part lacks is empty there."""
    if len(parts) == 1:
        return parts[0].columns
    names = list(dict.fromkeys(name for part in parts for name in part.columns))
    return {name: [cell for part in parts for cell in part.columns.get(name, [None] * len(part))] for name in names}


def join(parts: Sequence[Part]) -> Part:
    """Return the rows of several parts as one."""
    if len(parts) == 1:
        return parts[0]
    from datasets import concatenate_datasets

    lists: dict[str, list[Any]] = {name: [cell for part in parts for cell in getattr(part, name)] for name in _LISTS}
    tables = [part.table for part in parts if part.table is not None]
    lists["table_rows"], offset = [], 0
    for part in parts:
        lists["table_rows"] += [offset + row for row in part.table_rows]
        offset += len(part.table) if part.table is not None else 0
    return Part(merged(parts), table=concatenate_datasets(tables) if tables else None, **lists)
