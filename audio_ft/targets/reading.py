"""Reading: how a column of cells is read as targets, in words, and which cells are gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from audio_ft.targets.cells import NUMBER, as_text, missing

# What programs and people write where a row has no target, compared without case.
GAP_WORDS = frozenset(
    ("nan", "nat", "null", "none", "na", "n/a", "<na>", "#n/a", "#na", "\\n", "-", "--", "\u2013", "\u2014", "?")
)
# Of these, words that are also names of classes: "none" of the keywords, "NA" as a country.
NAMES_TOO = frozenset(("none", "na"))


@dataclass(frozen=True)
class Form:
    """Say what is known of a column before its cells are read.

    Attributes:
        column: its name.
        separator: what separates labels in a cell; "" for nothing, None to decide by the cells.
        gaps: words that mean that a row has no target; None to decide by the cells.
        names: the classes of the model that is to be scored; () for none.
        forced: whether the user or the task leaves no other kind.
        as_written: whether the cells are names of folders, or written by `audio-ft prepare`, and not to be changed.
    """

    column: str
    separator: str | None = None
    gaps: tuple[str, ...] | None = None
    names: tuple[str, ...] = ()
    forced: bool = False
    as_written: bool = False


@dataclass(frozen=True)
class Reading:
    """Hold cells as a kind of target parses them, and what to say of it.

    Attributes:
        cells: one a row; None where it has no target.
        how: what follows the number of classes in a sentence: ", separated by ','".
    """

    cells: Sequence[Any]
    how: str = ""


def without_gaps(cells: Sequence[Any], form: Form) -> tuple[list[Any], str]:
    """Return the cells with None for each word that means a gap, and a note on a word that is read as a class."""
    texts = [cell.strip() if isinstance(cell, str) else None for cell in cells]
    if form.gaps is not None:
        words = {word.strip().casefold() for word in form.gaps}
        return [
            None if text and text.casefold() in words else cell for text, cell in zip(texts, cells, strict=True)
        ], ""
    counts = Counter(
        as_text(cell).strip() for cell in cells if not missing(cell) and not isinstance(cell, list | tuple)
    )
    blank = any(map(missing, cells))
    kept = [word for word in counts if word.casefold() in NAMES_TOO and _is_class(word, counts, form, blank)]
    gaps = {word for word in counts if word.casefold() in GAP_WORDS and word not in kept and word not in form.names}
    note = f"; {', '.join(map(repr, kept))} is read as a class, and data.gaps={kept[0]} makes it a gap" if kept else ""
    return [None if text in gaps else cell for text, cell in zip(texts, cells, strict=True)], note


def _is_class(word: str, counts: Mapping[str, int], form: Form, blank: bool) -> bool:
    """Return whether "none" or "na" is a class of its own.

    It is one where a class would be lacking without it, and where it is written as the other classes are (a program
    that writes None or NA for a gap does not look at them), if gaps are written otherwise or it is as frequent as a
    class.
    """
    if form.names:
        return word in form.names
    others = {text: count for text, count in counts.items() if text.casefold() not in GAP_WORDS}
    if others and all(map(NUMBER.fullmatch, others)):
        return False
    if len(others) < 2:
        return bool(others)
    alike = [case for case in (str.islower, str.isupper, str.istitle) if case(word)]
    if not any(sum(map(case, others)) > len(others) / 2 for case in alike):
        return False
    certain = blank or any(text.casefold() in GAP_WORDS - NAMES_TOO for text in counts)
    return certain or median(others.values()) <= counts[word] <= max(others.values())


def gap_note(cells: Sequence[Any], empty: Sequence[int], keys: Sequence[str], *, classes: bool) -> str:
    """Return a sentence on the rows without a target, with the words that they have instead."""
    words = Counter(as_text(cells[row]).strip() for row in empty)
    named = ", ".join(f"{word!r} x {count:,}" for word, count in words.most_common(5))
    rows = f"1 of {len(cells):,} rows has" if len(empty) == 1 else f"{len(empty):,} of {len(cells):,} rows have"
    note = f"{rows} no target and {'is' if len(empty) == 1 else 'are'} excluded ({named}; first: {keys[empty[0]]})"
    written = next(filter(None, words), "")
    return f"{note}; if {written!r} is a class, data.gaps=[] keeps it" if written and classes else note
