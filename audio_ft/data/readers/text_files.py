"""Read text files in UTF-8, UTF-16 or UTF-32, with the offending byte where they are in another encoding."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from audio_ft.errors import InputError
from audio_ft.formatting import shortened

# The mark of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_FIX = "save the file as UTF-8 and try again"
# UTF-16 without a mark has a zero byte for each ASCII character, a blank or a digit at least, always on the same side,
# and text in UTF-8 has none: bytes that are inspected, and the share of zeros that shows it. Few letters have one on
# the other side.
_SAMPLE, _ZEROS, _OTHER_SIDE = 20_000, 0.02, 0.1
_LONGEST_LINE = 80


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, or of one in UTF-16 or UTF-32, of which UTF-16 may lack its byte-order mark.

    Raises:
        InputError: bytes that are not text in that encoding, with their line, or the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file and its permissions") from error
    marked = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    unmarked = None if marked or content.startswith(codecs.BOM_UTF8) else _utf_16(content)
    try:
        return content.decode(marked or unmarked or "utf-8-sig")
    except UnicodeDecodeError as error:
        shows = f"its byte-order mark says {marked}" if marked else f"its zero bytes are those of {unmarked}"
        said = f": {shows}, but byte {error.start:,} is invalid ({error.reason})"
        why = said if marked or unmarked else _invalid_byte(content, error.start)
        raise InputError(f"{path}{why}; {_FIX}") from error


def _utf_16(content: bytes) -> str | None:
    """Return which UTF-16 a file without a mark is in, None for neither."""
    sample = content[:_SAMPLE]
    big, little = sample[::2].count(0), sample[1::2].count(0)
    if max(big, little) < max(1, _ZEROS * len(sample)) or min(big, little) > _OTHER_SIDE * max(big, little):
        return None
    return "UTF-16-BE" if big > little else "UTF-16-LE"


def lines_of(text: str) -> list[str]:
    """Return the lines of a text.

    `str.splitlines` also ends a line at U+0085, U+2028 and others, which a transcript may contain.
    """
    lines = re.split(r"\r\n|\r|\n", text)
    return lines if lines[-1] else lines[:-1]


def _invalid_byte(content: bytes, byte: int) -> str:
    """Say which byte in which line is not UTF-8, and show the line in the most likely other encoding."""
    number = content.count(b"\n", 0, byte)
    line = content.split(b"\n", number + 1)[number].decode("cp1252", errors="replace").strip()
    return (
        f", line {number + 1:,}: expected UTF-8 text, but byte {byte:,} (0x{content[byte]:02X}) is not; "
        f"as Windows-1252 the line reads {shortened(line, _LONGEST_LINE)!r}"
    )
