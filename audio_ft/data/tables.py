"""The tables that `load` returns: rows beside their undecoded recordings, their other columns, and their digest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.cleaning.place import PLACE
from audio_ft.data.rows import Rows, Stored, any_part, audio_table, place_of
from audio_ft.errors import InputError
from audio_ft.formatting import escaped
from audio_ft.targets import Target

if TYPE_CHECKING:
    from datasets import Dataset


def numbered(keys: Iterable[str]) -> Iterator[str]:
    """Yield the keys, with "#2" and so on added to repeated ones."""
    seen: Counter[str] = Counter()
    for key in keys:
        seen[key] += 1
        yield key if seen[key] == 1 else f"{key}#{seen[key]}"


def metas_of(rows: Rows, used: set[str | None]) -> list[str]:
    """Return the other columns of each row as JSON text; NaN becomes null."""
    others = {name: cells for name, cells in rows.columns.items() if name not in used}
    return [
        json.dumps({name: cells[row] if cells[row] == cells[row] else None for name, cells in others.items()},
                   ensure_ascii=False, default=str)
        for row in range(len(rows))
    ]  # fmt: skip


def table_of(rows: Rows, keys: list[str], metas: list[str], kind: type[Target]) -> Dataset:
    """Return the rows as a table with the columns audio, target, group, key and meta."""
    import pyarrow as pa
    from datasets import Dataset, Features, Value, concatenate_datasets

    text = Value("string")
    features = Features(Features.from_dict({"target": kind.storage}), group=text, key=text, meta=text)
    cells = {"target": rows.targets, "group": rows.groups or [None] * len(rows), "key": keys, "meta": metas}
    if any(map(any_part, rows.recordings)):
        features |= {"start": Value("float64"), "end": Value("float64"), "channel": Value("int64")}
        cells |= {name: [place_of(one)[name] for one in rows.recordings] for name in PLACE[1:]}
    try:
        audio, places = audio_table(rows.recordings)
        others = pa.table(cells, schema=features.arrow_schema)
    except UnicodeEncodeError as error:
        raise InputError(
            f"{escaped(str(error.object))[:200]}: expected UTF-8, got other bytes; rename the file (convmv does a "
            "whole folder), or fix the cell"
        ) from error
    # The cells are set beside all recordings and rows are selected afterwards, so that no recording is copied.
    row_at = np.full(len(audio), -1)
    row_at[places] = np.arange(len(places))
    beside = others.take(pa.array(row_at, mask=row_at < 0))
    return concatenate_datasets([audio, Dataset(beside)], axis=1).select(places)


def fingerprint_of(rows: Mapping[str, Rows], metas: Mapping[str, list[str]], kind: type[Target]) -> str:
    """Return the digest of everything that training reads; recordings count by size and modification time."""
    digest = hashlib.sha256(kind.kind.encode())
    for name, split in rows.items():
        tables = {id(one.table): one.table for one in split.recordings if isinstance(one, Stored)}.values()
        stored = "".join(table._fingerprint for table in tables) or None
        digest.update(json.dumps([name, len(split), stored]).encode())
        marks: list[Any] = [one.row if isinstance(one, Stored) else one[1:3] for one in split.recordings]
        marks += [list(place_of(one).values()) for one in split.recordings if any_part(one)]
        content = [split.keys, marks, split.targets, split.groups or [None] * len(split), metas[name]]
        digest.update(json.dumps(content, ensure_ascii=True).encode())
    return digest.hexdigest()
