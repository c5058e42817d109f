"""Separators: whether cells hold several labels, and how these are written."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from audio_ft.targets.cells import COMMA, as_text, missing

# Names of classes hardly contain these; the others are part of many ("Walk, footsteps", "AC/DC").
STRONG = (";", "|", "\t", "\n")
SEPARATORS = (*STRONG, ",", "/", "+")
# The longest text that is read as a list; longer ones are no labels.
LONGEST_LIST = 100_000
# "3,5" is a number unless the column is called "labels".
_LABELS = re.compile("(label|tag|class|categorie|event).*s$", re.IGNORECASE)
_QUOTED = re.compile(r"""(?:'[^']*'|"[^"]*")(?:\s+(?:'[^']*'|"[^"]*"))+""")


def pieces(cell: str, separator: str) -> list[str]:
    """Return the labels of a cell, without those that are empty."""
    return [piece for part in cell.split(separator) if (piece := part.strip())]


def separator_of(texts: Iterable[str], column: str, names: Sequence[str] = (), *, several: bool = False) -> str | None:
    """Return what separates several labels in a column, None where each cell is one label.

    A name with a comma in it is one class, and its parts are in no other cell; labels occur in several combinations. So
    a separator counts where the labels of at least half of the cells that contain it are in other cells too. One of
    them is enough where the column has a plural name, where the user says that there are `several`, or where lists were
    written by a program: with a sign that names hardly contain, or commas without spaces. `names` are the classes of
    the model that is to be scored.
    """
    distinct = sorted({text.strip() for text in texts} - {""})
    if names:
        known = set(names)
        if known.issuperset(distinct):
            return None
        for separator in SEPARATORS:
            if known.issuperset(piece for text in distinct for piece in pieces(text, separator)):
                return separator
    numbers = all(COMMA.fullmatch(text) for text in distinct if "," in text)
    possible = [separator for separator in SEPARATORS if separator != "," or not numbers or _LABELS.search(column)]
    return next((sign for sign in possible if _separates(sign, distinct, several or _plural(column))), None)


def _separates(separator: str, distinct: Sequence[str], plural: bool) -> bool:
    """Return whether a sign separates labels rather than being part of their names."""
    strong = separator in STRONG
    split = [pieces(text, separator) for text in distinct]
    joined = [found for found in split if len(found) > 1]
    weakly = [text for text in distinct if separator in text] if not strong else []
    # "/m/09x0r", "C++": an empty part is no label.
    if not joined or any(not part.strip() for text in weakly for part in text.split(separator)):
        return False
    occurs = Counter(piece for found in split for piece in set(found))
    recurring = [[occurs[piece] > 1 for piece in set(found)] for found in joined]
    if 2 * sum(map(all, recurring)) >= len(joined):
        return True
    written = strong or (separator == "," and not any(", " in text for text in weakly))
    return (plural or written) and 2 * sum(map(any, recurring)) >= len(joined)


def _plural(column: str) -> bool:
    """Return whether the name of a column says that it holds several things: "labels", "positive_labels", "tags"."""
    name = column.lower().strip()
    return name.endswith("s") and not name.endswith(("ss", "species", "genus", "status"))


def listed(cells: Sequence[Any]) -> tuple[list[Any], str] | None:
    """Return each cell as a list, and how it was written, where all are lists or texts of lists ("['a', 'b']").

    Lists of 0 and 1 of one length have a place for each class; they become the numbers of the places that are 1.
    """
    filled = [cell for cell in cells if not missing(cell)]
    if not filled or not all(isinstance(cell, list | tuple) or _bracketed(cell) for cell in filled):
        return None
    bare = any(isinstance(cell, str) and "," in cell for cell in filled)
    found = [cell if missing(cell) else _as_list(cell, bare=bare) for cell in cells]
    lists = [one for one in found if isinstance(one, list)]
    # Names in brackets, "[noise]", are no lists.
    if len(lists) < len(filled):
        return None
    if len({len(one) for one in lists}) == 1 and len(lists[0]) > 1 and _binary(lists):
        places = [
            [str(place) for place, value in enumerate(one) if value] if isinstance(one, list) else one for one in found
        ]
        return places, f", from lists of {len(lists[0])} zeros and ones, a place for each class"
    return found, ", written as lists"


def _binary(lists: Sequence[Any]) -> bool:
    return all(isinstance(item, int | float) and item in (0, 1) for one in lists for item in one or ())


def _bracketed(cell: Any) -> bool:
    """Return whether a cell is text in brackets."""
    text = cell.strip() if isinstance(cell, str) else ""
    return len(text) > 1 and (text[0], text[-1]) in {("[", "]"), ("(", ")"), ("{", "}")} and len(text) <= LONGEST_LIST


def _as_list(cell: Any, *, bare: bool) -> list[Any] | None:
    """Return a list, or a text as JSON, Python or NumPy writes one, or `bare`, without quotes; None for others."""
    if isinstance(cell, list | tuple):
        return list(cell)
    text = cell.strip()
    if _QUOTED.fullmatch(text[1:-1].strip()):  # NumPy: ['a' 'b'], which Python would join
        return [quoted[1:-1] for quoted in re.findall(r"'[^']*'|\"[^\"]*\"", text)]
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        if isinstance(value, set | frozenset):
            return sorted(value, key=str)
        if isinstance(value, list | tuple):
            return list(value)
    return pieces(text[1:-1], ",") if bare and text[0] == "[" else None


def label_names(cell: Any) -> list[str]:
    """Return the labels of a list as texts."""
    return [name for item in cell if (name := as_text(item).strip())]
