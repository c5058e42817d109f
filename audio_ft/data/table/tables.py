"""The tables that `load` returns: rows beside their undecoded recordings, their other columns, and their digest."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.cleaning.place import PLACE
from audio_ft.data.rows import Rows, Stored, any_part, audio_table, place_of
from audio_ft.errors import InputError
from audio_ft.formatting import escaped
from audio_ft.targets import Target

if TYPE_CHECKING:
    from datasets import Dataset


def tables_of(parts: Mapping[str, Rows], used: set[str | None], kind: type[Target]) -> tuple[dict[str, Dataset], str]:
    """Return the tables of splits, and their digest; `used` are the columns that are not among the others.

    A key that occurs again gets "#2" and so on.
    """
    tables, metas = {}, {name: _metas_of(rows, used) for name, rows in parts.items()}
    seen: Counter[str] = Counter()
    for name, rows in parts.items():
        keys = []
        for key in rows.keys:
            seen[key] += 1
            keys.append(key if seen[key] == 1 else f"{key}#{seen[key]}")
        tables[name] = _table_of(rows, keys, metas[name], kind)
    return tables, _fingerprint_of(parts, metas, kind)


def _metas_of(rows: Rows, used: set[str | None]) -> list[str]:
    """Return the other columns of each row as JSON text; NaN becomes null."""
    others = {name: cells for name, cells in rows.columns.items() if name not in used}
    return [
        json.dumps({name: cells[row] if cells[row] == cells[row] else None for name, cells in others.items()},
                   ensure_ascii=False, default=str)
        for row in range(len(rows))
    ]  # fmt: skip


def _table_of(rows: Rows, keys: list[str], metas: list[str], kind: type[Target]) -> Dataset:
    """Return the rows as a table with the columns audio, target, group, key and meta, and language if known."""
    import pyarrow as pa
    from datasets import Dataset, Features, Value, concatenate_datasets

    text = Value("string")
    features = Features(Features.from_dict({"target": kind.storage}), group=text, key=text, meta=text)
    cells = {"target": rows.targets, "group": rows.groups or [None] * len(rows), "key": keys, "meta": metas}
    if rows.languages:
        features |= {"language": text}
        cells |= {"language": rows.languages}
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


def _fingerprint_of(rows: Mapping[str, Rows], metas: Mapping[str, list[str]], kind: type[Target]) -> str:
    """Return the digest of everything that training reads; recordings count by size and modification time."""
    digest = hashlib.sha256(kind.kind.encode())
    for name, split in rows.items():
        tables = {id(one.table): one.table for one in split.recordings if isinstance(one, Stored)}.values()
        stored = "".join(table._fingerprint for table in tables) or None
        digest.update(json.dumps([name, len(split), stored]).encode())
        marks: list[Any] = [one.row if isinstance(one, Stored) else one[1:3] for one in split.recordings]
        marks += [list(place_of(one).values()) for one in split.recordings if any_part(one)]
        marks += split.languages
        content = [split.keys, marks, split.targets, split.groups or [None] * len(split), metas[name]]
        digest.update(json.dumps(content, ensure_ascii=True).encode())
    return digest.hexdigest()
