"""Take rows out of the text of a csv, change cells in it, and put both back, without touching any other row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from audio_ft.file_io import inert_cell


def without(text: str, rows: Mapping[int, str] | Iterable[int]) -> tuple[str, list[tuple[int, str]]]:
    r"""Return a csv without some of its rows, counted from 0 below the header, and the number and text of each.

    Example:
        >>> without("name\na\n\"b\nc\"\n", [1])
        ('name\na\n', [(1, '"b\nc"\n')])
    """
    header, *lines = _records(text)
    out = set(rows)
    kept = [line for row, line in enumerate(lines) if row not in out]
    return header + "".join(kept), [(row, line) for row, line in enumerate(lines) if row in out]


def restored(text: str, rows: Sequence[tuple[int, str]]) -> str:
    r"""Return a csv with rows put back where they were.

    Example:
        >>> restored("name\na\n", [(1, '"b\nc"\n')])
        'name\na\n"b\nc"\n'
    """
    header, *lines = _records(text)
    for row, line in sorted(rows):
        lines.insert(row, line)
    return header + "".join(lines)


def changed(text: str, column: str, cells: Mapping[int, str]) -> tuple[str, list[tuple[int, str, str]]]:
    r"""Return a csv with other cells in one column, and the number of each such row, its text before and after.

    Example:
        >>> changed("name,label\na,x\nb,y\n", "label", {1: "z"})
        ('name,label\na,x\n"b","z"\n', [(1, 'b,y\n', '"b","z"\n')])
    """
    header, *lines = _records(text)
    place = _cells(header).index(inert_cell(column))
    changes = []
    for row, cell in sorted(cells.items()):
        values = _cells(lines[row])
        values[place] = inert_cell(cell)
        written = io.StringIO(newline="")
        csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(values)
        changes.append((row, lines[row], written.getvalue()))
        lines[row] = written.getvalue()
    return header + "".join(lines), changes


def changed_back(text: str, changes: Iterable[tuple[str, str]]) -> str:
    r"""Return a csv with the texts (before, after) of changed rows as before.

    Raises:
        ValueError: a row is not as it was after the change.

    Example:
        >>> changed_back('name,label\n"b","z"\n', [('b,y\n', '"b","z"\n')])
        'name,label\nb,y\n'
    """
    header, *lines = _records(text)
    for before, after in changes:
        lines[lines.index(after)] = before
    return header + "".join(lines)


def _cells(record: str) -> list[str]:
    return next(csv.reader(io.StringIO(record, newline="")))


def _records(text: str) -> list[str]:
    """Return the text of each record of a csv; a quoted cell may hold line ends."""
    # Not `splitlines`, which knows more line ends than a csv has.
    lines = [f"{line}\n" for line in text.removesuffix("\n").split("\n")]
    reader, records, start = csv.reader(lines), [], 0
    for _ in reader:
        records.append("".join(lines[start : reader.line_num]))
        start = reader.line_num
    return records
