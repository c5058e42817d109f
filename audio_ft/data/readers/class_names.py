"""Names of classes that a table of `datasets` stores as numbers."""

from __future__ import annotations

from typing import Any

from audio_ft.data.rows import Columns
from audio_ft.errors import InputError


def with_class_names(columns: Columns, features: Any, source: str) -> Columns:
    """Return the columns with the names of classes in the place of their numbers, which `features` describe.

    Raises:
        InputError: a number without a name.
    """
    from datasets import ClassLabel

    named = dict(columns)
    for name, feature in features.items():
        label = getattr(feature, "feature", feature)
        if name in columns and isinstance(label, ClassLabel):
            named[name] = [_named(label.names or [], cell, f"{source}, column {name!r}") for cell in columns[name]]
    return named


def _named(names: list[str], cell: Any, place: str) -> Any:
    """Return the name of a class, or those of a list; -1 means unknown."""
    if isinstance(cell, list):
        return [_named(names, one, place) for one in cell]
    if cell is None or cell == -1:
        return None
    if not 0 <= cell < len(names):
        raise InputError(f"{place}: class {cell}, and there are names for 0 to {len(names) - 1}; add its name")
    return names[cell]
