"""Render the page: Jinja templates, with style and script inlined."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from audio_ft import __version__
from audio_ft.file_io import json_text, write_bytes
from audio_ft.formatting import capitalized, escaped, format_duration
from audio_ft.redaction import display_name
from audio_ft.reporting.html.figures import colors
from audio_ft.reporting.html.recordings import PLAYER_SECONDS
from audio_ft.reporting.html.scores import bar

TEMPLATES = Path(__file__).parents[2] / "assets" / "report"


def write_page(page: Mapping[str, Any], target: Path, template: str, scripts: Sequence[str] = ()) -> None:
    """Write the page of a template as one HTML file that needs neither network nor other files.

    `scripts` are files of ours beside page.js that the page needs, too.

    Raises:
        InputError: the file cannot be written.
    """
    # A file name may hold characters that UTF-8 cannot encode.
    write_bytes(target, rendered(page, template, scripts).encode("utf-8", "replace"))


def rendered(page: Mapping[str, Any], template: str, scripts: Sequence[str] = ()) -> str:
    """Return the page of a template as HTML; see `write_page`."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        # Before the escapes of HTML, those of what a browser would obey or hide, such as marks that reverse the order.
        finalize=lambda shown: escaped(shown) if type(shown) is str else shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "capitalized": capitalized,
        "display_name": display_name,
        "duration": format_duration,
        "interval": lambda score: str(score).partition(" ")[2],
        # Data for a script, in which nothing can end its element.
        "json": lambda content: Markup(json_text(content).replace("<", "\\u003c")),
    }
    environment.globals |= {"bar": bar}
    programs = [(TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.js", *scripts)]
    digests = [base64.b64encode(hashlib.sha256(js.encode("utf-8")).digest()).decode("ascii") for js in programs]
    # Style and script are our own files and hold nothing of the run; everything else is escaped.
    return environment.get_template(template).render(
        page=page,
        version=__version__,
        longest=f"{PLAYER_SECONDS:g}",
        css=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),
        colors=[color for color in colors() if color[0] != "background"],
        scripts=list(map(Markup, programs)),
        digests=digests,
    )
