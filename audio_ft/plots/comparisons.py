"""Figures that compare: scores of slices and of levels of a perturbation, and measurements over a data set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.errors import InputError
from audio_ft.metrics import Score
from audio_ft.plots.theme import LIGHT, MARKERS, TICK, WIDTH, Theme, finish, new_figure, open_axes, shorten
from audio_ft.plots.training import draw_scores, from_zero, title_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_SLICES = 60


def slices(
    parts: Mapping[str, Mapping[str, Score]],
    *,
    metric: str,
    overall: Score | None = None,
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw the score of each slice, {column: {value: score}}, with its 95 % interval and its number of clips.

    `overall` is drawn as a line; a slice whose interval excludes it has another color and another marker.

    Raises:
        InputError: no slices.
    """
    rows = [(column, value, score) for column, own in parts.items() for value, score in own.items()]
    if not rows:
        raise InputError("expected at least one slice to draw, got none.")
    drawn, left = rows[:_MOST_SLICES], len(rows) - _MOST_SLICES
    grouped = {column: list(own) for column, own in groupby(drawn, key=itemgetter(0))}
    figure = new_figure(theme, width, 0.21 * len(drawn) + 0.34 * len(grouped) + 0.9)
    heights = [len(own) + 1 for own in grouped.values()]
    grid = figure.subplots(len(grouped), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0]
    for axes, (column, own) in zip(grid, grouped.items(), strict=True):
        axes.set_title(shorten(column.replace("_", " "), 40), loc="left")
        shown = []
        for _, value, score in own:
            differs = overall is not None and not score.low <= overall.value <= score.high and math.isfinite(score.low)
            look = (theme.color(1), MARKERS[2]) if differs else (theme.color(0), MARKERS[0])
            shown.append((f"{shorten(value, 30)}  (n={score.n:,})", score, *look))
        draw_scores(axes, theme, shown)
        if overall is not None:
            axes.axvline(overall.value, linestyle="--", linewidth=1, color=theme.muted)
    from_zero(grid[-1], [score for _, _, score in drawn])
    grid[-1].set_xlabel(f"{title_of(metric)}, with 95 % interval" + (f" ({left} more not shown)" if left > 0 else ""))
    if overall is not None:
        text = f"dashed: {overall.value:.3f} over all {overall.n:,} clips"
        figure.suptitle(text, color=theme.muted, fontsize=TICK, x=0.01, ha="left")
    return finish(figure, theme, name=f"{title_of(metric)} of {len(rows)} slices")


def robustness_curve(
    levels: Sequence[float] | Sequence[str],
    scores: Sequence[Score],
    *,
    metric: str,
    perturbation: str,
    unit: str = "",
    clean: Score | None = None,
    theme: Theme = LIGHT,
    width: float = 0.75 * WIDTH,
) -> Figure:
    """Draw a score with its 95 % interval at each level of a perturbation, evenly spaced in the order given.

    `clean`, the score without the perturbation, is a dashed line.

    Raises:
        InputError: no levels, or not one score for each.
    """
    if not len(levels) or len(levels) != len(scores):
        raise InputError(f"expected as many scores as levels, and at least one; got {len(levels)} and {len(scores)}.")
    figure = new_figure(theme, width, 0.65 * width)
    axes = open_axes(figure.subplots(), theme)
    # Not in numeric order: SNRs of 20, 10, 0 dB get worse to the right.
    positions = np.arange(len(levels))
    values = [score.value for score in scores]
    low, high = ([getattr(score, end) for score in scores] for end in ("low", "high"))
    axes.vlines(positions, low, high, color=theme.color(0), linewidth=2)
    axes.plot(positions, values, marker="o", markersize=6, linewidth=1.4, color=theme.color(0))
    if clean is not None:
        axes.axhline(clean.value, linestyle="--", linewidth=1, color=theme.muted, label=f"clean: {clean.value:.3f}")
        axes.legend(loc="best")
    texts = [shorten(level if isinstance(level, str) else f"{level:g}".replace("-", "−"), 16) for level in levels]
    axes.set_xticks(positions, texts)
    if len(levels) > 6 or max(map(len, texts)) > 8:
        axes.tick_params(axis="x", rotation=30)
    most = np.nanmax([*values, *high])
    axes.set_ylim(np.nanmin([0.0, *low]), max(1.02 if most <= 1 else 1.05 * most, clean.value if clean else 0.0))
    axes.set_xlabel(f"{shorten(perturbation, 40)} ({unit})" if unit else shorten(perturbation, 40))
    axes.set_ylabel(title_of(metric))
    return finish(figure, theme, name=f"{title_of(metric)} under {perturbation}")


_BINS = 24


def histogram(
    values: Sequence[float],
    *,
    after: Sequence[float] = (),
    name: str,
    unit: str = "",
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw how many recordings have which value; `name` and `unit` label the axis, `after` is drawn as an outline.

    Raises:
        InputError: no values.
    """
    from matplotlib.ticker import MaxNLocator

    if not len(values):
        raise InputError(f"expected at least one value of {name} to draw, got none.")
    figure = new_figure(theme, width, width * 0.62)
    axes = open_axes(figure.subplots(), theme)
    low, high = float(np.min([*values, *after])), float(np.max([*values, *after]))
    if low == high:  # one bar in the middle instead of one at an edge
        low, high = low - 0.5, high + 0.5
    bins = np.linspace(low, high, _BINS + 1).tolist()
    axes.hist(values, bins=bins, color=theme.color(0), edgecolor=theme.background, label="before cleaning")
    if len(after):
        axes.hist(after, bins=bins, histtype="step", linewidth=1.6, color=theme.color(1), label="after cleaning")
        axes.legend(loc="best")
    axes.set_xlabel(f"{name} ({unit})" if unit else name)
    axes.set_ylabel("recordings")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return finish(figure, theme, name=f"Histogram of {name}")
