"""Take rows out of the text of a csv and put them back, without changing any other row."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence


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


def _records(text: str) -> list[str]:
    """Return the text of each record of a csv; a quoted cell may hold line ends."""
    # Not `splitlines`, which knows more line ends than a csv has.
    lines = [f"{line}\n" for line in text.removesuffix("\n").split("\n")]
    reader, records, start = csv.reader(lines), [], 0
    for _ in reader:
        records.append("".join(lines[start : reader.line_num]))
        start = reader.line_num
    return records
