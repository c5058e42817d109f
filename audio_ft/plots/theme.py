"""The light and the dark theme of figures, and the functions that start and finish every figure without pyplot.

Series have the color-blind safe colors of Okabe and Ito 2008 ("Color Universal Design"); markers or labels repeat them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from audio_ft.formatting import escaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

WIDTH = 6.4
TITLE, LABEL, TICK = 10.5, 9.5, 8.5
MARKERS = ("o", "s", "D", "^", "v", "P", "X")


@dataclass(frozen=True)
class Theme:
    """Hold the colors of a figure.

    Attributes:
        name: "light" or "dark".
        background: background of figure and axes.
        ink: text and axes.
        muted: reference lines and notes.
        grid: grid lines.
        series: colors of lines and dots, in order of use.
        scale: matplotlib's name of the color scale of images.
    """

    name: str
    background: str
    ink: str
    muted: str
    grid: str
    series: tuple[str, ...]
    scale: str = "viridis"

    def color(self, number: int) -> str:
        """Return the color of a series; colors repeat after the last."""
        return self.series[number % len(self.series)]

    def shades(self) -> Colormap:
        """Return a scale from the background to the first color, for shares from 0 to 1."""
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list(self.name, [self.background, self.series[0]])


LIGHT = Theme(
    name="light",
    background="#ffffff",
    ink="#1b1f24",
    muted="#5c6570",
    grid="#e3e6ea",
    series=("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"),
)
DARK = Theme(
    name="dark",
    background="#14171c",
    ink="#e8eaed",
    muted="#9aa3ad",
    grid="#2d333b",
    series=("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#ffffff"),
)


def new_figure(theme: Theme, width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, with constrained layout."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=theme.background)
    FigureCanvasAgg(figure)
    return figure


def finish(figure: Figure, theme: Theme, *, name: str) -> Figure:
    """Apply the theme's colors and return the figure; `name` is its text for screen readers."""
    from matplotlib.text import Text

    for axes in figure.axes:
        axes.set_facecolor(theme.background)
        axes.tick_params(which="both", colors=theme.muted, labelcolor=theme.ink, labelsize=TICK)
        axes.spines[:].set_color(theme.muted)
        axes.xaxis.label.set(color=theme.ink, fontsize=LABEL)
        axes.yaxis.label.set(color=theme.ink, fontsize=LABEL)
        for title in (axes.title, axes._left_title):  # type: ignore[attr-defined]  # the title with loc="left"
            title.set(color=theme.ink, fontsize=TITLE)
        if legend := axes.get_legend():
            legend.get_frame().set(facecolor=theme.background, edgecolor=theme.grid, alpha=0.85)
            for text in legend.get_texts():
                text.set(color=theme.ink, fontsize=TICK)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a label may hold $ signs
        text.set_text(escaped(text.get_text(), lines=True))
    figure.set_label(escaped(name))
    return figure


def open_axes(axes: Axes, theme: Theme, *, grid: Literal["x", "y", "both"] = "y") -> Axes:
    """Remove the upper and right spines, draw a grid along `grid` ("x", "y" or "both"), and return the axes."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color=theme.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def shorten(text: object, most: int = 28) -> str:
    """Return text on one line of at most `most` characters."""
    line = escaped(" ".join(str(text).split()))
    return line if len(line) <= most else line[: most - 1] + "…"
