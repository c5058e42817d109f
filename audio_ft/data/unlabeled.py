"""Read recordings without asking for a target: every row of a source, with its group and its other columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.audio.windows import windows
from audio_ft.data import sources
from audio_ft.data.parts.rows import cut
from audio_ft.data.probe import probe_all
from audio_ft.data.readers.tree import scan
from audio_ft.data.rows import Rows, Source, suffix_of, whole_keys
from audio_ft.data.spec import Data
from audio_ft.data.table import columns
from audio_ft.data.table.columns import FILE
from audio_ft.data.table.name_patterns import group_from_names
from audio_ft.data.table.tables import tables_of
from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.targets import Label
from audio_ft.targets.cells import as_text

if TYPE_CHECKING:
    from datasets import Dataset

SPLIT, FOLDER = "split", "folder"


@dataclass(frozen=True)
class Unlabeled:
    """Hold recordings whose targets nobody asked for.

    Attributes:
        table: a row each: audio (undecoded), group, key and meta as in `loader.Loaded`, and start, end and channel
            where rows are parts of recordings; its column target is empty.
        files: the name of each row's recording in its source, without what a part adds to the key.
        columns: what else the source says of each row: labels, split, speaker …
        group: the column of the groups; None without.
        chain: the cleaning steps that the recordings already went through.
        fingerprint: digest of names, sizes, modification times and columns.
        notes: what a user should know.
    """

    table: Dataset
    files: list[str]
    columns: Mapping[str, list[Any]]
    group: str | None
    chain: list[Any] | None
    fingerprint: str
    notes: tuple[str, ...]


def recordings(data: Data, *, window: float | None = None) -> Unlabeled:
    """Read all rows of a source, whatever its splits; each recording or part of one is there once.

    A folder whose labels are missing or unclear is a list of recordings. With `window`, longer rows are cut into parts
    of so many seconds, as few as cover them.

    Raises:
        InputError: there are no recordings, or a setting of the data does not fit them.
    """
    source = _read(data)
    rows = source.rows
    if rows.split_names != ("",):
        rows = replace(rows, columns=rows.columns | {SPLIT: rows.splits})
    rows, _, notes = cut(rows, data, (source.audio,), prepared=source.chain is not None, tracks=source.parts)
    rows, again = _once(rows)
    if data.limit is not None and data.limit < len(rows):
        rows = rows.take([at * len(rows) // data.limit for at in range(data.limit)])
    if window is not None:
        rows = _in_windows(rows, window)
    group, groups = _groups(rows, data, source)
    others = {name: cells for name, cells in rows.columns.items() if name != source.audio}
    rows = replace(rows, columns=others, groups=groups, targets=[None] * len(rows))
    tables, fingerprint = tables_of({"train": rows}, {group}, Label)
    said = (*source.notes, *notes, *again)
    return Unlabeled(tables["train"], whole_keys(rows), others, group, source.chain, fingerprint, said)


def _read(data: Data) -> Source:
    """Read a source; a folder that cannot be read as labeled data is a list of its recordings."""
    try:
        return sources.read(data)
    except InputError as error:
        folder = Path(data.path).expanduser()
        if not folder.is_dir() or data != Data(path=data.path, group=data.group, limit=data.limit):
            raise
        tree = scan(folder)
        paths = tree.below()
        if not paths:
            raise
        tops = [path.partition("/")[0] if "/" in path else "" for path in paths]
        rows = tree.rows(paths).in_splits("")
        rows = replace(rows, columns=rows.columns | ({FOLDER: tops} if len(set(tops)) > 1 else {}))
        return Source(rows, FILE, notes=(f"read as a list of recordings ({str(error).removesuffix('.')})",))


def _once(rows: Rows) -> tuple[Rows, list[str]]:
    """Return the rows without those whose recording or part was there before, and a note on them."""
    first: dict[Any, int] = {}
    for row, (identity, one) in enumerate(zip(rows.identities, rows.recordings, strict=True)):
        first.setdefault((identity, suffix_of(one)), row)
    again = len(rows) - len(first)
    if not again:
        return rows, []
    return rows.take(list(first.values())), [f"{counted(again, 'row')} of recordings listed before left out"]


def _in_windows(rows: Rows, seconds: float) -> Rows:
    """Return the rows, the long ones cut into parts of so many seconds."""
    chosen, parts = [], []
    for row, (one, probed) in enumerate(zip(rows.recordings, probe_all(rows), strict=True)):
        begin = one.start or 0.0
        # Milliseconds are what keys and tables show.
        for start, stop in windows(round(1_000 * probed.seconds), round(1_000 * seconds)):
            whole = probed.seconds <= seconds
            chosen.append(row)
            parts.append(one if whole else one._replace(start=begin + start / 1_000, stop=begin + stop / 1_000))
    names = whole_keys(rows)
    keys = [names[row] + suffix_of(part) for row, part in zip(chosen, parts, strict=True)]
    return replace(rows.take(chosen), recordings=parts, keys=keys)


def _groups(rows: Rows, data: Data, source: Source) -> tuple[str | None, list[str | None]]:
    """Return the column of the groups, and the group of each row; of names of files where no column has them."""
    others = {name: cells for name, cells in rows.columns.items() if name != source.audio or name == data.group}
    column = columns.find_group(others, data.group if data.group is not None else source.group, "", data.path)
    if column is not None:
        return column, [as_text(cell) or None for cell in rows.columns[column]]
    if data.group != "" and (read := group_from_names([one.path for one in rows.recordings])):
        return read[0], list(read[1])
    return None, []
