"""A timeline of events under the spectrogram of a recording: a lane for each class, the truth above the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from audio_ft.audio.clip import Clip
from audio_ft.errors import InputError
from audio_ft.plots.panels import draw, panel
from audio_ft.plots.theme import LIGHT, WIDTH, Theme, finish, new_figure, open_axes, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# (start, end, whether it has a partner) in seconds.
Spans: TypeAlias = Sequence[tuple[float, float, bool]]

_IMAGE_HEIGHT, _LANE_HEIGHT, _MARGINS = 1.2, 0.34, 0.75
# Bars of truth and prediction in a lane of height 1.
_TRUTH, _PREDICTION, _THICK = 0.53, 0.08, 0.38
_LABEL = 16


def timeline(
    clip: Clip,
    lanes: Sequence[tuple[str, Spans, Spans]],
    *,
    start: float = 0.0,
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw the mel spectrogram of a part of a recording, and below it the true and the predicted events of each class.

    Where the truth is not known, no class has true events. Events without a partner (missed or added ones) are hatched.

    Args:
        clip: the part of the recording.
        lanes: label, true events and predicted events of each class, in seconds of the recording.
        start: where the part begins in the recording, in seconds.
        theme: light or dark colors.
        width: the width in inches.

    Raises:
        InputError: an empty clip.
    """
    if clip.length == 0:
        raise InputError("expected a clip of at least one sample, got an empty clip.")
    heights = (_IMAGE_HEIGHT, _LANE_HEIGHT * max(len(lanes), 1))
    figure = new_figure(theme, width, sum(heights) + _MARGINS)
    upper, lower = figure.subplots(2, 1, height_ratios=heights)
    image: Any = draw(upper, panel(clip, "mel"), theme)
    if image is not None:
        image.set_extent((start, start + clip.seconds, *image.get_extent()[2:]))
    for row, (_, truth, prediction) in enumerate(reversed(lanes)):
        _bars(lower, truth, row + _TRUTH, theme.color(0), theme)
        _bars(lower, prediction, row + _PREDICTION, theme.color(1), theme)
    lower.set_yticks([row + 0.5 for row in range(len(lanes))], [shorten(lane[0], _LABEL) for lane in reversed(lanes)])
    lower.set(ylim=(0, max(len(lanes), 1)), xlabel="Time (s)")
    open_axes(lower, theme, grid="x")
    for axes in (upper, lower):
        axes.set_xlim(start, start + clip.seconds)
    upper.tick_params(labelbottom=False)
    _legend(figure, lanes, theme)
    return finish(figure, theme, name=f"events of {len(lanes)} classes from {start:.1f} s on, true and predicted")


def _bars(axes: Axes, spans: Spans, bottom: float, color: str, theme: Theme) -> None:
    for paired in (True, False):
        bars = [(begin, end - begin) for begin, end, has_partner in spans if has_partner == paired]
        look: dict[str, Any] = {} if paired else {"hatch": "////", "facecolor": theme.background}
        axes.broken_barh(bars, (bottom, _THICK), **{"facecolor": color, "edgecolor": color, "linewidth": 0.8, **look})


def _legend(figure: Figure, lanes: Sequence[tuple[str, Spans, Spans]], theme: Theme) -> None:
    """Name the colors above the lanes, as far as they are there."""
    from matplotlib.patches import Patch

    alone = any(not paired for _, *sides in lanes for spans in sides for *_, paired in spans)
    handles = {
        Patch(color=theme.color(0), label="true"): any(truth for _, truth, _ in lanes),
        Patch(color=theme.color(1), label="predicted"): any(prediction for *_, prediction in lanes),
        Patch(facecolor=theme.background, edgecolor=theme.muted, hatch="////", label="missed or added"): alone,
    }
    drawn = [handle for handle, there in handles.items() if there]
    figure.axes[0].legend(handles=drawn, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), borderpad=0.2)
