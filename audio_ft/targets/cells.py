"""Cells of a table: which are empty, what they say as text, and which names are the same to a person."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

# A column name is compared as it is in data/columns.py; a tier is tried after the one before it found nothing.
Tiers = tuple[tuple[str, ...], ...]

NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def missing(cell: Any) -> bool:
    """Return whether a cell is empty: None, not a number, or text without a character."""
    return cell is None or (isinstance(cell, float) and cell != cell) or (isinstance(cell, str) and not cell.strip())


def as_text(cell: Any) -> str:
    """Return a cell as text: a whole float as its integer (a gap turns integers into floats), None as nothing."""
    if missing(cell):
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return names sorted, numbers by their value."""
    found = set(names)
    if found and all(NUMBER.fullmatch(name) for name in found):
        return tuple(sorted(found, key=lambda name: (float(name), name)))
    return tuple(sorted(found))


def folded(name: str) -> str:
    """Return a name without what people spell differently: case, spaces around it, the coding of accents."""
    return unicodedata.normalize("NFC", name).casefold().strip()
