"""Text of a run in Markdown (GitHub's, which the Hub shows): as code, as plain words, and in a cell of a table."""

from __future__ import annotations

import re

from audio_ft.formatting import escaped

# What begins emphasis, code, a link, an image, a tag, a character reference or a formula.
_LIVE = re.compile(r"[\\`*<>\[\]|~&$]|(?<!\w)_|_(?!\w)")
# What becomes a link by itself.
_LINK = re.compile(r":(?=//)|(?<=www)\.|@", re.IGNORECASE)


def code(text: object) -> str:
    """Return text as a code span, which shows every character.

    Example:
        >>> code("<yes>"), code("a`b")
        ('`<yes>`', '<code>a&#96;b</code>')
    """
    plain = escaped(str(text))
    # A backtick ends a code span, blanks at its ends get lost, and a bar after a backslash ends a cell.
    if plain.strip() and not re.search(r"`|^ | $|\\\|", plain):
        return f"`{plain}`"
    inert = re.sub(r"\W|_", lambda sign: f"&#{ord(sign[0])};", plain)
    return f"<code>{inert}</code>"


def literal(text: object) -> str:
    r"""Return text to be shown as it is between other words; a label such as <noise> would not be shown otherwise.

    Example:
        >>> literal("<b> at www.a.b")
        '\\<b\\> at www&#46;a.b'
    """
    live = _LIVE.sub(lambda sign: f"\\{sign[0]}", escaped(str(text)))
    return _LINK.sub(lambda sign: f"&#{ord(sign[0])};", live)


def cell(text: object) -> str:
    """Return Markdown in a cell of a table, which a bar or a line break would end."""
    return re.sub(r"(?<!\\)\|", r"\|", str(text)).replace("\n", " ")
