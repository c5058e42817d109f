"""Features of many recordings as files: one .npz per recording, or one Parquet table with a row per recording."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.features.registry import compute, get_feature
from audio_ft.audio.features.spectral import HOP_SECONDS
from audio_ft.audio.output_paths import output_names
from audio_ft.errors import AudioError
from audio_ft.file_io import as_json, replacing, write_bytes, write_table
from audio_ft.parallel import KILLED, parallel_map

TABLE_SUFFIX, ABOUT_FILE, UNREADABLE_FILE = ".parquet", "features.json", "unreadable.txt"
# Values in one row group of the table: a reader loads one group at a time, and list offsets have 32 bits.
_GROUP = 16_000_000
# A recording and its features are in memory together; the spectrogram of half an hour takes some hundred megabytes.
MAX_MINUTES = 30


@dataclass(frozen=True)
class Source:
    """Name one recording and the .npz file to write, if any."""

    key: str
    path: str
    target: Path | None = None


@dataclass(frozen=True)
class Extracted:
    """Hold the features of one recording by name (empty if written to a file), or why it cannot be read."""

    key: str
    seconds: float = 0.0
    rate: int = 0
    arrays: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True)
class Saved:
    """Hold the number of recordings written, and key and reason of the unreadable ones."""

    written: int
    unreadable: tuple[tuple[str, str], ...]


def save_features(paths: Mapping[str, str], names: Sequence[str], target: Path) -> Saved:
    """Write features of recordings, given as {key: path}, to a table or a folder.

    A target ending in .parquet becomes one table with the columns file, seconds, rate in Hz and one per feature, which
    holds the feature's rows as lists. Any other target is a folder: one .npz per recording, `features.json` that
    describes the arrays, and `unreadable.txt` where recordings could not be read (comma-separated; the suffix keeps it
    from being read as a manifest).

    Raises:
        InputError: a feature is unknown, or the target cannot be written.
    """
    described = ("title", "what", "shape", "rows", "unit", "source")
    about = {name: {key: getattr(get_feature(name), key) for key in described} for name in names}
    table = target.suffix.lower() == TABLE_SUFFIX
    stems = output_names(paths)
    sources = [Source(key, path, None if table else target / f"{stems[key]}.npz") for key, path in paths.items()]
    extract = partial(_extract, names)
    results = parallel_map(extract, sources, len(sources), describe="computing features", died=_killed)
    if table:
        done = _write_table(results, about, target)
        unreadable_file = target.with_suffix(f".{UNREADABLE_FILE}")
    else:
        done = list(results)
        write_bytes(target / ABOUT_FILE, as_json(about), make_parents=True)
        unreadable_file = target / UNREADABLE_FILE
    unreadable = tuple((one.key, one.error) for one in done if one.error is not None)
    write_table(unreadable_file, [{"file": key, "reason": reason} for key, reason in unreadable])
    return Saved(len(done) - len(unreadable), unreadable)


def read_whole(path: str) -> Clip:
    """Read a recording of at most half an hour.

    Raises:
        AudioError: it cannot be read, or is longer.
    """
    clip = read(path, seconds=60.0 * MAX_MINUTES + 1)
    if clip.seconds > 60 * MAX_MINUTES:
        raise AudioError(
            path,
            f"longer than {MAX_MINUTES} minutes; cut it first, for example with "
            "ffmpeg -i LONG.wav -f segment -segment_time 600 -c copy PART%03d.wav",
        )
    return clip


def clip_arrays(clip: Clip, names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Return the content of a recording's .npz: its features, `seconds`, `rate` in Hz and `hop_seconds`."""
    plain = {"seconds": clip.seconds, "rate": clip.rate, "hop_seconds": HOP_SECONDS}
    return {**compute(clip, names), **{name: np.asarray(value) for name, value in plain.items()}}


def write_arrays(arrays: NDArray[Any] | Mapping[str, Any], file: Path) -> None:
    """Write an array as .npy, or named arrays as .npz, whole or not at all; the folder is made.

    Raises:
        InputError: a place that cannot be written.
    """
    with replacing(file, make_parents=True) as unfinished, unfinished.open("wb") as stream:
        if isinstance(arrays, Mapping):
            np.savez(stream, **arrays)
        else:
            np.save(stream, arrays, allow_pickle=False)


def _extract(names: Sequence[str], source: Source) -> Extracted:
    """Return features of one recording, or write them to the source's target."""
    try:
        clip = read_whole(source.path)
    except AudioError as error:
        return Extracted(source.key, error=error.reason)
    if source.target is None:
        return Extracted(source.key, clip.seconds, clip.rate, compute(clip, names))
    write_arrays(clip_arrays(clip, names), source.target)
    return Extracted(source.key, clip.seconds, clip.rate)


def _killed(source: Source) -> Extracted:
    return Extracted(source.key, error=KILLED)


def _write_table(results: Iterable[Extracted], about: Mapping[str, Mapping[str, str]], target: Path) -> list[Extracted]:
    """Write a Parquet table in one move, some recordings at a time, and return the results without their arrays."""
    import pyarrow as pa
    from pyarrow import parquet

    columns = [pa.field("file", pa.string()), pa.field("seconds", pa.float64()), pa.field("rate", pa.int64())]
    values = pa.list_(pa.list_(pa.float32()))
    columns += [pa.field(name, values, metadata=one) for name, one in about.items()]
    schema = pa.schema(columns, metadata={"features": json.dumps(about), "hop_seconds": str(HOP_SECONDS)})
    done: list[Extracted] = []
    with replacing(target, make_parents=True) as unfinished, parquet.ParquetWriter(unfinished, schema) as writer:
        for group in _groups(results):
            rows = [
                {"file": one.key, "seconds": one.seconds, "rate": one.rate}
                | {name: list(array) for name, array in one.arrays.items()}
                for one in group
                if one.error is None
            ]
            if rows:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
            done += [replace(one, arrays={}) for one in group]
    return done


def _groups(results: Iterable[Extracted]) -> Iterator[list[Extracted]]:
    """Yield results in groups of about the size of a row group."""
    group: list[Extracted] = []
    size = 0
    for one in results:
        group.append(one)
        size += sum(array.size for array in one.arrays.values())
        if size >= _GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group
