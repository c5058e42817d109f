"""Tables in memory as data: those of pandas and `datasets` are saved in the cache once, and read from there."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

from audio_ft.cleaning.cache import cache_folder
from audio_ft.errors import InputError
from audio_ft.file_io import replacing, write_bytes

FOLDER = "tables"


def is_table(value: Any) -> bool:
    """Return whether a value is a table of pandas or `datasets`, without importing either."""
    library = type(value).__module__.partition(".")[0]
    return (library == "pandas" and hasattr(value, "to_parquet")) or (
        library == "datasets" and hasattr(value, "save_to_disk")
    )


def saved(table: Any) -> Path:
    """Return the place of a DataFrame, Dataset or DatasetDict in the cache, named after its content.

    Raises:
        InputError: a DataFrame with a column that Parquet cannot hold.
    """
    if not hasattr(table, "save_to_disk"):
        return _saved_frame(table)
    splits = table.items() if isinstance(table, dict) else [("", table)]
    marks = [(str(split), part._fingerprint) for split, part in splits]
    name = hashlib.sha256(repr(marks).encode()).hexdigest()[:32]
    folder = cache_folder() / FOLDER / name
    if not folder.is_dir():
        with replacing(folder, make_parents=True) as scratch:
            table.save_to_disk(str(scratch))
    return folder


def _saved_frame(frame: Any) -> Path:
    content = io.BytesIO()
    try:
        frame.to_parquet(content, index=False)
    except (TypeError, ValueError) as error:  # pyarrow's errors are of these types
        raise InputError(
            f"the DataFrame cannot be saved as Parquet: {error}. Convert the column that it names."
        ) from error
    file = cache_folder() / FOLDER / f"{hashlib.sha256(content.getvalue()).hexdigest()[:32]}.parquet"
    if not file.is_file():
        write_bytes(file, content.getvalue(), make_parents=True)
    return file
