"""Recordings in rows of Parquet files, each with an address: "shards/train-00000-of-00012.parquet#17".

An address is read wherever the path of a recording is, from a disk or by fsspec, and reads no more than the group of
rows that it is in.
"""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import AudioError

# The columns with a clean recording (see `cleaning.dataset`), and where a file says at which rate in Hz they are.
SAMPLES, SCALE, FACTS = "samples", "scale", b"audio_ft"
_ADDRESS = re.compile(r"(.+\.parquet)#(\d+)", re.DOTALL)
# Files that stay open, and groups of rows that stay in memory, in each process: those of a buffer of a stream (see
# `training.steps.stream_order`), with room for its edges.
_FILES, _GROUPS = 16, 64


def address_of(file: str, row: int) -> str:
    """Return the address of a row of a Parquet file."""
    return f"{file}#{row}"


def place_in(path: str) -> tuple[str, int] | None:
    """Return file and row of an address, None for any other path.

    Example:
        >>> place_in("a/train.parquet#17"), place_in("a/yes.wav")
        (('a/train.parquet', 17), None)
    """
    found = _ADDRESS.fullmatch(path)
    return (found[1], int(found[2])) if found else None


def clean_row(path: str) -> dict[str, Any]:
    """Return the columns of the row at an address: lists as arrays, other cells as Python values.

    Raises:
        AudioError: the file or the row cannot be read, or holds no clean recording.
    """
    return _row(path, None)


def samples_of(path: str) -> NDArray[np.int16]:
    """Return the 16-bit samples (time,) of the clean recording at an address, without its other columns.

    Raises:
        AudioError: the file or the row cannot be read, or holds no clean recording.
    """
    return np.asarray(_row(path, SAMPLES)[SAMPLES])


def _row(path: str, column: str | None) -> dict[str, Any]:
    """Return the cells of a row, or that of one column."""
    file, row = place_in(path) or (path, -1)
    try:
        table, start = _group(file, row, column, os.getpid())
    except (OSError, ValueError, IndexError) as error:
        raise AudioError(path, f"cannot be read ({str(error).splitlines()[0]})") from error
    if SAMPLES not in table.column_names:
        raise AudioError(path, "no shard of audio-ft prepare")
    return {name: _cell(table.column(name)[row - start]) for name in table.column_names}


def rate_of(path: str) -> int:
    """Return the rate in Hz of the recording at an address."""
    file, _ = place_in(path) or (path, -1)
    about = json.loads((_opened(file, os.getpid())[0].schema_arrow.metadata or {}).get(FACTS, b"{}"))
    return int(about.get("rate", 0))


def seconds_of(file: str, row: int) -> float:
    """Return how long the clean recording in a row of a file is, without reading its samples."""
    return float(_seconds(file, os.getpid())[row])


def as_wav(path: str) -> bytes:
    """Return the recording at an address as the content of a WAV file.

    Raises:
        AudioError: it cannot be read.
    """
    import io

    import soundfile

    row, content = clean_row(path), io.BytesIO()
    soundfile.write(content, row[SAMPLES] * np.float32(row[SCALE]), rate_of(path), "FLOAT", format="WAV")
    return content.getvalue()


def _cell(cell: Any) -> Any:
    values = getattr(cell, "values", None)
    return cell.as_py() if values is None or values.type in ("string",) else values.to_numpy(zero_copy_only=False)


@lru_cache(maxsize=_FILES)
def _opened(file: str, process: int) -> tuple[Any, Any]:
    """Return an open Parquet file and the first row of each of its groups; a forked `process` opens its own."""
    import fsspec
    import pyarrow.parquet as pq

    # Nothing is read ahead: a group is one read a column, and what follows it may never be used.
    stream = fsspec.open(file, "rb", cache_type="none").open() if "://" in file else file
    opened = pq.ParquetFile(stream, pre_buffer=False)
    sizes = [opened.metadata.row_group(group).num_rows for group in range(opened.num_row_groups)]
    return opened, np.cumsum([0, *sizes])


@lru_cache(maxsize=_FILES)
def _seconds(file: str, process: int) -> Any:
    return _opened(file, process)[0].read(["seconds"], use_threads=False).column(0).to_numpy()


def _group(file: str, row: int, column: str | None, process: int) -> tuple[Any, int]:
    """Return the group of rows that a row is in, and its first row."""
    _, starts = _opened(file, process)
    group = int(np.searchsorted(starts, row, side="right")) - 1
    if not 0 <= group < len(starts) - 1:
        raise IndexError(f"it has {starts[-1]:,} rows")
    return _read_group(file, group, column, process), int(starts[group])


@lru_cache(maxsize=_GROUPS)
def _read_group(file: str, group: int, column: str | None, process: int) -> Any:
    opened, _ = _opened(file, process)
    # Threads of a pool that a forked process inherited do not run.
    return opened.read_row_group(group, None if column is None else [column], use_threads=False)
