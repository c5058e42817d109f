"""The page of a server: try the model with a file or the microphone, and how programs use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audio_ft.formatting import format_size
from audio_ft.reporting.html.render import rendered

if TYPE_CHECKING:
    from audio_ft.serving.desk import Desk


def page_of(desk: Desk) -> str:
    """Return the page as HTML, in the look of the report."""
    by_words = desk.target.by_words
    return rendered(
        {
            "name": desk.name,
            "facts": desk.model.facts(),
            "route": f"/v1/audio/{'transcriptions' if by_words else 'classifications'}",
            "by_words": by_words,
            "example": "talk.m4a" if by_words else "door.wav",
            "seconds": desk.limits.seconds,
            "size": format_size(desk.limits.bytes),
            "requests": desk.limits.requests,
        },
        "served.html",
        ["served.js"],
    )
