"""Manifests: files that list recordings, read into columns as written (text stays text)."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from pathlib import Path
from typing import Any, Literal

from audio_ft.data.text_files import read_text
from audio_ft.errors import InputError
from audio_ft.file_io import parse_json

Columns = dict[str, list[Any]]

MANIFEST_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".json", ".parquet"})
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
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _read_parquet(path)
    text = read_text(path)
    if suffix in {".csv", ".tsv"}:
        return _read_delimited(text, path)
    records = _json_lines(text, path) if suffix == ".jsonl" else _json_list(text, path)
    names = list(dict.fromkeys(name for record in records for name in record))
    return {name: [_path_of(record.get(name)) for record in records] for name in names}


def _path_of(value: Any) -> Any:
    """Return the path of a recording in the form of `datasets`, any other value as it is."""
    described = isinstance(value, dict) and value.keys() <= _RECORDING and value.get("bytes") is None
    return value["path"] if described and isinstance(value.get("path"), str) else value


def _read_parquet(path: Path) -> Columns:
    """Read a Parquet table of paths (`arrow` reads one with the recordings themselves)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns: Columns = pq.read_table(path).to_pydict()
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not readable as Parquet ({error}); write it again") from error
    return columns


def _read_delimited(text: str, path: Path) -> Columns:
    """Parse delimited text; a TSV with unpaired quotes is read without quoting, as Common Voice writes it."""
    if path.suffix.lower() != ".tsv":
        return _parse(text, path, _sniff(text), csv.QUOTE_MINIMAL)
    try:
        columns = _parse(text, path, "\t", csv.QUOTE_MINIMAL)
    except InputError:
        return _parse(text, path, "\t", csv.QUOTE_NONE)
    if not any("\n" in cell for cells in columns.values() for cell in cells):
        return columns
    # Quotation marks in two different rows may pair by chance and join all rows between them. The second line of a cell
    # that really has two contains no tabs, so without quoting its row is refused.
    with contextlib.suppress(InputError):
        columns = _parse(text, path, "\t", csv.QUOTE_NONE)
    return columns


def _sniff(text: str) -> str:
    """Return the delimiter that gives the most cells in each of the first lines, equally many in all of them."""

    def fit(delimiter: str) -> tuple[bool, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
        widths: list[int] = []
        # An unclosed quotation mark makes one cell of all the rest; parsing reports the line.
        with contextlib.suppress(csv.Error):
            widths.extend(len(cells) for cells in itertools.islice(reader, 20) if cells)
        width = widths[0] if widths else 0
        # A delimiter that does not occur gives one cell a line in every file, so one cell proves nothing.
        return width > 1 and len(set(widths)) == 1, width

    return max(_DELIMITERS, key=fit)


def _parse(text: str, path: Path, delimiter: str, quoting: Literal[0, 3]) -> Columns:
    """Parse delimited text strictly: each row has as many cells as the header."""
    previous = csv.field_size_limit(_LONGEST_CELL)
    # newline="" keeps line ends inside quoted cells as they are.
    blanks = path.suffix.lower() != ".tsv"
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, skipinitialspace=blanks, strict=True
    )
    rows: list[list[str]] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if header is None:
                header = _header(cells, path)
            elif len(cells) != len(header):
                raise InputError(
                    f"{path}, line {reader.line_num}: expected {len(header)} cells as in the header, got {len(cells)}; "
                    f"put quotes around cells that contain {delimiter!r}"
                )
            else:
                rows.append(cells)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not a readable row ({error}); check its quotes") from error
    finally:
        csv.field_size_limit(previous)
    if header is None or not rows:
        raise InputError(f"{path}: expected a header line and at least one row, got none; write one row per recording")
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def _header(cells: list[str], path: Path) -> list[str]:
    """Return the column names; one without a name (an index written by pandas) is called by its number."""
    names = [cell or f"column {number}" for number, cell in enumerate(cells, start=1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{path}: two columns are called {repeated[0]!r}; rename one of them")
    return names


def _json_lines(text: str, path: Path) -> list[dict[str, Any]]:
    """Parse one JSON object a line."""
    records = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            source = f"{path}, line {number}"
            records.append(_object(parse_json(line, source), source))
    if not records:
        raise InputError(f"{path}: expected one JSON object a line, got none; write one line per recording")
    return records


def _json_list(text: str, path: Path) -> list[dict[str, Any]]:
    """Parse a JSON list of objects."""
    value = parse_json(text, str(path))
    if not isinstance(value, list) or not value:
        raise InputError(f"{path}: expected a JSON list of objects, one per recording, got {type(value).__name__}")
    return [_object(record, f"{path}, item {number}") for number, record in enumerate(value, start=1)]


def _object(value: Any, source: str) -> dict[str, Any]:
    """Check that a JSON value is an object."""
    if not isinstance(value, dict):
        raise InputError(f'{source}: expected an object such as {{"file_name": "a.wav", "label": "yes"}}')
    return value
