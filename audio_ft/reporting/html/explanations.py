"""Explanations as a page, in the look of the report: figures, the evidence to listen to, and how faithful they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.explaining.explain import Explanation, Explanations, Weighed, explain, require_explainable
from audio_ft.file_io import require_parent
from audio_ft.plots.explanation import evidence, faithfulness_curves
from audio_ft.plots.export import to_svg
from audio_ft.plots.theme import DARK, LIGHT, Theme
from audio_ft.redaction import display_name
from audio_ft.reporting.html.figures import MEDIUM, NARROW, Picture
from audio_ft.reporting.html.recordings import player, progress
from audio_ft.reporting.html.render import write_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from audio_ft.inference.predictor import Model

# Features that are shown: most count for little.
FEATURES = 12


def write_explanations(found: Explanations, output: Path, model: str) -> Path:
    """Write explanations as one HTML file, and return its path; `model` is what the page calls the model.

    Raises:
        InputError: its folder does not exist.
    """
    require_parent(output)
    page: dict[str, Any] = {
        "found": found,
        "model": display_name(model),
        "cards": [card(item) for item in progress(found.items, "page")],
        "excluded": [f"{file}: {reason}" for file, reason in found.excluded],
        "scores": found.faithfulness,
        "verdicts": found.verdicts(),
    }
    write_page(page, output, "explanations.html")
    return output


def explain_worst(page: dict[str, Any], model: Model, count: int) -> dict[str, Any] | None:
    """Return the explanations of the first of a report's worst errors, by file; None where no recording is there.

    Raises:
        InputError: the model's predictions cannot be explained.
    """
    require_explainable(model)
    clips = [item["clip"] for item in page["worst"][:count]]
    sounds = {clip.file: raw for clip in clips if page["recordings"] and (raw := page["recordings"].raw(clip.file))}
    if not sounds:
        return None
    groups = [clip.group for clip in clips if clip.file in sounds]
    found = explain(model, list(sounds.values()), names=list(sounds), groups=groups)
    return {"of": {item.file: card(item) for item in found}, "found": found, "verdicts": found.verdicts()}


def card(item: Explanation) -> dict[str, Any]:
    """Return what a page shows of one explanation."""
    return {
        "item": item,
        "whole": player(item.sound.clip),
        "methods": [method(item, each) for each in item.weighed],
    }


def method(item: Explanation, each: Weighed) -> dict[str, Any]:
    """Return what a page shows of one method: its picture or its features, its curves, and the evidence."""
    alone, rest = item.said(each)
    measured, at = each.measured, item.sound.model.task.target.names.index(item.label)
    curves = [(each.method, measured.deletion[:, at], measured.insertion[:, at])]
    shown: dict[str, Any] = {"each": each, "alone": alone, "rest": rest, "players": (), "picture": None, "features": (),
                             "share": measured.point / (len(measured.insertion) - 1)}  # fmt: skip
    shown["curves"] = themed(
        lambda theme: faithfulness_curves(curves, measured.chance.curves, label=item.label, theme=theme, width=NARROW),
        f"Curves of {each.method} for {item.file}",
    )
    if each.values.ndim == 1:
        return shown | {"features": _features(item, each)}
    chosen = measured.evidence(each.values.shape) > 0
    shown["picture"] = themed(
        lambda theme: evidence(item.sound.clip, each.values, chosen, label=item.label, theme=theme, width=MEDIUM),
        f"Evidence for {item.label} in {item.file} by {each.method}",
    )
    return shown | {"players": [player(clip) for clip in item.without(each)]}


def _features(item: Explanation, each: Weighed) -> list[dict[str, Any]]:
    """Return the features that count most, with their values and the usual ones."""
    if item.named is None:
        return []
    names = item.sound.model.adapter.feature_names
    return [
        {"name": names[place], "value": float(item.named.values[place]), "usual": float(item.named.usual[place]),
         "counts": float(each.values[place])}
        for place in np.argsort(-np.abs(each.values), kind="stable")[:FEATURES]
    ]  # fmt: skip


def themed(drawn: Callable[[Theme], Figure], alt: str) -> Picture:
    """Return a figure drawn for each theme, because its shades start at the background color."""
    light, dark = (to_svg(drawn(theme), alt=alt) for theme in (LIGHT, DARK))
    return Picture(light, dark, fit="full")
