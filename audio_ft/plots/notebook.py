"""Runs, scores and settings in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.formatting import escaped
from audio_ft.plots.export import to_svg
from audio_ft.plots.training import Trained, headline, learning_curves, title_of

if TYPE_CHECKING:
    import jinja2

ASSETS = Path(__file__).parents[1] / "assets"


def facts_html(title: str, rows: Mapping[str, object], note: str = "") -> str:
    """Return HTML of a title, a table of names and values, and a sentence below."""
    return _environment().get_template("facts.html").render(title=title, rows=rows, note=note)


def run_html(run: Trained, name: str) -> str:
    """Return HTML of a run: `name`, headline scores with 95 % intervals beside the baselines, and learning curves."""
    environment = _environment()
    try:
        curves = to_svg(learning_curves(run))
    except InputError:  # nothing was logged
        curves = ""
    return environment.get_template("notebook.html").render(
        name=name,
        columns={"test": run.scores.get("test", {}), **run.other_baselines},
        metrics=headline(run),
        why=run.best.get("why", "the last checkpoint"),
        curves=curves,
    )


def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS),
        autoescape=True,
        finalize=lambda shown: escaped(shown) if type(shown) is str else shown,
    )
    environment.filters["title_of"] = title_of
    return environment
