"""Manifests: files that list recordings, read into columns as written (text stays text)."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from pathlib import Path
from typing import Any, Literal

from audio_ft.data.rows import Columns
from audio_ft.data.text_files import read_text
from audio_ft.errors import InputError
from audio_ft.file_io import parse_json

_DELIMITERS = ",;\t|"
# The fields in which `datasets` describes a recording.
_RECORDING = {"path", "bytes", "array", "sampling_rate"}
# A transcript or a list of tags may be long, but a cell of a megabyte means an unclosed quotation mark.
_LONGEST_CELL = 1_000_000


def read_manifest(path: Path) -> Columns:
    """Read a CSV, TSV, JSONL, JSON or Parquet manifest into columns of equal length.

    Cells of CSV and TSV stay text ("03" is not 3), in CSV without the blanks after a delimiter; JSON and Parquet values
    keep their type, a missing one becomes None. A recording in JSON may be {"path": …}, as in `datasets`.

    Raises:
        InputError: the file is not UTF-8, has a broken row, two columns of one name, or no row at all.
    """
    return _READERS[path.suffix.lower()](path)


def _read_parquet(path: Path) -> Columns:
    """Read a Parquet table of paths (`arrow` reads one with the recordings themselves)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns: Columns = pq.read_table(path).to_pydict()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not readable as Parquet ({error}); write it again") from error
    return columns


def _read_csv(path: Path) -> Columns:
    """Read text with the delimiter that gives the most cells in each of the first lines, equally many in all."""
    text = read_text(path)

    def fit(delimiter: str) -> tuple[bool, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        widths: list[int] = []
        # An unclosed quotation mark makes one cell of all the rest; parsing reports the line.
        with contextlib.suppress(csv.Error):
            widths.extend(len(cells) for cells in itertools.islice(reader, 20) if cells)
        width = widths[0] if widths else 0
        # A delimiter that does not occur gives one cell a line in every file, so one cell proves nothing.
        return width > 1 and len(set(widths)) == 1, width

    return _parse(text, path, max(_DELIMITERS, key=fit), csv.QUOTE_MINIMAL)


def _read_tsv(path: Path) -> Columns:
    """Read text between tabs; with unpaired quotes it is read without quoting, as Common Voice writes it."""
    text = read_text(path)
    try:
        columns = _parse(text, path, "\t", csv.QUOTE_MINIMAL)
    except InputError:
        return _parse(text, path, "\t", csv.QUOTE_NONE)
    # Quotation marks in two different rows may pair by chance and join all rows between them. The second line of a cell
    # that really has two contains no tabs, so without quoting its row is refused.
    if any("\n" in cell for cells in columns.values() for cell in cells):
        with contextlib.suppress(InputError):
            return _parse(text, path, "\t", csv.QUOTE_NONE)
    return columns


def _parse(text: str, path: Path, delimiter: str, quoting: Literal[0, 3]) -> Columns:
    """Parse delimited text strictly: each row has as many cells as the header."""
    # newline="" keeps line ends inside quoted cells as they are.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True,
                        skipinitialspace=path.suffix.lower() != ".tsv")  # fmt: skip
    rows: list[list[str]] = []
    previous = csv.field_size_limit(_LONGEST_CELL)
    try:
        for cells in filter(None, reader):
            rows.append(cells)
            if len(cells) != len(rows[0]):
                raise InputError(
                    f"{path}, line {reader.line_num}: expected {len(rows[0])} cells as in the header, got "
                    f"{len(cells)}; put quotes around cells that contain {delimiter!r}"
                )
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not a readable row ({error}); check its quotes") from error
    finally:
        csv.field_size_limit(previous)
    if len(rows) < 2:
        raise InputError(f"{path}: expected a header line and at least one row, got none; write one row per recording")
    # A column without a name is an index that pandas wrote.
    names = [name or f"column {number}" for number, name in enumerate(rows[0], start=1)]
    repeated = sorted(name for name in set(names) if names.count(name) > 1)
    if repeated:
        raise InputError(f"{path}: two columns are called {repeated[0]!r}; rename one of them")
    return dict(zip(names, map(list, zip(*rows[1:], strict=True)), strict=True))


def _read_json(path: Path) -> Columns:
    """Read a list of objects, or one object a line, into columns."""
    text = read_text(path)
    if path.suffix.lower() == ".jsonl":
        unit, expected = "line", "one JSON object a line"
        records = [(number, parse_json(line, f"{path}, line {number}"))
                   for number, line in enumerate(text.split("\n"), start=1) if line.strip()]  # fmt: skip
    else:
        unit, expected = "item", "a JSON list of objects, one per recording"
        values = parse_json(text, str(path))
        records = list(enumerate(values, start=1)) if isinstance(values, list) else []
    if not records:
        raise InputError(f"{path}: expected {expected}, got {'none' if unit == 'line' else type(values).__name__}")
    for number, record in records:
        if not isinstance(record, dict):
            example = '{"file_name": "a.wav", "label": "yes"}'
            raise InputError(f"{path}, {unit} {number}: expected an object such as {example}")
    names = dict.fromkeys(name for _, record in records for name in record)
    return {name: [_path_of(record.get(name)) for _, record in records] for name in names}


def _path_of(value: Any) -> Any:
    """Return the path of a recording in the form of `datasets`, any other value as it is."""
    described = isinstance(value, dict) and value.keys() <= _RECORDING and value.get("bytes") is None
    return value["path"] if described and isinstance(value.get("path"), str) else value


_READERS = {
    ".csv": _read_csv, ".tsv": _read_tsv, ".jsonl": _read_json, ".json": _read_json, ".parquet": _read_parquet
}  # fmt: skip
MANIFEST_SUFFIXES = frozenset(_READERS)
