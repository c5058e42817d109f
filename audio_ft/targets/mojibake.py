"""Mojibake: text whose UTF-8 bytes were decoded in another encoding, so that "é" became "Ã©".

Not ftfy: its heuristics take “Ã” in quotes for mojibake and miss "Ã…se" (Åse) and "ÅŸey" (şey). This check is
simpler, since nothing is repaired here, and finds both.
"""

from __future__ import annotations

import re
import unicodedata

# What Python decodes unreadable bytes to with errors="replace".
REPLACEMENT = "\ufffd"
_RUN = re.compile(r"[^\x00-\x7f]+")
# Nothing is written with a capital Ã right after a small letter: it is an "à" whose no-break space became a space.
_HALF = re.compile(r"(?<=[a-z])Ã(?![^\x00-\x7f])")
# Typography at the end of a word or sentence: after a capital it is meant ("IRMû closes a quotation).
_CLOSING = frozenset("\u00a0»«’”“…–—°")
# Encodings in which UTF-8 is misread, and how many letters of another alphabet it takes to be sure: "é…»" has the bytes
# of a Chinese character by chance; in Cyrillic "Её" has those of one letter, the Ukrainian "СІРІ" those of two.
_ENCODINGS = (("cp1252", 2), ("cp1250", 2), ("mac_roman", 2), ("cp437", 2), ("cp1251", 3))
# Control characters beyond ASCII, except the line end U+0085: bytes that were read as Latin-1.
_CONTROL = re.compile(r"[\x80-\x84\x86-\x9f]")


def garbled(text: str) -> str | None:
    """Return the first piece of `text` that was decoded wrongly, None where all of it may be intended.

    A run of characters beyond ASCII counts when its bytes, in the encodings in which files are usually misread, are
    UTF-8 for something that is written: an accented letter, a dash or quotation mark, or some letters of another
    alphabet. "IRMÃ" and "«NÃO»" stay.
    """
    if text.isascii():
        return None
    if REPLACEMENT in text:
        return REPLACEMENT
    for run in _RUN.finditer(text):
        if any(_misread(run[0], text[: run.start()], *encoding) for encoding in _ENCODINGS):
            return run[0]
    half = _HALF.search(text) or _CONTROL.search(text)
    return half[0] if half else None


def _misread(run: str, before: str, encoding: str, sure: int) -> bool:
    """Tell whether the bytes of a run in this encoding are UTF-8 for something that is written."""
    content = _encoded(run, encoding)
    try:
        meant = content.decode("utf-8") if content else ""
    except UnicodeDecodeError:
        return False
    if not meant or (len(run) == 2 and before[-1:].isupper() and run[1] in _CLOSING):
        return False
    if encoding != "cp1251" and all(_is_latin_or_sign(character) for character in meant):
        return True
    return len(meant) >= sure and all(unicodedata.category(character)[0] in "LMPN" for character in meant)


def _encoded(run: str, encoding: str) -> bytes | None:
    """Return the bytes of a run; the few that the encoding leaves undefined go through as they are."""
    content = bytearray()
    for character in run:
        try:
            content += character.encode(encoding)
        except UnicodeEncodeError:
            if not "\x80" <= character <= "\x9f":
                return None
            content.append(ord(character))
    return bytes(content)


def _is_latin_or_sign(character: str) -> bool:
    """Tell whether a character is an accented letter of Europe or a sign of its typography."""
    return "\u00a0" <= character <= "\u017f" or "\u2010" <= character <= "\u2044" or character in "€™\u200b\ufeff"
