"""Figures of recordings: one or several features, and a comparison before and after cleaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.plots.panels import Panel, draw, panel, time_axis
from audio_ft.plots.theme import LIGHT, TITLE, WIDTH, Theme, finish, new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from audio_ft.audio.clip import Clip

DEFAULT_FEATURES = ("waveform", "spectrogram", "mel")
_WAVE_HEIGHT, _IMAGE_HEIGHT, _MARGINS = 1.3, 1.9, 0.5


def feature(
    clip: Clip, name: str, *, log_frequency: bool = False, theme: Theme = LIGHT, width: float = WIDTH
) -> Figure:
    """Draw one feature of `audio_ft.audio.features.FEATURES`, such as "waveform", "spectrogram" or "mel".

    Raises:
        InputError: an unknown feature, an empty clip, or a sampling rate that is too low for it.
    """
    return features(clip, (name,), log_frequency=log_frequency, theme=theme, width=width)


def features(
    clip: Clip,
    names: Sequence[str] = DEFAULT_FEATURES,
    *,
    title: str = "",
    log_frequency: bool = False,
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw several features over one time axis.

    Args:
        clip: the recording.
        names: features of `audio_ft.audio.features.FEATURES`.
        title: a title above all features.
        log_frequency: draw spectrograms over a logarithmic frequency axis.
        theme: light or dark colors.
        width: the width in inches.

    Raises:
        InputError: no feature or an unknown one, an empty clip, or a sampling rate that is too low for one of them.
    """
    if not names:
        raise InputError("expected at least one feature to draw, got none.")
    if clip.length == 0:
        raise InputError("expected a clip of at least one sample, got an empty clip.")
    shown = [panel(clip, name) for name in names]
    heights = [_IMAGE_HEIGHT if one.is_image else _WAVE_HEIGHT for one in shown]
    figure = new_figure(theme, width, sum(heights) + 0.25 * len(shown) + _MARGINS)
    grid = figure.subplots(len(shown), 2, squeeze=False, width_ratios=(1, 0.02), height_ratios=heights, sharex="col")
    for (axes, beside), one in zip(grid, shown, strict=True):
        axes.set_title(one.feature.title, loc="left")
        _scaled(figure, axes, beside, one, theme, log_frequency)
    time_axis(grid[-1][0], clip.seconds)
    if title:
        figure.suptitle(shorten(title, 80), color=theme.ink, fontsize=TITLE + 1, x=0.01, ha="left")
    named = ", ".join(one.feature.title for one in shown)
    return finish(figure, theme, name=f"{named} of {title or 'a clip'}, {clip.seconds:.2f} s")


def before_after(before: Clip, after: Clip, *, theme: Theme = LIGHT, width: float = 1.4 * WIDTH) -> Figure:
    """Draw waveform and mel spectrogram of a clip before cleaning (left) and after it, with the same scales.

    Raises:
        InputError: an empty clip.
    """
    if not before.length or not after.length:
        raise InputError("expected at least one sample before and after, got an empty clip.")
    clips = (before, after)
    figure = new_figure(theme, width, _WAVE_HEIGHT + _IMAGE_HEIGHT + 0.7 + _MARGINS)
    heights = (_WAVE_HEIGHT, _IMAGE_HEIGHT)
    grid = figure.subplots(2, 3, width_ratios=(1, 1, 0.025), height_ratios=heights, sharex="col", squeeze=False)
    waves, mels = ([panel(clip, name) for clip in clips] for name in ("waveform", "mel"))
    high = max(one.limits()[1] for one in mels)
    for column, clip in enumerate(clips):
        upper, lower = grid[0][column], grid[1][column]
        draw(upper, waves[column], theme)
        image: Any = draw(lower, mels[column], theme)
        image.set_clim(high - 80, high)
        time_axis(lower, max(one.seconds for one in clips))
        upper.set_title(f"{('Before', 'After')[column]}: {_format(clip)}", loc="left")
    _same_limits(grid)
    grid[0][2].set_visible(False)
    colors = figure.colorbar(image, cax=grid[1][2], extend="min")
    colors.set_label("dB")
    return finish(figure, theme, name=f"waveform and mel spectrogram: before {_format(before)}, after {_format(after)}")


def _same_limits(grid: Any) -> None:
    """Give both columns the wider limits of the two, and labels to the left one only."""
    for row in grid:
        pair: list[Axes] = list(row[:2])
        for get, put in (("get_xlim", "set_xlim"), ("get_ylim", "set_ylim")):
            ends = [getattr(axes, get)() for axes in pair]
            for axes in pair:
                getattr(axes, put)(min(end[0] for end in ends), max(end[1] for end in ends))
        pair[1].set_ylabel("")
        most = max(pair, key=lambda axes: len(axes.get_yticks()))
        if row is grid[1]:
            for axes in pair:
                axes.set_yticks(most.get_yticks(), [text.get_text() for text in most.get_yticklabels()])
        pair[1].tick_params(labelleft=False)


def _format(clip: Clip) -> str:
    channels = "mono" if clip.channels == 1 else "stereo" if clip.channels == 2 else f"{clip.channels} channels"
    return f"{clip.seconds:.2f} s, {clip.rate / 1000:g} kHz, {channels}"


def _scaled(figure: Figure, axes: Axes, beside: Axes, one: Panel, theme: Theme, log_frequency: bool) -> None:
    """Draw a panel with its color scale in `beside`, which stays empty for lines to keep time axes aligned."""
    image = draw(axes, one, theme, log_frequency=log_frequency)
    if image is None:
        beside.set_visible(False)
        return
    low, high = one.limits()
    lowest, highest = float(one.values.min()), float(one.values.max())
    ends = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    colors = figure.colorbar(image, cax=beside, extend=ends[lowest < low, highest > high])
    colors.set_label(one.feature.unit)
