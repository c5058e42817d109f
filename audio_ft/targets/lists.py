"""Lists of labels in cells: as JSON, Python, NumPy and torch write them, nested or not, by name or by place."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from audio_ft.targets.cells import missing
from audio_ft.targets.separators import pieces

# The longest text that is read as a list; longer ones are no labels.
LONGEST_LIST = 100_000
# The fields that hold the label where a list has objects: [{"label": "dog"}].
FIELDS = ("label", "labels", "name", "class", "category", "tag", "value")
_QUOTED = re.compile(r"""(?:'[^']*'|"[^"]*")(?:\s+(?:'[^']*'|"[^"]*"))+""")
# array(['a', 'b'], dtype='<U1'), tensor([0, 1]), set(), frozenset({'a'})
_CALL = re.compile(
    r"(?:\w+\.)?(?:array|tensor|frozenset|set|list|tuple)\((.*?)(?:,\s*(?:dtype|device)=.*)?\)", re.DOTALL
)
_NUMBERS = re.compile(r"[\[(]\s*[-+]?[\d.]+(?:\s+[-+]?[\d.]+)*\s*[\])]")  # [0. 1. 1.]
# "1 0 1": a place for each class without brackets, for three classes at least.
_PLACES = re.compile(r"\s*[01](?:\.0*)?(?:[\s,;|/-]+[01](?:\.0*)?){2,}\s*")


def listed(cells: Sequence[Any]) -> tuple[list[Any], str] | None:
    """Return each cell as a list, and how it was written, where all are lists or texts of lists ("['a', 'b']").

    Lists of 0 and 1 of one length have a place for each class; they become the numbers of the places that are 1.
    """
    filled = [cell for cell in cells if not missing(cell)]
    if filled and all(isinstance(cell, str) and _PLACES.fullmatch(cell) for cell in filled):
        found = [cell if missing(cell) else list(map(float, re.findall(r"[01](?:\.0*)?", cell))) for cell in cells]
        lists = [one for one in found if isinstance(one, list)]
        # A set of labels holds none of them twice.
        return _by_place(found, lists) if any(len(set(one)) < len(one) for one in lists) else None
    if not filled or not all(isinstance(cell, list | tuple | Mapping) or _bracketed(cell) for cell in filled):
        return None
    bare = any(isinstance(cell, str) and "," in cell for cell in filled)
    found = [cell if missing(cell) else _as_list(cell, bare=bare) for cell in cells]
    lists = [one for one in found if isinstance(one, list)]
    # Names in brackets, "[noise]", are no lists.
    if len(lists) < len(filled):
        return None
    return _by_place(found, lists) or (found, ", written as lists")


def _by_place(found: Sequence[Any], lists: Sequence[list[Any]]) -> tuple[list[Any], str] | None:
    """Return lists of 0 and 1 of one length as the numbers of the places that are 1; None for others."""
    if len({len(one) for one in lists}) != 1 or len(lists[0]) < 2 or not _binary(lists):
        return None
    places = [
        [str(place) for place, value in enumerate(one) if value] if isinstance(one, list) else one for one in found
    ]
    return places, f", from lists of {len(lists[0])} zeros and ones, a place for each class"


def _binary(lists: Sequence[Any]) -> bool:
    return all(isinstance(item, int | float) and item in (0, 1) for one in lists for item in one or ())


def _bracketed(cell: Any) -> bool:
    """Return whether a cell is text in brackets, or a call that makes a list."""
    text = cell.strip() if isinstance(cell, str) else ""
    if not 1 < len(text) <= LONGEST_LIST:
        return False
    return (text[0], text[-1]) in {("[", "]"), ("(", ")"), ("{", "}")} or _CALL.fullmatch(text) is not None


def _as_list(cell: Any, *, bare: bool) -> list[Any] | None:
    """Return a list, or a text as JSON, Python or NumPy writes one, or `bare`, without quotes; None for others."""
    if not isinstance(cell, str):
        return _items(cell)
    text = cell.strip()
    if call := _CALL.fullmatch(text):
        text = call[1].strip() or "[]"
    if _QUOTED.fullmatch(text[1:-1].strip()):  # NumPy: ['a' 'b'], which Python would join
        return [quoted[1:-1] for quoted in re.findall(r"'[^']*'|\"[^\"]*\"", text)]
    if _NUMBERS.fullmatch(text) and " " in text.strip("[]() "):
        return list(map(float, text[1:-1].split()))
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, set | frozenset):
            return sorted(value, key=str)
        if isinstance(value, list | tuple | Mapping):
            return _items(value)
    return pieces(text[1:-1], ",") if bare and text[0] == "[" else None


def _items(value: Any) -> list[Any] | None:
    """Return the labels of a list, of lists and objects in it, or of names with 0 and 1; None for others."""
    if isinstance(value, Mapping):
        marks = all(isinstance(one, int | float) and one in (0, 1) for one in value.values())
        return [name for name, one in value.items() if one] if value and marks else None
    items: list[Any] = []
    for item in value:
        if isinstance(item, Mapping):
            field = next((name for name in FIELDS if name in item), None)
            if field is None:
                return None
            item = item[field]
        items += item if isinstance(item, list | tuple) else [item]
    return items
