"""Rules: what one setting may be, as data. A field's annotation has its rule, and `Settings` applies it."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, TypeVar

from audio_ft.errors import InputError, did_you_mean
from audio_ft.settings.secrets import hide, secret_in

# What a 64-bit integer holds, and what NumPy and torch take as a seed.
LARGEST_WHOLE = 2**63 - 1
LARGEST_SEED = 2**32 - 1
# Values nested deeper are refused; Python itself fails on them a little later.
DEEPEST = 20
LONGEST_SHOWN = 100
Plain = TypeVar("Plain", int, float)
Kept = TypeVar("Kept")


class Refused(Exception):
    """Report that a value does not fit, and what was expected if it is not in the rule."""

    def __init__(self, expected: str = "") -> None:
        self.expected = expected


def is_number(value: Any) -> bool:
    """Return whether a value is a number of any library; true and false are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def as_json(value: Any) -> Any:
    """Return a value as JSON has it: settings and mappings as tables, tuples as lists."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: as_json(item) for name, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Rule:
    """Say what one setting may be.

    Attributes:
        expected: what follows "expected" in a sentence about a wrong value.
        read: returns the value in its plain Python type, or raises `Refused` or an `InputError`.
        known: the names among which an unknown one may have been meant.
    """

    expected: str
    read: Callable[[Any], Any]
    known: tuple[Any, ...] = ()

    def apply(self, setting: str, value: Any) -> Any:
        """Return the value in its plain Python type, or raise an `InputError` that names the setting."""
        try:
            return self.read(value)
        except Refused as refusal:
            hint = did_you_mean(value, map(str, self.known)) if isinstance(value, str) else ""
            expected = refusal.expected or self.expected
            raise InputError(f"{setting}: expected {expected}, got {shown(value)}{hint and '.' + hint}") from None


def shown(value: Any) -> str:
    """Return a value for a sentence, shortened and without tokens, whatever it is."""
    try:
        text = hide(repr(value))
    except (ValueError, RecursionError):
        # Integers of thousands of digits, and lists in lists in lists.
        text = f"{type(value).__name__} too large to be shown"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def parse_value(text: str) -> Any:
    """Return a value given as text: JSON where it parses as JSON, True, False and None as Python writes them, text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"True": True, "False": False, "None": None}.get(text, text)


def number(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False, unit: str = ""
) -> Rule:
    """Accept a finite number from `low` to `high`; `above` and `below` leave out the bounds themselves."""

    def read(value: Any) -> float:
        plain = _plain(float, value)  # 40 and 40.0 are one setting with one digest
        outside = not low <= plain <= high or (above and plain == low) or (below and plain == high)
        return _kept(plain, math.isfinite(plain) and not outside)

    return Rule("a number" + _bounds(low, high, above, below, unit), read)


def duration() -> Rule:
    """Accept a time above 0, in seconds or with its unit: 90, "90s", "1.5min" or "2h"."""
    units = {"s": 1.0, "min": 60.0, "h": 3600.0}

    def read(value: Any) -> float:
        found = re.fullmatch(r"\s*(\d*\.?\d+)\s*(s|min|h)\s*", value) if isinstance(value, str) else None
        seconds: float = number(0, above=True).read(float(found[1]) * units[found[2]] if found else value)
        return seconds

    return Rule('a time above 0 such as "30s", "10min" or "1h", or a number of seconds', read)


def whole(low: float = -math.inf, high: float = math.inf, *, unit: str = "") -> Rule:
    """Accept a whole number from `low` to `high`; 4.0 is one too."""

    def read(value: Any) -> int:
        plain = _plain(int, value)
        if (not isinstance(value, Integral) and plain != value) or not low <= plain <= high:
            raise Refused
        if abs(plain) > LARGEST_WHOLE:
            raise Refused("a whole number of at most 64 bits")
        return plain

    return Rule("a whole number" + _bounds(low, high, False, False, unit), read)


def text() -> Rule:
    """Accept text that a file can hold."""

    def read(value: Any) -> str:
        if not isinstance(value, str):
            raise Refused
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise Refused("text that UTF-8 can hold, without zero characters")
        return value

    return Rule("text", read)


