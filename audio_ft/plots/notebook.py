"""A run in a notebook: scores, baselines and learning curves."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.plots.export import to_svg
from audio_ft.plots.training import headline, learning_curves, title_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audio_ft.metrics import Score
    from audio_ft.plots.training import Trained

_CELL = 'style="text-align:left;padding:2px 12px 2px 0"'


def run_html(run: Trained, name: str, split: str = "test") -> str:
    """Return HTML of a run: `name`, headline scores with 95 % intervals beside the baselines, and learning curves."""
    columns: dict[str, Mapping[str, Score]] = {split: run.scores.get(split, {}), **run.baselines}
    head = "".join(f"<th {_CELL}>{html.escape(title_of(column))}</th>" for column in ("", *columns))
    rows = []
    for metric in headline(run, split):
        scores = [own.get(metric) for own in columns.values()]
        cells = "".join(f"<td {_CELL}>{'–' if score is None else html.escape(str(score))}</td>" for score in scores)
        rows.append(f"<tr><th {_CELL}>{html.escape(title_of(metric))}</th>{cells}</tr>")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    why = f"<div>best checkpoint: {html.escape(str(run.best.get('why', 'the last checkpoint')))}</div>"
    title = f"<div><strong>{html.escape(name)}</strong></div>"
    return f'<div style="font-family:sans-serif;font-size:13px">{title}{table}{why}{_curves(run)}</div>'


def _curves(run: Trained) -> str:
    try:
        return to_svg(learning_curves(run))
    except InputError:  # nothing was logged
        return ""
