"""Mojibake: text whose UTF-8 bytes were decoded in another encoding, so that "é" became "Ã©".

Not ftfy, which takes “Ã” in quotes for mojibake and misses "Ã…se" (Åse) and "ÅŸey" (şey); nothing is repaired here.
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
# Accented letters of Europe and signs of its typography.
_LATIN_OR_SIGNS = re.compile("[\u00a0-\u017f\u2010-\u2044€™\u200b\ufeff]+")
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
    try:
        # The few bytes that the encoding leaves undefined go through as they are.
        content = b"".join(character.encode("latin-1" if character <= "\x9f" else encoding) for character in run)
        meant = content.decode("utf-8")
    except UnicodeError:
        return False
    if len(run) == 2 and before[-1:].isupper() and run[1] in _CLOSING:
        return False
    if encoding != "cp1251" and _LATIN_OR_SIGNS.fullmatch(meant):
        return True
    return len(meant) >= sure and all(unicodedata.category(character)[0] in "LMPN" for character in meant)
