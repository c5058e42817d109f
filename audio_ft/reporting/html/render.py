"""Render the page: Jinja templates, with style and script inlined."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audio_ft import __version__
from audio_ft.formatting import format_duration
from audio_ft.reporting.html.figures import colors
from audio_ft.reporting.html.recordings import PLAYER_SECONDS

TEMPLATES = Path(__file__).parents[2] / "assets" / "report"


def render(page: Mapping[str, Any]) -> str:
    """Return the page as one HTML document that loads nothing from the network."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"interval": lambda score: str(score).partition(" ")[2], "duration": format_duration}
    # Style and script are our own files and hold nothing of the run; everything else is escaped.
    css = (TEMPLATES / "page.css").read_text(encoding="utf-8") + plot_colors()
    js = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        page=page,
        version=__version__,
        longest=f"{PLAYER_SECONDS:g}",
        css=Markup(css),
        js=Markup(js),
        policy=content_security_policy(js),
    )


def content_security_policy(js: str) -> str:
    """Return a Content-Security-Policy that allows our own script and nothing from the network.

    Styles are not restricted by digest because each line of an inline figure has its own style.
    """
    digest = base64.b64encode(hashlib.sha256(js.encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def plot_colors() -> str:
    """Return the style rules for the colors of figures in the light and the dark theme."""
    used = [color for color in colors() if color[0] != "background"]
    light = "".join(f"--plot-{name}:{value};" for name, value, _ in used)
    both = "".join(f"--plot-{name}:light-dark({value},{other});" for name, value, other in used)
    return (
        f":root{{{light}--plot-background:var(--paper)}}\n.card{{--plot-background:var(--raised)}}\n"
        f"@supports (color: light-dark(#fff, #000)) {{ :root{{{both}}} }}\n"
    )