def path(expected: str = "a path") -> Rule:
    """Accept a path or a name, as text or as a path object; empty text is neither."""

    def read(value: Any) -> str:
        plain: str = text().read(os.fspath(value) if isinstance(value, os.PathLike) else value)
        return _kept(plain, bool(plain))

    return Rule(expected, read)


def flag() -> Rule:
    """Accept true or false."""
    return Rule("true or false", lambda value: _kept(value, isinstance(value, bool)))


def choice(*known: Any) -> Rule:
    """Accept one of the values given."""

    def read(value: Any) -> Any:
        return _kept(value, isinstance(value, str | int) and value in known)

    return Rule(f"one of {', '.join(map(str, known))}", read, known=known)


def span(low: float, high: float) -> Rule:
    """Accept (lowest, highest), two numbers within `low` to `high`."""
    one = number(low, high)

    def read(value: Any) -> tuple[float, float]:
        if not isinstance(value, list | tuple) or len(value) != 2:
            raise Refused
        lowest, highest = map(one.read, value)
        return _kept((lowest, highest), lowest <= highest)

    return Rule(f"(lowest, highest) within {low:g} to {high:g}", read)


def json_value() -> Rule:
    """Accept what JSON can hold: text, finite numbers, true, false, null, and lists and tables of them."""

    def read(value: Any, depth: int = 0) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str | os.PathLike):
            return text().read(os.fspath(value))
        if is_number(value):
            return (whole() if isinstance(value, Integral) else number()).read(value)
        if depth == DEEPEST:
            raise Refused(f"lists and tables at most {DEEPEST} deep")
        if isinstance(value, list | tuple):
            return [read(item, depth + 1) for item in value]
        if isinstance(value, Mapping):
            return {text().read(name): read(item, depth + 1) for name, item in value.items()}
        raise Refused

    return Rule("text, a number, true, false, null, or a list or table of them", read)


def public(expected: str) -> Rule:
    """Accept a table of JSON values by name that may be published; it becomes read-only."""

    def read(value: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise Refused
        if secret := secret_in("", value, names=True):
            raise InputError(
                f"{secret}: tokens and passwords are not settings, because recipe.json and run.json hold the settings "
                "and are published. Leave it out (also of a file that has it); for the Hub set HF_TOKEN in the "
                "environment, or log in with `hf auth login`."
            )
        return MappingProxyType({text().read(name): json_value().apply(name, item) for name, item in value.items()})

    return Rule(expected, read)


def optional(rule: Rule) -> Rule:
    """Accept None, and what a rule accepts."""
    return replace(rule, read=lambda value: None if value is None else rule.read(value))


def either(*rules: Rule) -> Rule:
    """Accept what any of the rules accepts, the first of them where several do."""

    def read(value: Any) -> Any:
        for rule in rules:
            try:
                return rule.read(value)
            except Refused:
                continue
        raise Refused

    return Rule(" or ".join(rule.expected for rule in rules), read)


def each(rule: Rule) -> Rule:
    """Accept a list whose items a rule accepts; it becomes a tuple."""

    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise Refused
        return tuple(map(rule.read, value))

    return Rule(f"a list, each of it {rule.expected}", read)


def _kept(value: Kept, fits: bool) -> Kept:
    """Return a value that fits, and refuse any other."""
    if not fits:
        raise Refused
    return value


def _plain(kind: type[Plain], value: Any) -> Plain:
    if not is_number(value):
        raise Refused
    try:
        return kind(value)
    except (OverflowError, ValueError):
        raise Refused from None


def _bounds(low: float, high: float, above: bool, below: bool, unit: str) -> str:
    """Return the end of "a number": " above 0 and at most 60 s"."""
    least, most = f"{low:.12g}", f"{high:.12g}"
    if math.isinf(low) and math.isinf(high):
        words = ""
    elif math.isinf(high):
        words = f" above {least}" if above else f" of {least} or more"
    elif math.isinf(low):
        words = f" below {most}" if below else f" of {most} or less"
    elif above:
        words = f" above {least} and {'below' if below else 'at most'} {most}"
    else:
        words = f" from {least} to {'below ' if below else ''}{most}"
    return f"{words} {unit}" if unit else words
