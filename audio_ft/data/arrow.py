"""Read recordings stored in tables, undecoded: saved `datasets` folders, Parquet files and data sets on the Hub."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.data.columns import AUDIO, find, find_audio, named
from audio_ft.data.folders import read_folder
from audio_ft.data.manifests import Columns
from audio_ft.data.paths import listed_part
from audio_ft.data.rows import Part, Source
from audio_ft.data.tree import scan, split_name
from audio_ft.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset


def is_saved(folder: Path) -> bool:
    """Tell whether a folder was written by `save_to_disk`."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def read_saved(folder: Path, audio: str | None) -> Source:
    """Read a folder written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`.

    Raises:
        InputError: the folder is damaged, or no column contains recordings.
    """
    from datasets import load_from_disk

    try:
        found = load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{folder}: this saved data set cannot be read ({error}); save it again") from error
    return _source(found, audio, folder.name, folder)


def read_parquet(files: Sequence[Path], root: Path, audio: str | None) -> Source:
    """Read Parquet files, with splits from their names ("train-00000-of-00002") or the names of their folders.

    Raises:
        InputError: a file is not Parquet, or no column contains recordings or their paths.
    """
    from datasets import Dataset
    from datasets.exceptions import DatasetsError

    by_split: dict[str, list[str]] = {}
    for path in sorted(files):
        words = (re.split(r"[-_.]", path.stem)[0], path.parent.name)
        by_split.setdefault(next(filter(split_name, words), ""), []).append(str(path))
    try:
        found = {split: Dataset.from_parquet(paths) for split, paths in by_split.items()}
    except (OSError, ValueError, DatasetsError) as error:
        raise InputError(f"{files[0]}: not readable as Parquet ({_first_line(error)}); write it again") from error
    return _source(found, audio, root.name, root, sorted(files))


