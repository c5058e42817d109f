"""Separators: whether cells hold several labels, and how these are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from audio_ft.targets.cells import COMMA
from audio_ft.targets.numerals import numerals

# Names of classes hardly contain these; the others are part of many ("Walk, footsteps", "AC/DC").
STRONG = (";", "|", "\t", "\n", "\uff1b", "\uff5c", "\u3001", "\u061b")
# Commas of all scripts; the first with a space behind it is part of many names.
COMMAS = (",", "\uff0c", "\u060c")
SEPARATORS = (*STRONG, *COMMAS, "/", "+", " & ", " and ")
# Never taken for separators, only mentioned.
LOOSE = (" ", ":", "-", "_", "\u00b7", "&", ".")
_LAST = re.compile(r"[,\uff0c\u060c]? and ")
QUOTES = "'\""
# "3,5" is a number unless the column is called "labels".
_LABELS = re.compile("(label|tag|class|categorie|event).*s$", re.IGNORECASE)


def pieces(cell: str, separator: str) -> list[str]:
    """Return the labels of a cell, without those that are empty."""
    parts = (part.strip() for part in cell.split(separator))
    return [piece for part in parts if (piece := part.removeprefix("and ") if separator in COMMAS else part)]


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
    if numerals(distinct) and not _LABELS.search(column):
        return None
    # Numbers with decimal commas, of which some are other words.
    numbers = all(COMMA.fullmatch(text) for text in distinct if "," in text)
    possible = [separator for separator in SEPARATORS if separator != "," or not numbers or _LABELS.search(column)]
    return next((sign for sign in possible if _separates(sign, distinct, several or _plural(column))), None)


def _separates(separator: str, distinct: Sequence[str], plural: bool) -> bool:
    """Return whether a sign separates labels rather than being part of their names."""
    strong = separator in STRONG
    if all(text.endswith(separator) for text in distinct):  # "dog,cat," and "dog,"
        distinct = [text.removesuffix(separator) for text in distinct]
    if separator in COMMAS:  # "dog, cat and owl"
        distinct = [_LAST.sub(separator, text) if separator in text else text for text in distinct]
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
    written = strong or (separator in COMMAS and not any(", " in text for text in weakly))
    return (plural or written) and 2 * sum(map(any, recurring)) >= len(joined)


def _plural(column: str) -> bool:
    """Return whether the name of a column says that it holds several things: "labels", "positive_labels", "tags"."""
    name = column.lower().strip()
    return name.endswith("s") and not name.endswith(("ss", "species", "genus", "status"))


def split_by(texts: Sequence[str], column: str, names: Sequence[str] = (), *, several: bool = False) -> tuple[str, ...]:
    """Return all signs that separate labels in a column: those of `separator_of`, and then those within the pieces."""
    signs: list[str] = []
    left = list(texts)
    while (sign := separator_of(left, "" if signs else column, names, several=several and not signs)) is not None:
        signs.append(sign)
        left = [piece for text in left for piece in pieces(text, sign)]
    return tuple(signs)


def names_alone(texts: Iterable[str]) -> tuple[str, str] | None:
    """Return a sign and a cell that it makes of names which are whole cells as well, "dog cat" of "dog" and "cat"."""
    alone = {text.strip() for text in texts}
    for sign in LOOSE:
        for text in sorted(alone):
            found = pieces(text, sign)
            if len(found) > 1 and alone.issuperset(found):
                return sign, text
    return None


def unquoted(names: Sequence[str]) -> list[str] | None:
    """Return names without the quotation marks that all of them have; None where they have none."""
    if names and all(len(name) > 2 and name[0] == name[-1] and name[0] in QUOTES for name in names):
        return [name[1:-1] for name in names]
    return None
