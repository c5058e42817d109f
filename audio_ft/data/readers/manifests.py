"""Manifests: files that list recordings, read into columns as written (text stays text)."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from audio_ft.data.readers.class_names import with_class_names
from audio_ft.data.readers.delimited import read_delimited
from audio_ft.data.readers.elsewhere import stems_at_hand
from audio_ft.data.readers.json_tables import LINES, YAML, read_json_table
from audio_ft.data.readers.text_files import read_text
from audio_ft.data.readers.tracks.label_studio import flattened
from audio_ft.data.rows import Columns
from audio_ft.errors import InputError

# What zipfile, zlib, the parser of XML (SyntaxError) and openpyxl raise for files that are not what they are called.
_NOT_EXCEL = (zipfile.BadZipFile, zlib.error, EOFError, ArithmeticError, AttributeError, LookupError, OSError,
              RuntimeError, SyntaxError, TypeError, ValueError)  # fmt: skip
_RECORDING_TEXT = re.compile(r"""\{.*?['"]path['"]\s*:\s*(?P<mark>['"])(?P<path>.+?)(?P=mark)""", re.DOTALL)


@dataclass(frozen=True)
class Manifest:
    """Hold the columns of a manifest, and what a user should know of how they were read."""

    columns: Columns
    notes: tuple[str, ...] = ()


def read_manifest(path: Path, names: Sequence[str] = (), known: Collection[str] = ()) -> Manifest:
    """Read a CSV, TSV, text, JSONL, JSON or Parquet manifest into columns of equal length.

    Cells of text stay text ("03" is not 3), in CSV without the blanks after a delimiter; JSON and Parquet values keep
    their type, a missing one becomes None. A recording in JSON may be {"path": …}, as in `datasets`. `names` are the
    columns of delimited text without a header, () finds them; `known` are the paths of recordings below its folder.

    Raises:
        InputError: the file is not text in UTF-8, has a broken row, two columns of one name, or no row at all.
    """
    read = _READERS.get(path.suffix.lower())
    if read is not None:
        return Manifest(read(path))
    at_hand = partial(stems_at_hand, path.parent, known)
    columns, notes = read_delimited(read_text(path), path, names, at_hand)
    columns = {name: list(map(_path_in, cells)) if str(cells[0]).startswith("{") else cells
               for name, cells in columns.items()}  # fmt: skip
    return Manifest(columns, notes)


def _path_in(cell: str) -> str:
    """Return the path in the text of a recording as pandas writes one of `datasets`: "{'path': 'a.wav', …}"."""
    match = _RECORDING_TEXT.match(cell)
    return match["path"] if match else cell


def _read_parquet(path: Path) -> Columns:
    """Read a Parquet table of paths (`arrow` reads one with the recordings themselves)."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Features

    try:
        table = pq.read_table(path)
        columns: Columns = table.to_pydict()
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:  # also dates and text that Python lacks
        raise InputError(f"{path}: not readable as Parquet ({error}); write it again") from error
    written = b"huggingface" in (table.schema.metadata or {})
    return with_class_names(columns, Features.from_arrow_schema(table.schema), str(path)) if written else columns


def _read_arrow(path: Path) -> Columns:
    """Read an Arrow or Feather table of paths."""
    import pyarrow as pa
    from pyarrow import feather

    try:
        with pa.memory_map(str(path)) as source:
            columns: Columns = pa.ipc.open_stream(source).read_all().to_pydict()
    except (pa.ArrowException, OSError):
        try:
            columns = feather.read_table(path).to_pydict()
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path}: not readable as Arrow ({error}); write it again") from error
    return columns


def _read_json(path: Path) -> Columns:
    """Read JSON or YAML, with the regions of Label Studio as columns."""
    return flattened(read_json_table(path))


def _read_excel(path: Path) -> Columns:
    """Read the first sheet of an Excel file that has rows; empty cells become None."""
    try:
        import openpyxl
    except ImportError as error:
        raise InputError(
            f"{path}: Excel files need openpyxl: pip install 'audio-ft[excel]', or save the sheet as csv"
        ) from error
    title, rows = "", list[tuple[Any, ...]]()
    try:
        for sheet in openpyxl.load_workbook(path, read_only=True, data_only=True).worksheets:
            title = sheet.title
            rows = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
            if len(rows) > 1:
                break
    except _NOT_EXCEL as error:
        raise InputError(f"{path}: not readable as Excel ({error}); save the sheet as csv") from error
    if len(rows) < 2:
        raise InputError(f"{path}: expected a sheet with a header and at least one row, got none")
    names = [str(name) if name is not None else f"column {place}" for place, name in enumerate(rows[0], start=1)]
    if len(set(names)) < len(names):
        raise InputError(f"{path}, sheet {title!r}: two columns have one name; rename one of them")
    # In a damaged sheet rows may be shorter or longer than the first.
    return {name: [row[place] if place < len(row) else None for row in rows[1:]] for place, name in enumerate(names)}


_READERS = {
    **dict.fromkeys((".json", *LINES), _read_json),
    ".parquet": _read_parquet,
    **dict.fromkeys((".arrow", ".feather"), _read_arrow),
    ".xlsx": _read_excel,
}
MANIFEST_SUFFIXES = frozenset({".csv", ".tsv", *_READERS})
# Most files of this kind in a folder are settings, so they are read by their own path only.
_READERS |= dict.fromkeys(YAML, _read_json)
# Text files may be lists too, but most are not.
LIST_SUFFIXES = frozenset({".txt", ".lst", ".list"})
