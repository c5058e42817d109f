"""Markdown: tables, and text that Markdown leaves alone."""

from __future__ import annotations

import re
from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return a Markdown table; the columns `numbers` are set to the right."""
    rule = ["---:" if column in numbers else "---" for column in range(len(header))]
    return "\n".join(f"| {' | '.join(map(cell, row))} |" for row in (header, rule, *rows))


def cell(text: object) -> str:
    """Return text that stays in its cell of a Markdown table."""
    return str(text).replace("|", r"\|").replace("\n", " ")


def code(text: object) -> str:
    """Return text set as code, which Markdown and HTML leave alone."""
    return f"`{str(text).replace('`', chr(39))}`"


def literal(text: object) -> str:
    """Return text that shows as it is: a label such as <noise> would be markup, and vanish."""
    return re.sub(r"([\\`*<>\[\]])", r"\\\1", str(text))
