"""Color on terminals, used sparingly: headings and headline scores are bold, warnings yellow, errors red."""

from __future__ import annotations

import os
import re
from typing import TextIO

PLAIN, BOLD, YELLOW, RED = "0", "1", "33", "31"
# What messages and findings begin with, and the color of that word; the sentence after it stays as it is.
_OPENING = re.compile(r"\A(?:audio-ft: )?(?P<word>error|warning|excluded)(?=: )")
COLORS = {"error": RED, "warning": YELLOW, "excluded": YELLOW}
_HEADING = re.compile(r"^[a-zA-Z][\w ,]*:$", re.MULTILINE)


class Marked(str):
    """A line whose first `end` characters, or all of them, have a color on a terminal; elsewhere it is the line."""

    color: str
    end: int | None


def marked(line: str, color: str = BOLD, end: int | None = None) -> str:
    """Return a line that `in_color` colors up to `end`."""
    found = Marked(line)
    found.color, found.end = color, end
    return found


def has_color(stream: TextIO) -> bool:
    """Return whether a stream shows colors: a terminal, unless NO_COLOR is set or TERM is dumb."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def in_color(line: str, visible: str, stream: TextIO) -> str:
    """Return the visible form of a line for a stream, with the color that the line is marked with."""
    if not isinstance(line, Marked) or not has_color(stream):
        return visible
    end = len(visible) if line.end is None else line.end
    return _paint(visible[:end], line.color) + visible[end:]


def message_in_color(message: str, stream: TextIO) -> str:
    """Return a message for a stream, with "warning" in yellow and "error" in red where it begins with them."""
    found = _OPENING.match(message)
    if found is None or not has_color(stream):
        return message
    start, end = found.span("word")
    return message[:start] + _paint(message[start:end], COLORS[found["word"]]) + message[end:]


def help_in_color(text: str, stream: TextIO) -> str:
    """Return the text of a help for a stream, with its headings ("options:") in bold."""
    return _HEADING.sub(lambda found: _paint(found[0], BOLD), text) if has_color(stream) else text


def _paint(text: str, color: str) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"
