"""Cells of a table: which are empty, their text, which are numbers, and which names differ in spelling only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

# Column names in order of preference, compared as in data/table/columns.py; a tier is tried if the one before
# finds nothing.
Tiers = tuple[tuple[str, ...], ...]

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
# A whole number as programs write it once the column had a gap, which turns integers into floats: "2.0".
WHOLE = re.compile(r"\s*([+-]?\d+)[.,]0+\s*")
# "0,5", as tables have it where the comma is the decimal sign.
COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


def missing(cell: Any) -> bool:
    """Return whether a cell is empty: None, NaN, or blank text."""
    return cell is None or (isinstance(cell, float) and cell != cell) or (isinstance(cell, str) and not cell.strip())


def as_text(cell: Any) -> str:
    """Return a cell as text: a whole float as its integer (a gap turns integers into floats), None as ""."""
    if missing(cell):
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def whole_numbers(texts: Iterable[str]) -> bool:
    """Return whether all texts are numbers, at least one of them a whole number with a decimal point."""
    found = set(texts)
    points = [one.replace(",", ".") if COMMA.fullmatch(one) else one for one in found]
    return any(map(WHOLE.fullmatch, found)) and all(NUMBER.fullmatch(one) and float(one) % 1 == 0 for one in points)


def as_whole(text: str) -> str:
    """Return "2" for "2.0", any other text as it is."""
    match = WHOLE.fullmatch(text)
    return match[1] if match else text


def sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names sorted, numbers by their value."""
    found = set(names)
    numbers = all(NUMBER.fullmatch(name) for name in found)
    return tuple(sorted(found, key=(lambda name: (float(name), name)) if numbers else None))


def folded(name: str) -> str:
    """Return a name without differences in case, surrounding spaces and the coding of accents."""
    return unicodedata.normalize("NFC", name).casefold().strip()