def read_hub(repo: str, name: str | None, revision: str | None, audio: str | None) -> Source:
    """Read a data set of the Hub; a repository of audio files is downloaded and read as a folder.

    Raises:
        InputError: the data set, configuration or revision does not exist, needs a script, or the Hub is unreachable.
    """
    import datasets
    from datasets.exceptions import DatasetsError
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        builder = datasets.load_dataset_builder(repo, name, revision=revision)
        # The audiofolder reader of `datasets` decodes, which needs torchcodec.
        if builder.builder_name == "audiofolder":
            return read_folder(scan(Path(snapshot_download(repo, repo_type="dataset", revision=revision))), audio)
        return _source(datasets.load_dataset(repo, name, revision=revision), audio, repo, None)
    except (OSError, ValueError, RuntimeError, DatasetsError, HfHubHTTPError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(_hub_reason(repo, error)) from error


def _hub_reason(repo: str, error: Exception) -> str:
    """Say why a data set of the Hub could not be loaded, and how to fix it."""
    reason = _first_line(error)
    if "script" in reason.lower():
        fix = 'it is loaded by a script, which `datasets` no longer runs: try revision="refs/convert/parquet"'
    elif "config" in reason.lower():
        fix = f"name one configuration with name=… ({reason})"
    else:
        fix = f"there is no such folder or file, nor a data set on the Hub ({reason}); check the spelling"
    return f"{repo}: cannot be loaded: {fix}"


def _first_line(error: Exception) -> str:
    """Return the first line of an error message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _source(
    found: Dataset | Mapping[str, Dataset], audio: str | None, name: str, root: Path | None, files: Sequence[Path] = ()
) -> Source:
    """Turn what `datasets` loaded from `files` below `root` into parts."""
    from datasets import Dataset

    tables = {"": found} if isinstance(found, Dataset) else dict(found)
    first = next(iter(tables.values()), None)
    if first is None:
        raise InputError(f"{name}: this data set has no rows; check how it was saved")
    column = _audio_column(first, audio, name)
    folders = [] if root is None else list(dict.fromkeys([root, *(file.parent for file in files)]))
    parts: dict[str, Part] = {}
    notes: list[str] = []
    for split, table in tables.items():
        named(table.column_names, column, f"{name}, split {split!r}")
        prefix = "/".join(filter(None, (name, split)))
        part, note = _part(table, column, prefix, root, folders)
        parts[split], notes = part, [*notes, *note]
    return Source(parts, column, notes=tuple(notes))


def _audio_column(table: Dataset, chosen: str | None, name: str) -> str:
    """Return the column of recordings: the chosen one, else by type, else by name."""
    if chosen is not None:
        return named(table.column_names, chosen, name)
    typed: dict[str, list[Any]] = {column: [] for column, feature in table.features.items() if _holds_audio(feature)}
    if len(typed) == 1:
        return next(iter(typed))
    if typed:
        return find(typed, AUDIO, "the recording", "audio=NAME", name)
    text = [column for column in table.column_names if _is_text(table.features[column])]
    return find_audio(table.select_columns(text).with_format(None)[:100], None, name)


def _holds_audio(feature: Any) -> bool:
    """Tell whether a column contains {bytes, path}."""
    from datasets import Audio

    return isinstance(feature, Audio) or (isinstance(feature, dict) and "bytes" in feature and "path" in feature)


def _is_text(feature: Any) -> bool:
    """Tell whether a column contains text."""
    return getattr(feature, "dtype", None) in {"string", "large_string"}


def _part(
    table: Dataset, column: str, prefix: str, root: Path | None, folders: Sequence[Path]
) -> tuple[Part, list[str]]:
    """Turn one table into a part: paths become files, stored recordings stay in the table."""
    import pyarrow.compute as pc
    from datasets import Audio

    columns = _plain_columns(table, column)
    if _is_text(table.features[column]) and root is not None:
        return listed_part(columns, column, Path(prefix), [root], root, {})
    if _is_text(table.features[column]):
        raise InputError(
            f"{prefix}: column {column!r} holds paths, not recordings; set audio= to the column of recordings"
        )
    audio = table.select_columns([column]).rename_columns({column: "audio"}).cast_column("audio", Audio(decode=False))
    cells = audio.with_format("arrow")[:].column("audio")
    paths = pc.struct_field(cells, "path").to_pylist()
    keys = [f"{prefix}/{row}" for row in range(len(table))]
    names = [path or "" for path in paths]
    found = _paths(paths, pc.is_null(pc.struct_field(cells, "bytes")).to_pylist(), folders)
    if found != paths:
        audio = _with_paths(audio, cells, found)
    return Part(columns, keys, names, table=audio, table_rows=list(range(len(table)))), []


def _paths(paths: list[str | None], without_bytes: list[bool], folders: Sequence[Path]) -> list[str | None]:
    """Return the paths of recordings that are not stored, relative ones as they are found in the folders of the tables.

    A row with neither bytes nor path gets an empty path, so that reading it reports "no such file".
    """

    def found(path: str) -> str:
        candidates = (os.path.join(os.path.abspath(folder), path) for folder in folders)
        return path if os.path.isabs(path) else next(filter(os.path.isfile, candidates), path)

    return [found(path or "") if bare else path for path, bare in zip(paths, without_bytes, strict=True)]


def _with_paths(audio: Dataset, cells: pa.ChunkedArray, paths: list[str | None]) -> Dataset:
    """Return the table with other paths, without copying its recordings."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from datasets import Dataset

    filled = pa.array(paths, pa.string())
    chunks = []
    start = 0
    for chunk in pc.struct_field(cells, "bytes").chunks:
        chunks.append(pa.StructArray.from_arrays([chunk, filled.slice(start, len(chunk))], ["bytes", "path"]))
        start += len(chunk)
    return Dataset(pa.table({"audio": pa.chunked_array(chunks)}, schema=audio.features.arrow_schema))


def _plain_columns(table: Dataset, audio: str) -> Columns:
    """Return the columns that JSON can represent, with class names instead of class ids."""
    from datasets import ClassLabel, List

    keep = [name for name, feature in table.features.items() if not _has_bytes(feature)]
    if not _is_text(table.features[audio]):
        keep = [name for name in keep if name != audio]
    columns: Columns = table.select_columns(keep).with_format("arrow")[:].to_pydict() if keep else {}
    for name in keep:
        feature = table.features[name]
        if isinstance(feature, ClassLabel):
            columns[name] = [_class_name(feature, cell) for cell in columns[name]]
        elif isinstance(feature, List) and isinstance(feature.feature, ClassLabel):
            columns[name] = [
                None if cells is None else [_class_name(feature.feature, cell) for cell in cells]
                for cells in columns[name]
            ]
    return columns


def _class_name(feature: Any, cell: int | None) -> str | None:
    """Return the name of a class; -1 means unknown."""
    return None if cell is None or cell < 0 else feature.names[cell]


def _has_bytes(feature: Any) -> bool:
    """Tell whether a column contains bytes (recordings, images), which do not belong in a row's metadata."""
    from datasets import Audio, Image, Video

    if isinstance(feature, dict):
        return any(_has_bytes(inner) for inner in feature.values())
    return isinstance(feature, (Audio, Image, Video)) or getattr(feature, "dtype", None) in {"binary", "large_binary"}
