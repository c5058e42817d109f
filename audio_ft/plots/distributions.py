"""Histograms of measurements over the recordings of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.errors import InputError
from audio_ft.plots.theme import LIGHT, WIDTH, Theme, finish, new_figure, open_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BINS = 24


def histogram(
    values: Sequence[float], *, name: str, unit: str = "", theme: Theme = LIGHT, width: float = WIDTH
) -> Figure:
    """Draw how many recordings have which value; `name` and `unit` label the axis.

    Raises:
        InputError: no values.
    """
    from matplotlib.ticker import MaxNLocator

    if not len(values):
        raise InputError(f"expected at least one value of {name} to draw, got none.")
    figure = new_figure(theme, width, width * 0.62)
    axes = open_axes(figure.subplots(), theme)
    low, high = float(np.min(values)), float(np.max(values))
    if low == high:  # one bar in the middle instead of one at an edge
        low, high = low - 0.5, high + 0.5
    axes.hist(values, bins=np.linspace(low, high, _BINS + 1).tolist(), color=theme.color(0), edgecolor=theme.background)
    axes.set_xlabel(f"{name} ({unit})" if unit else name)
    axes.set_ylabel("recordings")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return finish(figure, theme, name=f"Histogram of {name}")
