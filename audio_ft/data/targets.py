"""Targets: what kind a column's answers are, and the answers themselves."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from audio_ft.data.columns import as_text, missing
from audio_ft.errors import InputError

KINDS = ("single", "multi", "regression", "text")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")

# "0,5", as tables have it where the comma is the decimal sign.
_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


def decimals(cells: Sequence[Any], column: str) -> tuple[Sequence[Any], list[str]]:
    """Return the cells and a note: decimal commas as points where every filled cell is such a number or a whole one."""
    filled = [cell for cell in cells if not missing(cell)]
    numbers = all(isinstance(cell, str) and (_COMMA.fullmatch(cell) or _NUMBER.fullmatch(cell)) for cell in filled)
    if not numbers or any("." in cell for cell in filled) or not any("," in cell for cell in filled):
        return cells, []
    first = next(cell for cell in filled if "," in cell).strip()
    note = f"column {column!r} has decimal commas and is read as numbers: {first} is {first.replace(',', '.')}"
    return [cell.replace(",", ".") if isinstance(cell, str) else cell for cell in cells], [note]


def kind_of(cells: Iterable[Any], *, chosen: bool) -> str:
    """Return "multi", "regression" or "single" for the cells of a target column.

    A list or a ";" in any cell means several labels at once. Numbers with decimals mean regression; so does a column of
    floats without decimals when the user chose it by name. Integers are names of classes.
    """
    filled = [cell for cell in cells if not missing(cell)]
    if any(isinstance(cell, (list, tuple)) or (isinstance(cell, str) and ";" in cell) for cell in filled):
        return "multi"
    if filled and all(isinstance(cell, float) for cell in filled):
        return "regression" if chosen or any(not cell.is_integer() for cell in filled) else "single"
    texts = {str(cell) for cell in filled if not isinstance(cell, bool)}
    decimal = texts and all(map(_NUMBER.fullmatch, texts)) and any("." in text for text in texts)
    return "regression" if decimal else "single"


def parse(cells: Sequence[Any], kind: str, place: str, keys: Sequence[str]) -> list[Any]:
    """Return the targets: text for "single" and "text", a sorted list of labels for "multi", a float for "regression".

    `place` (file and column) and `keys` serve the error alone.

    Raises:
        InputError: rows without a target (for "text" and "multi" an empty cell is legal), a number that is none, or a
            transcript that is no text.
    """
    if kind == "text":
        return [_transcript(cell, place, key) for cell, key in zip(cells, keys, strict=True)]
    lost = [row for row, cell in enumerate(cells) if (cell is None if kind == "multi" else missing(cell))]
    if lost:
        rows = "1 row has" if len(lost) == 1 else f"{len(lost)} rows have"
        raise InputError(
            f"{place}: {rows} no target (first: {', '.join(keys[row] for row in lost[:3])}); "
            "fill them in, or leave them out with the filter where='COLUMN!='"
        )
    if kind == "multi":
        return [_labels(cell) for cell in cells]
    if kind == "regression":
        return [_number(cell, place, key) for cell, key in zip(cells, keys, strict=True)]
    listed = next((row for row, cell in enumerate(cells) if isinstance(cell, (list, tuple, dict))), None)
    if listed is not None:
        raise InputError(
            f"{place}: expected one label a row, got {cells[listed]!r} for {keys[listed]}; use kind='multi'"
        )
    return [as_text(cell) for cell in cells]


def _transcript(cell: Any, place: str, key: str) -> str:
    """Return what was said; nothing for an empty cell, a number as it is written."""
    if isinstance(cell, list | tuple | dict | bytes):
        raise InputError(f"{place}: expected a transcript as text, got {type(cell).__name__} for {key}: {cell!r:.80}")
    return as_text(cell)


def _labels(cell: Any) -> list[str]:
    """Return the labels of a list or of a ";"-separated cell, sorted, each once."""
    parts = cell.split(";") if isinstance(cell, str) else cell if isinstance(cell, (list, tuple)) else [cell]
    return sorted({as_text(part).strip() for part in parts} - {""})


def _number(cell: Any, place: str, key: str) -> float:
    """Return a finite number."""
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{place}: expected a finite number for {key}, got {cell!r}; mend it, or use kind='single'")
    return value


def names_in(targets: Iterable[Any], kind: str) -> tuple[str, ...]:
    """Return the label names in `targets`, sorted, numbers by their value; () where the kind has no names."""
    if kind == "single":
        found = set(targets)
    elif kind == "multi":
        found = {label for labels in targets for label in labels}
    else:
        return ()
    if found and all(_NUMBER.fullmatch(name) for name in found):
        return tuple(sorted(found, key=lambda name: (float(name), name)))
    return tuple(sorted(found))


def folded(name: str) -> str:
    """Return a name without what people spell differently: case, spaces around it, the coding of accents."""
    return unicodedata.normalize("NFC", name).casefold().strip()


def twins(labels: Iterable[str]) -> tuple[str, ...]:
    """Return a warning for each set of labels that differ only by case, spaces or the spelling of accents."""
    alike: dict[str, list[str]] = defaultdict(list)
    for label in labels:
        alike[folded(label)].append(label)
    return tuple(
        f"labels {', '.join(map(repr, same))} differ only by case, spaces or accents and are kept as separate classes"
        for same in alike.values()
        if len(same) > 1
    )
