"""Names that look like spellings of one name: "speaker_01" and "Speaker 1", "Müller" and "Mueller"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Letters that are written as two where a keyboard lacks them.
_TWO_LETTERS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "æ": "ae", "œ": "oe", "å": "aa"})
_LETTERS_AND_NUMBERS = re.compile(r"[^\W\d_]+|\d+")


def spellings(name: str) -> frozenset[str]:
    """Return the forms of a name without case, accents, separators, invisible characters and leading zeros.

    Names with a form in common look alike. There are two where accents may be written as two letters.

    Example:
        >>> sorted(spellings("Müller_07"))
        ['mueller 7', 'muller 7']
    """
    visible = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
    plain = unicodedata.normalize("NFKC", visible).casefold()
    return frozenset(_joined(form) for form in (plain, plain.translate(_TWO_LETTERS)))


def _joined(text: str) -> str:
    """Return the runs of letters and of digits, without accents."""
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    runs = _LETTERS_AND_NUMBERS.findall(bare)
    # A name of signs alone stays as it is.
    return " ".join(run.lstrip("0") or "0" if run.isdigit() else run for run in runs) or text


def look_alike(names: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs (name, other) of different names that look like spellings of one."""
    of_form = {form: other for other in sorted(others, reverse=True) for form in spellings(other)}
    found = {(name, of_form[form]) for name in names for form in spellings(name) if form in of_form}
    return sorted((name, other) for name, other in found if name != other)
