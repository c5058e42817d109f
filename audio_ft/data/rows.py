"""Rows: the one table that every reader returns, and the undecoded recordings in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.codec.source import Part
from audio_ft.cleaning.place import source_of

if TYPE_CHECKING:
    from datasets import Dataset

Columns = dict[str, list[Any]]


class File(NamedTuple):
    """A recording that is a file: absolute path, bytes, and time of its last change in ns; -1 where it is missing.

    Where the row is a part of it, `start` and `stop` are seconds (stop None: to its end) and `channel` counts from 0.
    """

    path: str
    size: int = -1
    changed: int = -1
    start: float | None = None
    stop: float | None = None
    channel: int | None = None

    @property
    def identity(self) -> Any:
        """Return what rows of the same recording have in common."""
        return self.path

    def content(self) -> str | bytes | Part:
        """Return what audio readers take: the path, or the part."""
        return source_of({"audio": {"path": self.path}, **place_of(self)})


class Stored(NamedTuple):
    """A recording in one row of a table, whose column `audio` has {bytes, path}; `path` is "" where it has none.

    The table may say in `start`, `end` and `channel` which part of its recording a row is, and so may the fields.
    """

    table: Dataset
    row: int
    path: str
    start: float | None = None
    stop: float | None = None
    channel: int | None = None

    @property
    def identity(self) -> Any:
        """Return what rows of the same recording have in common; names that are stored with bytes may repeat."""
        return id(self.table), self.row

    def content(self) -> str | bytes | Part:
        """Return what audio readers take: the bytes, the path where there are none, or the part."""
        own = {name: value for name, value in place_of(self).items() if value is not None}
        return source_of({**self.table[self.row], **own})


def suffix_of(recording: File | Stored) -> str:
    """Return what a part adds to the key of its recording: "#1.200-3.400", "#ch0", "#1.200-end-ch1", or ""."""
    marks = []
    if recording.start is not None:
        marks.append(f"{recording.start:.3f}-{'end' if recording.stop is None else f'{recording.stop:.3f}'}")
    if recording.channel is not None:
        marks.append(f"ch{recording.channel}")
    return "#" + "-".join(marks) if marks else ""


def any_part(recording: File | Stored) -> bool:
    """Tell whether a row is a part of its recording."""
    return recording.start is not None or recording.channel is not None


def place_of(recording: File | Stored) -> dict[str, Any]:
    """Return which part of its recording a row is, as the columns of a table hold it."""
    return {"start": recording.start, "end": recording.stop, "channel": recording.channel}


_LISTS = ("keys", "recordings", "splits", "targets", "groups", "numbers", "languages")


@dataclass(frozen=True)
class Rows:
    """Hold undecoded recordings and what is known of them, one entry a row in every list.

    Attributes:
        columns: the original columns, without the one that stores the recordings themselves, if any does.
        keys: what identifies a row in messages and in the result.
        recordings: where each recording is.
        splits: the split of each row, by the name that the data gives it; "" where it has none.
        split_names: the names of the splits, some of which may have no rows.
        targets: the parsed targets.
        groups: the group of each row, None where it has none; [] where no groups are known.
        numbers: the place of each row in its manifest, from 1; [] where none lists it.
        languages: the language of each row, None where it is not known; [] where no column or setting has it.
    """

    columns: Columns
    keys: list[str]
    recordings: Sequence[File | Stored]
    splits: list[str] = field(default_factory=list)
    split_names: tuple[str, ...] = ()
    targets: list[Any] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    languages: list[str | None] = field(default_factory=list)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    @property
    def identities(self) -> list[Any]:
        """Return for each row what rows of the same recording have in common; one without a recording has none."""
        return [one.identity or ("", row) for row, one in enumerate(self.recordings)]

    def take(self, rows: Sequence[int]) -> Rows:
        """Return the rows with these indices, in this order."""

        def pick(cells: Sequence[Any]) -> list[Any]:
            return [cells[row] for row in rows] if cells else []

        lists: Any = {name: pick(getattr(self, name)) for name in _LISTS}
        return replace(self, columns={name: pick(cells) for name, cells in self.columns.items()}, **lists)

    def in_splits(self, splits: list[str] | str) -> Rows:
        """Return the rows with a split for each, or one for all."""
        each = [splits] * len(self) if isinstance(splits, str) else splits
        return replace(self, splits=each, split_names=tuple(sorted(set(each))))

    def by_split(self) -> dict[str, Rows]:
        """Return the rows of each split."""
        found: dict[str, list[int]] = {name: [] for name in self.split_names}
        for row, split in enumerate(self.splits):
            found[split].append(row)
        return {name: self.take(rows) for name, rows in found.items()}


def merged(parts: Mapping[str, Rows]) -> Rows:
    """Return the rows of several splits as one table; a column that a split lacks is empty there."""
    rows = list(parts.values())
    names = dict.fromkeys(name for part in rows for name in part.columns)
    return Rows(
        {name: [cell for part in rows for cell in part.columns.get(name, [None] * len(part))] for name in names},
        [key for part in rows for key in part.keys],
        [recording for part in rows for recording in part.recordings],
        [name for name, part in parts.items() for _ in part.keys],
        tuple(parts),
        numbers=[number for part in rows for number in part.numbers] if all(part.numbers for part in rows) else [],
    )


def whole_keys(rows: Rows) -> list[str]:
    """Return the key of the recording of each row, without what the part adds."""
    return [key.removesuffix(suffix_of(one)) for key, one in zip(rows.keys, rows.recordings, strict=True)]


@dataclass(frozen=True)
class Source:
    """What a reader returns.

    Attributes:
        rows: the rows.
        audio: the column with the recordings or their paths.
        target: the column that is the target without being chosen: the names of folders, or what `audio-ft prepare`
            recorded.
        implied_by: which kinds of target that column is for, as in `Target.implied_by`.
        group: the column of groups, where `audio-ft prepare` recorded it ("": there are none).
        parts: what says which part of its recording each row is, in seconds in the columns start and end, where that
            is not up to the columns' names: "3 Audacity label files".
        kind: the kind of target, where `audio-ft prepare` recorded it; it writes several labels with ";".
        chain: the cleaning steps that the recordings already went through.
        notes: what a user should know, such as what was left out.
        files: paths of the manifests and lists that were read.
        splits_from: which files or column gave the splits, where that is not obvious; "" otherwise.
    """

    rows: Rows
    audio: str
    target: str | None = None
    implied_by: str = "label"
    group: str | None = None
    chain: list[dict[str, Any]] | None = None
    notes: tuple[str, ...] = ()
    splits_from: str = ""
    files: frozenset[str] = frozenset()
    kind: str = ""
    parts: str = ""


def audio_table(recordings: Sequence[File | Stored]) -> tuple[Dataset, NDArray[np.int64]]:
    """Return a table with these recordings, undecoded, in its column `audio`, and the row of each; none is copied."""
    import pyarrow as pa
    from datasets import Audio, Dataset, Features, concatenate_datasets

    tables = list({id(one.table): one.table for one in recordings if isinstance(one, Stored)}.values())
    files = [one.path for one in recordings if isinstance(one, File)]
    # Built as a table, because encoding paths as examples would import torchcodec.
    cells = [pa.nulls(len(files), pa.binary()), pa.array(files, pa.string())]
    audio = pa.table({"audio": pa.StructArray.from_arrays(cells, ["bytes", "path"])},
                     schema=Features(audio=Audio(decode=False)).arrow_schema)  # fmt: skip
    starts = dict(zip(map(id, tables), accumulate(map(len, tables), initial=0), strict=False))
    next_file = count(sum(map(len, tables)))
    places = [next(next_file) if isinstance(one, File) else starts[id(one.table)] + one.row for one in recordings]
    return concatenate_datasets([*tables, Dataset(audio)]), np.array(places, np.int64)


def stored_paths(table: Dataset) -> Iterator[tuple[bool, str]]:
    """Yield for each recording of a table whether the column `audio` has its bytes, and its path or ""."""
    import pyarrow.compute as pc

    cells = table.select_columns(["audio"]).with_format("arrow")[:].column("audio")
    stored = pc.is_valid(pc.struct_field(cells, "bytes")).to_pylist()
    paths = pc.fill_null(pc.struct_field(cells, "path"), "").to_pylist()
    return zip(stored, paths, strict=True)
