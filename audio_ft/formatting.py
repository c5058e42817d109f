"""Format durations, sizes and sentences for people."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """Return a duration in the unit that reads well: "420 ms", "4.20 s", "12.3 s", "4.2 min", "1.53 h"."""
    if seconds >= 3600:
        return f"{seconds / 3600:,.2f} h"
    if seconds >= 100:
        return f"{seconds / 60:.1f} min"
    if 0 < seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds >= 10 else f"{seconds:.2f} s"


def format_size(size: float) -> str:
    """Return a number of bytes in the unit that reads well, in powers of a thousand: "512 bytes", "3.4 MB"."""
    amount, units = float(size), ["bytes", "kB", "MB", "GB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:,.0f} bytes" if units[0] == "bytes" else f"{amount:,.1f} {units[0]}"


def capitalized(text: str) -> str:
    """Return a text with its first letter in upper case, the others as they are."""
    return text[:1].upper() + text[1:]


def counted(number: int, noun: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
