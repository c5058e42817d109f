"""Figure of an explanation: the mel spectrogram with the evidence outlined, and what each cell speaks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.errors import InputError
from audio_ft.plots.panels import draw, panel, rows_axis, time_axis
from audio_ft.plots.theme import LIGHT, WIDTH, Theme, finish, new_figure, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_IMAGE_HEIGHT, _CURVE_HEIGHT = 1.6, 2.0


def evidence(
    clip: Clip,
    values: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    *,
    label: str,
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw the mel spectrogram of a clip with the `chosen` cells outlined, and below it how much each cell counts.

    `values` and `chosen` are (bands, spans): bands of equal width in mel up to half the rate, the lowest first, and
    spans of equal length over the clip. Values above 0 speak for `label`, those below against it.

    Raises:
        InputError: an empty clip, or values of another shape than the chosen cells.
    """
    from matplotlib.colors import LinearSegmentedColormap

    if clip.length == 0 or values.shape != chosen.shape or values.ndim != 2:
        raise InputError(f"expected a clip, and values and cells (bands, spans), got {values.shape}, {chosen.shape}.")
    figure = new_figure(theme, width, 2 * _IMAGE_HEIGHT + 0.9)
    upper, lower = figure.subplots(2, 1, sharex=True)
    shown = panel(clip, "mel")
    draw(upper, shown, theme)
    upper.set_title("Evidence, outlined", loc="left")
    top, most = rows_axis(lower, shown), float(np.abs(values).max()) or 1.0
    colors = LinearSegmentedColormap.from_list("evidence", [theme.series[1], theme.background, theme.series[0]])
    extent = (0.0, clip.seconds, 0.0, top)
    lower.imshow(values, aspect="auto", origin="lower", extent=extent, cmap=colors, vmin=-most, vmax=most,
                 interpolation="none")  # fmt: skip
    lower.set_title(f"Blue for {label}, orange against", loc="left")
    for axes, color in ((upper, "#ffffff"), (lower, theme.ink)):
        _outline(axes, chosen, clip.seconds, top, color)
        axes.set(xlim=(0, clip.seconds), ylim=(0, top))
    time_axis(lower, clip.seconds)
    return finish(figure, theme, name=f"Evidence for {label} over time and frequency, {clip.seconds:.2f} s")


def _outline(axes: Axes, chosen: NDArray[np.bool_], seconds: float, top: float, color: str) -> None:
    """Draw the edges between cells that are chosen and those that are not."""
    from matplotlib.collections import LineCollection

    bands, spans = chosen.shape
    wide, high = seconds / spans, top / bands
    around = np.pad(chosen, 1)
    across = np.argwhere(around[:-1, 1:-1] != around[1:, 1:-1])
    upright = np.argwhere(around[1:-1, :-1] != around[1:-1, 1:])
    lines: list[Any] = [[(span * wide, edge * high), ((span + 1) * wide, edge * high)] for edge, span in across]
    lines += [[(edge * wide, band * high), (edge * wide, (band + 1) * high)] for band, edge in upright]
    axes.add_collection(LineCollection(lines, colors=color, linewidths=1.3, clip_on=False))


def faithfulness_curves(
    curves: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]],
    random: NDArray[np.float64],
    *,
    label: str,
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw the probability of a label while parts are left out (left) and added (right).

    `curves` are name, deletion and insertion of each explanation, (points,); `random` are the insertions in random
    orders (orders, points), drawn as their range and mean.
    """
    figure = new_figure(theme, width, _CURVE_HEIGHT + 0.5)
    share = np.linspace(0, 100, random.shape[1])
    titles = ("Left out", "Added")
    for column, (axes, title) in enumerate(zip(figure.subplots(1, 2, sharey=True), titles, strict=True)):
        open_axes(axes, theme)
        usual = random[:, ::-1] if column == 0 else random
        axes.fill_between(share, usual.min(0), usual.max(0), color=theme.grid, label="random orders")
        axes.plot(share, usual.mean(0), color=theme.muted, linewidth=1, linestyle="--")
        for number, (name, *pair) in enumerate(curves):
            axes.plot(share, pair[column], color=theme.color(number), linewidth=1.8, label=name,
                      linestyle=("-", "-.")[number % 2])  # fmt: skip
        axes.set(xlim=(0, 100), ylim=(-0.02, 1.02), xlabel="% of the parts")
        axes.set_title(title, loc="left")
        if column == 0:
            axes.set_ylabel("Probability")
            axes.legend(loc="upper right", frameon=True)
    return finish(figure, theme, name=f"Probability of {label} while parts are left out, and while they are added")
