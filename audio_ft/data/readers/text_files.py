"""Read text files in UTF-8, UTF-16 or UTF-32, with the offending byte where they are in another encoding."""

from __future__ import annotations

import codecs
from pathlib import Path

from audio_ft.errors import InputError

# The mark of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_FIX = "save the file as UTF-8 and try again"
# UTF-16 without a mark: characters that are inspected, and the share of zero bytes among them that shows it.
_SAMPLE, _ZEROS = 10_000, 0.25
_LONGEST_LINE = 80


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, or of one whose byte-order mark says that it is UTF-16 or UTF-32.

    Raises:
        InputError: bytes that are not text in that encoding, with their line, or the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file and its permissions") from error
    marked = next((name for mark, name in _MARKS.items() if content.startswith(mark)), None)
    try:
        text = content.decode(marked or "utf-8-sig")
    except UnicodeDecodeError as error:
        said = f"its byte-order mark says {marked}, but byte {error.start:,} is invalid ({error.reason})"
        raise InputError(f"{path}{f': {said}' if marked else _invalid_byte(content, error.start)}; {_FIX}") from error
    # In UTF-16 every second byte of plain letters is zero, and a zero byte is a character in UTF-8.
    if text[:_SAMPLE].count("\0") > _ZEROS * len(text[:_SAMPLE]):
        raise InputError(f"{path}: expected UTF-8 text, but every second byte is zero, as in UTF-16; {_FIX}")
    return text


def _invalid_byte(content: bytes, byte: int) -> str:
    """Say which byte in which line is not UTF-8, and show the line in the most likely other encoding."""
    number = content.count(b"\n", 0, byte)
    line = content.split(b"\n", number + 1)[number].decode("cp1252", errors="replace").strip()
    shown = line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 2]} …"
    return (
        f", line {number + 1:,}: expected UTF-8 text, but byte {byte:,} (0x{content[byte]:02X}) is not; "
        f"as Windows-1252 the line reads {shown!r}"
    )
