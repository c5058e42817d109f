"""Plain text: what a file says, in the encoding it is in, or at which byte that cannot be told."""

from __future__ import annotations

from pathlib import Path

from audio_ft.errors import InputError

# The marks by which a file says its encoding; that of UTF-32 begins with that of UTF-16, so it is looked for first.
_MARKS = (
    (b"\xff\xfe\x00\x00", "UTF-32", "utf-32"),
    (b"\x00\x00\xfe\xff", "UTF-32", "utf-32"),
    (b"\xff\xfe", "UTF-16", "utf-16"),
    (b"\xfe\xff", "UTF-16", "utf-16"),
    (b"", "UTF-8", "utf-8-sig"),
)
_MEND = "save the file as UTF-8 and try again"
# Characters that are looked at to tell UTF-16 without a mark, and the share of them that zero bytes have there.
_SAMPLE, _ZEROS = 10_000, 0.25
_LONGEST_LINE = 80


def read_text(path: Path) -> str:
    """Return the text of a UTF-8 file, or of one whose byte-order mark says that it is UTF-16 or UTF-32.

    Raises:
        InputError: bytes that are no text in that encoding, with their line, or a file that cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the file and its permissions") from error
    name, encoding = next((name, encoding) for mark, name, encoding in _MARKS if content.startswith(mark))
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if name == "UTF-8":
            raise InputError(f"{path}, {_misfit(content, error.start)}; {_MEND}") from error
        raise InputError(
            f"{path}: its first bytes say {name}, but byte {error.start:,} does not fit ({error.reason}); {_MEND}"
        ) from error
    # In UTF-16 every second byte of plain letters is zero, and a zero byte is a character in UTF-8.
    if text[:_SAMPLE].count("\0") > _ZEROS * len(text[:_SAMPLE]):
        raise InputError(f"{path}: expected UTF-8 text, but every second byte is zero, as in UTF-16; {_MEND}")
    return text


def _misfit(content: bytes, byte: int) -> str:
    """Say which byte is not UTF-8, in which line, and how that line reads in the likeliest other encoding."""
    start = content.rfind(b"\n", 0, byte) + 1
    line = content[start:].split(b"\n", 1)[0].decode("cp1252", errors="replace").strip()
    shown = line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 2]} …"
    number = content.count(b"\n", 0, byte) + 1
    return (
        f"line {number:,}: expected UTF-8 text, but byte {byte:,} (0x{content[byte]:02X}) is not; "
        f"as Windows-1252 the line reads {shown!r}"
    )
