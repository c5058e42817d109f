"""Read cells that hold times: numbers of any unit, with decimal commas, clocks ("0:01.2"), and "1.2 s"."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

from audio_ft.targets.cells import missing

# Seconds in each unit; those of a sample depend on the recording.
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0, "samples": math.nan}
_SPELLINGS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "ms": ("ms", "msec", "msecs", "milli", "millis", "millisecond", "milliseconds"),
    "us": ("us", "usec", "µs", "microsecond", "microseconds"),
    "min": ("min", "mins", "minute", "minutes"),
    "h": ("h", "hour", "hours"),
    "samples": ("samples", "sample", "frames", "frame", "smp"),
}
UNIT_OF = {word: unit for unit, words in _SPELLINGS.items() for word in words}

_GAPS = {"nan", "nat", "none", "null", "n/a", "na", "<na>", "-"}
_PLAIN = re.compile(r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?")
# "1.234,5" and "1,234.5"
_THOUSANDS = re.compile(r"\d{1,3}(?:([.,])\d{3})+(?!\1)[.,]\d+")
_WITH_UNIT = re.compile(rf"({_PLAIN.pattern})\s*([a-zµ]+)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+) days?,? *)?(?:(\d+):)?(\d+):(\d+(?:[.,]\d*)?)")


@dataclass(frozen=True)
class Times:
    """Hold the values of a column of times, None for gaps.

    Attributes:
        values: numbers in `unit`.
        unit: the unit that the cells themselves state; "" where they are bare numbers.
        fractions: whether a number is written with a fraction.
    """

    values: Sequence[float | None]
    unit: str
    fractions: bool


def read_times(cells: Sequence[Any]) -> Times | None:
    """Return the times in the cells of a column, None where a cell is not a time or all are empty.

    Example:
        >>> read_times(["0 days 00:00:01.2", "1:02", ""])
        Times(values=(1.2, 62.0, None), unit='s', fractions=False)
        >>> read_times(["0,25", "3"])
        Times(values=(0.25, 3.0), unit='', fractions=True)
    """
    found = [_read(cell) for cell in cells]
    filled = [one for one in found if one is not None]
    if not filled or not all(math.isfinite(value) for value, _ in filled):
        return None
    units = {unit for _, unit in filled}
    unit = units.pop() if len(units) == 1 else ""
    if units:  # several: all but samples are seconds, and so are bare numbers between clocks
        if "samples" in units or unit == "samples":
            return None
        unit, filled = "s", []
        found = [None if one is None else (one[0] * UNITS[one[1] or "s"], "s") for one in found]
    fractions = not unit and any(isinstance(cell, str) and re.search(r"[.,]\d*[1-9]", cell) for cell in cells)
    fractions = fractions or (not unit and any(not value.is_integer() for value, _ in filled))
    return Times(tuple(None if one is None else one[0] for one in found), unit, fractions)


def _read(cell: Any) -> tuple[float, str] | None:
    """Return the number in a cell and its unit ("": not stated), None for a gap, NaN for what is not a time."""
    if missing(cell) or (isinstance(cell, str) and cell.strip().lower() in _GAPS) or str(cell) == "NaT":
        return None
    if isinstance(cell, timedelta):
        return cell.total_seconds(), "s"
    if isinstance(cell, time):
        return cell.hour * 3600 + cell.minute * 60 + cell.second + cell.microsecond / 1e6, "s"
    if isinstance(cell, str):
        return _read_text(cell.strip())
    with suppress(TypeError, ValueError):
        return (math.nan if isinstance(cell, bool) else float(cell)), ""
    return math.nan, ""


def _read_text(text: str) -> tuple[float, str]:
    if _PLAIN.fullmatch(text) or _THOUSANDS.fullmatch(text):
        return _number(text), ""
    if match := _WITH_UNIT.fullmatch(text):
        unit = UNIT_OF.get(match[2].lower())
        return (_number(match[1]), unit) if unit else (math.nan, "")
    if match := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (_number(part or "0") for part in match.groups())
        return days * 86_400 + hours * 3600 + minutes * 60 + seconds, "s"
    if re.match(r"P?T?\d", text):  # "1m 2.5s", ISO 8601 "PT1M2.5S"
        import pandas

        with suppress(ValueError):
            return pandas.Timedelta(text).total_seconds(), "s"
    return math.nan, ""


def _number(text: str) -> float:
    """Return a number with a decimal point or comma; where both occur, the last one is decimal."""
    whole, last, decimals = text.replace(",", ".").rpartition(".")
    return float(f"{whole.replace('.', '')}{last}{decimals}")
