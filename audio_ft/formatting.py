"""Format durations, sizes and sentences for people, and make text visible that a terminal would obey or hide."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

# Control characters, line and paragraph separators, marks that reverse the order of what follows, characters without
# width, and bytes of a file name that are not UTF-8. Joiners of letters (Persian, Hindi) and of emoji stay where they
# join something.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]|(?<![\u00ae-\u1fff\u2030-\uffef\U00010000-\U000dffff])[\u200c\u200d]"
)


def escaped(text: str, *, lines: bool = False) -> str:
    r"""Return text in one line in which every character is visible, the others as JSON escapes; `lines` keeps lines.

    Example:
        >>> escaped("yes\x1b[2J\nno")
        'yes\\u001b[2J\\nno'
    """
    return UNSEEN.sub(lambda sign: sign[0] if lines and sign[0] == "\n" else json.dumps(sign[0])[1:-1], text)


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


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters, whose end says where it was cut."""
    return text if len(text) <= most else f"{text[: most - 2]} …"


def counted(number: int, noun: str) -> str:
    """Return "1 file", "2 files"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def first_five(values: Sequence[str]) -> str:
    """Return the first values of a list, and how many there are more.

    Example:
        >>> first_five("abcdefg")
        'a, b, c, d, e and 2 more'
    """
    return ", ".join(values[:5]) + (f" and {len(values) - 5:,} more" if len(values) > 5 else "")


def why_not_parsed(error: Exception) -> str:
    """Return why JSON or YAML cannot be parsed, in a line and without Python's advice to raise its own limits."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    if "set_int_max_str_digits" in str(error):
        return "a number has thousands of digits"
    return " ".join(str(error).split())
