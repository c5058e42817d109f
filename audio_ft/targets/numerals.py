"""Numerals: columns of numbers as people write them, with decimal commas, separators of thousands, and one unit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_MINUS = str.maketrans("\u2212\u2013", "--")
# A unit before or after the number: $, %, °C, s, kHz, km/h.
_SIGN = "%\u2030$\u00a3\u20ac\u00a5"
_WRITTEN = re.compile(
    rf"\s*(?P<before>[{_SIGN}]?)\s*(?P<sign>[+-]?)"
    r"(?P<digits>\d[\d.,'\u2019 \u00a0\u202f]*|[.,]\d+)(?P<power>[eE][+-]?\d+)?"
    rf"\s*(?P<after>[{_SIGN}]|(?:\u00b0|\u00b5)?[A-Za-z]{{0,4}}(?:/[A-Za-z]{{1,3}})?)\s*"
)
# The signs between thousands and before decimals, in the order in which they are tried.
_SIGNS = (("", "."), ("", ","), (",", "."), (".", ","), *((one, two) for one in "'\u2019 \u00a0\u202f" for two in ".,"))
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+")


@dataclass(frozen=True)
class Numerals:
    """Hold the number that each text is, as Python writes it, and how they are written.

    Attributes:
        values: by text.
        how: what follows "numbers from 1 to 5" in a sentence; "" where they are written as Python does.
        ambiguous: a text whose comma may be a decimal one or separate thousands, "1,234", if all commas are such.
    """

    values: Mapping[str, str]
    how: str = ""
    ambiguous: str = ""


def numerals(texts: Iterable[str]) -> Numerals | None:
    """Return texts as numbers, all written in one way; None if one of them is no number or there are none."""
    parts = {text: _WRITTEN.fullmatch(text.translate(_MINUS)) for text in dict.fromkeys(texts)}
    matches = {text: match for text, match in parts.items() if match}
    units = {match["before"] + match["after"] for match in matches.values()} - {""}
    if len(matches) < len(parts) or not parts or len(units) > 1:
        return None
    digits = {text: match["digits"].strip() for text, match in matches.items()}
    signs = next((pair for pair in _SIGNS if all(map(_form(*pair).fullmatch, digits.values()))), None)
    if signs is None:
        return None
    thousands, decimal = signs
    found = {}
    for text, match in matches.items():
        plain = digits[text].replace(thousands, "") if thousands else digits[text]
        power = (match["power"] or "").translate(_MINUS)
        found[text] = f"{match['sign']}{plain.replace(decimal, '.')}{power}"
    commas = [text for text in digits.values() if "," in text]
    unclear = commas and signs == ("", ",") and all(map(_AMBIGUOUS.fullmatch, commas))
    return Numerals(found, _how(found, thousands, decimal, next(iter(units), "")), commas[0] if unclear else "")


def _form(thousands: str, decimal: str) -> re.Pattern[str]:
    """Return the pattern of digits with these signs."""
    point = re.escape(decimal)
    whole = rf"(?:[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+|\d+)" if thousands else r"\d+"
    return re.compile(rf"{whole}(?:{point}\d*)?|{point}\d+")


def _how(found: Mapping[str, str], thousands: str, decimal: str, unit: str) -> str:
    """Return how numbers are written where it is not as Python does, with the first example."""
    what = ["decimal commas"] if decimal == "," else []
    what += ["separators of thousands"] if thousands else []
    what += [f"the unit {unit}"] if unit else []
    shown = next((text for text in found if any(sign and sign in text for sign in (thousands, decimal, unit))), "")
    marked = next((text for text in found if decimal == "," and "," in text), shown)
    return f" with {' and '.join(what)}: {marked.strip()} is {found[marked]}" if what else ""
