"""Read recordings stored in tables, undecoded: saved `datasets` folders, Parquet files and data sets on the Hub."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.data.readers.class_names import with_class_names
from audio_ft.data.readers.folders import read_folder
from audio_ft.data.readers.paths import listed
from audio_ft.data.readers.saved_arrays import with_recordings
from audio_ft.data.readers.tree import file_at, scan, split_name
from audio_ft.data.rows import Columns, File, Rows, Source, Stored, merged, stored_paths
from audio_ft.data.spec import Data
from audio_ft.data.table.columns import AUDIO, among, find, find_audio, named
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from datasets import Dataset


# Tables of `datasets`, pandas and polars, which may hold the recordings themselves.
TABLES = (".parquet", ".arrow", ".feather")


def read_saved(folder: Path, data: Data) -> Source:
    """Read a folder written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`.

    Raises:
        InputError: the folder is damaged, or no column contains recordings.
    """
    from datasets import Dataset, load_from_disk

    try:
        found = load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: this saved data set cannot be read ({error}); save it again") from error
    if isinstance(found, Dataset):
        return _source(with_recordings(found, str(folder), data.audio), data.audio, folder.name, _bases(data, [folder]))
    tables = {split: with_recordings(table, f"{folder}/{split}", data.audio) for split, table in found.items()}
    return _source(tables, data.audio, folder.name, _bases(data, [folder]))


def read_parquet(files: Sequence[Path], root: Path, data: Data) -> Source:
    """Read Parquet, Arrow and Feather files.

    Their splits are those in their names ("train-00000-of-00002") or in the names of their folders.

    Raises:
        InputError: a file is not Parquet, or no column contains recordings or their paths.
    """
    from datasets.exceptions import DatasetsError

    by_split: dict[str, list[str]] = {}
    for path in sorted(files):
        words = (re.split(r"[-_.]", path.stem)[0], path.parent.name)
        by_split.setdefault(next(filter(split_name, words), ""), []).append(str(path))
    try:
        found = {split: with_recordings(_table(paths), root.name, data.audio) for split, paths in by_split.items()}
    except (OSError, ValueError, DatasetsError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{files[0]}: not readable as Parquet or Arrow ({_first_line(error)}); write it again"
        ) from error
    near = [root, *dict.fromkeys(file.parent for file in sorted(files))]
    return _source(found, data.audio, root.name, _bases(data, near))


def _bases(data: Data, near: Sequence[Path]) -> Sequence[Path]:
    """Return the folders that paths in a table start from: `data.root` alone, if it is set."""
    return near if data.root is None else [Path(data.root).expanduser()]


def _table(paths: Sequence[str]) -> Dataset:
    """Return the rows of files of one format; recordings may be plain bytes."""
    import pyarrow as pa
    from datasets import Dataset, concatenate_datasets
    from pyarrow import feather

    if paths[0].endswith(".parquet"):
        table = Dataset.from_parquet(list(paths))
    elif paths[0].endswith(".feather"):
        table = concatenate_datasets([Dataset(feather.read_table(path)) for path in paths])
    else:
        try:
            table = concatenate_datasets([Dataset.from_file(path) for path in paths])
        except pa.ArrowInvalid:  # not a stream but a file with an index at its end, as Feather is
            table = concatenate_datasets([Dataset(feather.read_table(path)) for path in paths])
    for name, feature in table.features.items():
        if getattr(feature, "dtype", None) in ("binary", "large_binary") and among(name, *AUDIO):
            own = table.with_format("arrow")[:]
            cells = [own.column(name).combine_chunks().cast(pa.binary()), pa.nulls(len(table), pa.string())]
            struct = pa.StructArray.from_arrays(cells, ["bytes", "path"])
            return Dataset(own.set_column(own.column_names.index(name), name, struct))
    return table


def read_hub(data: Data) -> Source:
    """Read a data set of the Hub; a repository of audio files is downloaded and read as a folder.

    Raises:
        InputError: the data set, configuration or revision does not exist, needs a script, or the Hub is unreachable.
    """
    import datasets
    from datasets.exceptions import DatasetsError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    repo, name, revision = data.path, data.name, data.revision
    try:
        builder = datasets.load_dataset_builder(repo, name, revision=revision)
        # The audiofolder reader of `datasets` decodes, which needs torchcodec.
        if builder.builder_name == "audiofolder":
            return read_folder(scan(Path(snapshot_download(repo, repo_type="dataset", revision=revision))), data)
        return _source(datasets.load_dataset(repo, name, revision=revision), data.audio, repo, [])
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, DatasetsError, HfHubHTTPError) as error:
        reason = _first_line(error)
        if "script" in reason.lower():
            fix = 'it is loaded by a script, which `datasets` no longer runs: try revision="refs/convert/parquet"'
        elif "config" in reason.lower():
            fix = f"name one configuration with name=… ({reason})"
        else:
            fix = f"there is no such folder or file, nor a data set on the Hub ({reason}); check the spelling"
        raise InputError(f"{repo}: cannot be loaded: {fix}") from error


def _first_line(error: Exception) -> str:
    """Return the first line of an error message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _source(found: Dataset | Mapping[str, Dataset], audio: str | None, name: str, folders: Sequence[Path]) -> Source:
    """Return the rows of what `datasets` loaded; paths are relative to one of `folders`, the first of which has all."""
    from datasets import Dataset

    tables = {"": found} if isinstance(found, Dataset) else dict(found)
    if not tables:
        raise InputError(f"{name}: this data set has no rows; check how it was saved")
    column = _audio_column(next(iter(tables.values())), audio, name)
    parts: dict[str, Rows] = {}
    notes: list[str] = []
    for split, table in tables.items():
        named(table.column_names, column, f"{name}, split {split!r}")
        prefix = "/".join(filter(None, (name, split)))
        if not _is_text(table.features[column]):
            parts[split] = _stored(table, column, prefix, folders)
        elif folders:
            parts[split], new = listed(_columns(table, prefix), column, Path(prefix), folders[:1], folders[0], {})
            notes += new
        else:
            raise InputError(
                f"{prefix}: column {column!r} holds paths, not recordings; name the column of recordings with "
                "data.audio=NAME"
            )
    return Source(merged(parts), column, notes=tuple(notes))


def _audio_column(table: Dataset, chosen: str | None, name: str) -> str:
    """Return the column of recordings: the chosen one, else by type, else by name."""
    from datasets import Audio

    if chosen is not None:
        return named(table.column_names, chosen, name)
    typed = [
        column
        for column, feature in table.features.items()
        if isinstance(feature, Audio) or (isinstance(feature, dict) and feature.keys() >= {"bytes", "path"})
    ]
    if typed:
        return typed[0] if len(typed) == 1 else find(typed, AUDIO, "the recording", "audio", name)
    text = [column for column, feature in table.features.items() if _is_text(feature)]
    return find_audio(table.select_columns(text).with_format(None)[:100], None, name)


def _is_text(feature: Any) -> bool:
    """Tell whether a column contains text."""
    return getattr(feature, "dtype", None) in {"string", "large_string"}


def _stored(table: Dataset, column: str, prefix: str, folders: Sequence[Path]) -> Rows:
    """Return the rows of a table with recordings, or with their paths where it lacks the bytes."""
    from datasets import Audio

    audio = table.select_columns([column]).rename_columns({column: "audio"}).cast_column("audio", Audio(decode=False))
    recordings = [
        Stored(audio, row, path) if stored else _file(path, folders)
        for row, (stored, path) in enumerate(stored_paths(audio))
    ]
    return Rows(_columns(table, prefix, column), [f"{prefix}/{row}" for row in range(len(table))], recordings)


def _file(name: str, folders: Sequence[Path]) -> File:
    """Return the file of a name in the folders; a name that is nowhere, or "", stays, so that reading it says so."""
    paths = [name] if os.path.isabs(name) else [os.path.join(os.path.abspath(folder), name) for folder in folders]
    return next((file for file in map(file_at, paths) if file.size >= 0), File(name))


def _columns(table: Dataset, source: str, audio: str = "") -> Columns:
    """Return the columns that JSON can represent, without `audio`, with class names instead of class ids."""
    kept = {name: own for name, own in table.features.items() if name != audio and not _has_bytes(own)}
    columns: Columns = table.select_columns(list(kept)).with_format("arrow")[:].to_pydict() if kept else {}
    return with_class_names(columns, kept, source)


def _has_bytes(feature: Any) -> bool:
    """Tell whether a column contains bytes (recordings, images), which do not belong in a row's metadata."""
    from datasets import Audio, Image, Video

    if isinstance(feature, dict):
        return any(map(_has_bytes, feature.values()))
    return isinstance(feature, (Audio, Image, Video)) or getattr(feature, "dtype", None) in {"binary", "large_binary"}
