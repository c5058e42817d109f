"""JSON and YAML in the shapes that people write: lists of objects, lines, tables by name, by column, or as in COCO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audio_ft.data.readers.text_files import read_text
from audio_ft.data.rows import Columns
from audio_ft.data.table.columns import AUDIO, FILE, among
from audio_ft.errors import InputError
from audio_ft.file_io import parse_json
from audio_ft.formatting import why_not_parsed

# The fields in which `datasets` describes a recording.
_RECORDING = {"path", "bytes", "array", "sampling_rate"}
# JSON with one object a line.
LINES = (".jsonl", ".ndjson")
YAML = (".yaml", ".yml")
# Names of a list of rows beside other things.
_ROWS = ("data", "annotations", "samples", "items", "records", "entries", "rows", "audios", "recordings", "files")
_EXAMPLE = '{"file_name": "a.wav", "label": "yes"}'


def read_json_table(path: Path) -> Columns:
    """Read a list of objects, or one object a line, which NeMo's manifests call .json as well, into columns.

    A list may be in an object, under a name such as "data"; rows may be the values of an object whose names are the
    recordings; an object may hold columns, as pandas writes it; and "annotations" may refer to "audio" by id, as in
    COCO. A recording that has several files (SLURP's "recordings") is a row for each.

    Raises:
        InputError: the file is not JSON, or none of these.
    """
    text = read_text(path)
    if path.suffix.lower() in YAML:
        return _columns(_numbered(_rows(_yaml(text, path)), path, "item"))
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    first = lines[0][1].strip() if lines else ""
    whole = len(lines) == 1 and path.suffix.lower() == ".json"
    if path.suffix.lower() in LINES or (first.startswith("{") and first.endswith("}") and first != "{}" and not whole):
        records = [(number, parse_json(line, f"{path}, line {number}")) for number, line in lines]
        return _columns(_checked(records, path, "line", "one JSON object a line"))
    values = parse_json(text, str(path))
    rows = _rows(values)
    return _columns(_numbered([values] if rows is None and whole and values else rows, path, type(values).__name__))


def _yaml(text: str, path: Path) -> Any:
    """Parse YAML with all cells as text: "no" is a label, not false."""
    import yaml

    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        why = why_not_parsed(error)
        raise InputError(f"{path}: not readable as YAML ({why}); write a list with one entry per recording") from error


def _rows(values: Any) -> list[Any] | None:
    """Return the rows of a parsed file, None where it has none."""
    if isinstance(values, list):
        return values
    if not isinstance(values, dict) or not values:
        return None
    if all(name in values for name in ("annotations", "categories")) and (media := _media(values)):
        return _joined(values["annotations"], media, values["categories"])
    inner = next((values[name] for name in _ROWS if _is_table(values.get(name))), None)
    if inner is not None:
        return list(inner)
    cells = list(values.values())
    if any(among(name, *AUDIO) for name in values):
        if all(isinstance(cell, list) and len(cell) == len(cells[0]) for cell in cells):
            return [dict(zip(values, row, strict=True)) for row in zip(*cells, strict=True)]
        if all(isinstance(cell, dict) and cell.keys() == cells[0].keys() for cell in cells):
            return [{name: cell[row] for name, cell in values.items()} for row in cells[0]]
        return None
    if all(isinstance(cell, dict) for cell in cells):
        return [cell if any(among(own, *AUDIO[:2]) for own in cell) else {FILE: name, **cell}
                for name, cell in values.items()]  # fmt: skip
    if all(isinstance(cell, str) for cell in cells) and len(cells) > 1:
        return [{FILE: name, "label": cell} for name, cell in values.items()]
    return None


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _media(values: Mapping[str, Any]) -> list[Any] | None:
    """Return the recordings of a file in the form of COCO: a list with ids and file names."""
    return next((each for name, each in values.items() if name not in ("annotations", "categories")
                 and _is_table(each) and all("id" in row and any(among(own, *AUDIO[:2]) for own in row)
                                             for row in each)), None)  # fmt: skip


def _joined(annotations: Sequence[Any], media: Sequence[Any], categories: Sequence[Any]) -> list[Any]:
    """Return the annotations with the fields of the recordings and the names of the categories that they refer to."""
    recordings = {row["id"]: row for row in media}
    names = {row["id"]: row.get("name", row["id"]) for row in categories}
    rows = []
    for annotation in annotations:
        reference = next((annotation[name] for name in annotation if name.endswith("_id") and name != "category_id"
                          and annotation[name] in recordings), None)  # fmt: skip
        own = {name: cell for name, cell in annotation.items() if name != "id" and not name.endswith("_id")}
        label = names.get(annotation.get("category_id"))
        about = {name: cell for name, cell in recordings.get(reference, {}).items() if name != "id"}
        rows.append({**about, **own, "label": label})
    return rows


def _numbered(rows: list[Any] | None, path: Path, got: str) -> list[dict[str, Any]]:
    numbered = list(enumerate(rows or (), start=1))
    return _checked(numbered, path, "item", "a JSON list of objects, one per recording", got)


def _checked(
    records: Sequence[tuple[int, Any]], path: Path, unit: str, expected: str, got: str = "none"
) -> list[dict[str, Any]]:
    """Return the records, which must be objects, one for each file of a recording."""
    if not records:
        raise InputError(f"{path}: expected {expected}, got {got}")
    for number, record in records:
        if not isinstance(record, dict):
            raise InputError(f"{path}, {unit} {number}: expected an object such as {_EXAMPLE}")
    return [row for _, record in records for row in _each_file(record)]


def _each_file(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the record for each of its "recordings", which SLURP lists in every sentence."""
    files = record.get("recordings")
    if not _is_table(files) or not all(any(among(name, *AUDIO[:2]) for name in file) for file in files or ()):
        return [record]
    rest = {name: cell for name, cell in record.items() if name != "recordings"}
    return [{**rest, **file} for file in files or ()]


def _columns(records: Sequence[Mapping[str, Any]]) -> Columns:
    """Return records as columns; a field that one lacks becomes None."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: [_path_of(record.get(name)) for record in records] for name in names}


def _path_of(value: Any) -> Any:
    """Return the path of a recording in the form of `datasets`, any other value as it is."""
    described = isinstance(value, dict) and value.keys() <= _RECORDING and value.get("bytes") is None
    return value["path"] if described and isinstance(value.get("path"), str) else value
