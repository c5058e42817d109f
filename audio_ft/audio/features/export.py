"""Features of many recordings as files: one .npz per recording, or one Parquet table with a row per recording."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import read
from audio_ft.audio.features.arrays import write_arrays
from audio_ft.audio.features.registry import compute, get_feature
from audio_ft.audio.features.spectral import HOP_SECONDS
from audio_ft.audio.output_paths import output_names
from audio_ft.errors import AudioError
from audio_ft.file_io import as_json, replacing, write_bytes, write_table
from audio_ft.parallel import parallel_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.audio.clip import Clip

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
class Extract:
    """Compute features of one recording; can be pickled for worker processes."""

    names: tuple[str, ...]

    def __call__(self, source: Source) -> Extracted:
        """Return the features, or write them to the source's target.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            clip = read_whole(source.path)
        except AudioError as error:
            return Extracted(source.key, error=error.reason)
        if source.target is None:
            return Extracted(source.key, clip.seconds, clip.rate, compute(clip, self.names))
        write_arrays(clip_arrays(clip, self.names), source.target)
        return Extracted(source.key, clip.seconds, clip.rate)


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
    for name in names:
        get_feature(name)
    table = target.suffix.lower() == TABLE_SUFFIX
    stems = output_names(paths)
    sources = [Source(key, path, None if table else target / f"{stems[key]}.npz") for key, path in paths.items()]
    results = parallel_map(Extract(tuple(names)), sources, len(sources), describe="computing features")
    done = _write_table(results, names, target) if table else list(results)
    if not table:
        write_bytes(target / ABOUT_FILE, as_json(describe(names)), make_parents=True)
    unreadable = tuple((one.key, one.error) for one in done if one.error is not None)
    write_table(
        target.with_suffix(f".{UNREADABLE_FILE}") if table else target / UNREADABLE_FILE,
        [{"file": key, "reason": reason} for key, reason in unreadable],
    )
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


def describe(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the descriptions of features, by name."""
    fields = ("title", "what", "shape", "rows", "unit", "source")
    return {name: {field: getattr(get_feature(name), field) for field in fields} for name in names}


def _write_table(results: Iterator[Extracted], names: Sequence[str], target: Path) -> list[Extracted]:
    """Write a Parquet table in one move, some recordings at a time, and return the results without their arrays."""
    import pyarrow as pa
    from pyarrow import parquet

    descriptions = describe(names)
    values = pa.list_(pa.list_(pa.float32()))
    columns = [pa.field("file", pa.string()), pa.field("seconds", pa.float64()), pa.field("rate", pa.int64())]
    columns += [pa.field(name, values, metadata=descriptions[name]) for name in names]
    schema = pa.schema(columns, metadata={"features": json.dumps(descriptions), "hop_seconds": str(HOP_SECONDS)})
    done: list[Extracted] = []
    with replacing(target, make_parents=True) as unfinished, parquet.ParquetWriter(unfinished, schema) as writer:
        for group in _groups(results):
            good = [one for one in group if one.error is None]
            arrays: list[Any] = [pa.array([one.key for one in good]), pa.array([one.seconds for one in good])]
            arrays += [pa.array([one.rate for one in good], pa.int64())]
            arrays += [_column([one.arrays[name] for one in good]) for name in names]
            if good:
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            done += [Extracted(one.key, one.seconds, one.rate, error=one.error) for one in group]
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


def _column(arrays: Sequence[NDArray[np.float32]]) -> Any:
    """Return arrays (rows, frames) as one Arrow column of lists of lists, without Python objects for the values."""
    import pyarrow as pa

    widths = np.concatenate([np.full(array.shape[0], array.shape[1]) for array in arrays])
    rows = np.array([array.shape[0] for array in arrays])
    flat = np.concatenate([array.ravel() for array in arrays])
    inner = pa.ListArray.from_arrays(_offsets(widths), pa.array(flat, pa.float32()))
    return pa.ListArray.from_arrays(_offsets(rows), inner)


def _offsets(lengths: NDArray[Any]) -> Any:
    import pyarrow as pa

    return pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
