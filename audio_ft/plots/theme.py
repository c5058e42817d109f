"""How figures look, light or dark, and the two functions that every figure begins and ends with.

Figures are made without pyplot: no window opens, nothing global changes, and threads do not meet. The colors of series
are those of Okabe and Ito 2008 ("Color Universal Design"), which color-blind people tell apart, and the color scale
is viridis; where colors carry a meaning, markers or labels carry it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
        background: behind everything.
        ink: text and axes.
        muted: what stands back: reference lines, notes.
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

    def color(self, place: int) -> str:
        """Return the color of a series; after the last the first comes again."""
        return self.series[place % len(self.series)]

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


def blank(theme: Theme, width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, whose parts find room by themselves."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=theme.background)
    FigureCanvasAgg(figure)
    return figure


def dressed(figure: Figure, theme: Theme, *, name: str) -> Figure:
    """Return a finished figure in its theme's colors; `name` is what a screen reader says of it."""
    from matplotlib.text import Text

    for axes in figure.axes:
        axes.set_facecolor(theme.background)
        axes.tick_params(which="both", colors=theme.muted, labelcolor=theme.ink, labelsize=TICK)
        axes.spines[:].set_color(theme.muted)
        axes.xaxis.label.set(color=theme.ink, fontsize=LABEL)
        axes.yaxis.label.set(color=theme.ink, fontsize=LABEL)
        for title in (axes.title, axes._left_title):  # type: ignore[attr-defined]  # loc="left" is kept apart
            title.set(color=theme.ink, fontsize=TITLE)
        _dress_legend(axes, theme)
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a label may hold $ signs
    figure.set_label(name)
    return figure


def plain(axes: Axes, theme: Theme, *, grid: str = "y") -> Axes:
    """Leave away the frame's upper and right side and draw a quiet grid across `grid` ("x", "y" or "both")."""
    axes.spines[["top", "right"]].set_visible(False)
    settings: dict[str, Any] = {"axis": grid, "color": theme.grid, "linewidth": 0.8}
    axes.grid(**settings)
    axes.set_axisbelow(True)
    return axes


def short(text: object, most: int = 28) -> str:
    """Return a label on one line of at most so many characters."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _dress_legend(axes: Axes, theme: Theme) -> None:
    legend = axes.get_legend()
    if legend is not None:
        legend.get_frame().set(facecolor=theme.background, edgecolor=theme.grid, alpha=0.85)
        for text in legend.get_texts():
            text.set(color=theme.ink, fontsize=TICK)
