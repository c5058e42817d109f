"""Figures of recordings: one or several features, and a comparison before and after cleaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.audio.clip import Clip
from audio_ft.errors import InputError
from audio_ft.plots.panels import draw, panel, rows_axis, show_up_to, time_axis
from audio_ft.plots.theme import LIGHT, TITLE, WIDTH, Theme, finish, new_figure, shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULT_FEATURES = ("waveform", "spectrogram", "mel")
_WAVE_HEIGHT, _IMAGE_HEIGHT, _MARGINS = 1.3, 1.9, 0.5


def feature(
    clip: Clip,
    name: str,
    *,
    highest: float | None = None,
    log_frequency: bool = False,
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw one feature of `audio_ft.audio.features.FEATURES`, such as "waveform", "spectrogram" or "mel".

    `highest` is the frequency in Hz up to which a mel spectrogram is drawn, for recordings that were resampled from a
    lower rate; half the clip's rate if None.

    Raises:
        InputError: an unknown feature, an empty clip, or a sampling rate that is too low for it.
    """
    return features(clip, (name,), highest=highest, log_frequency=log_frequency, theme=theme, width=width)


def features(
    clip: Clip,
    names: Sequence[str] = DEFAULT_FEATURES,
    *,
    title: str = "",
    highest: float | None = None,
    log_frequency: bool = False,
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw several features over one time axis.

    Args:
        clip: the recording.
        names: features of `audio_ft.audio.features.FEATURES`.
        title: a title above all features.
        highest: the frequency in Hz up to which a mel spectrogram is drawn; half the clip's rate if None.
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
        image = draw(axes, one, theme, log_frequency=log_frequency)
        if one.feature.name == "mel" and highest is not None:
            show_up_to(axes, highest)
        if image is None:
            beside.set_visible(False)  # empty, to keep the time axes aligned
            continue
        low, high = one.limits()
        ends = ("neither", "min", "max", "both")[(one.values.min() < low) + 2 * (one.values.max() > high)]
        figure.colorbar(image, cax=beside, extend=ends).set_label(one.feature.unit)
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
    clips = {"Before": before, "After": after}
    figure = new_figure(theme, width, _WAVE_HEIGHT + _IMAGE_HEIGHT + 0.7 + _MARGINS)
    heights = (_WAVE_HEIGHT, _IMAGE_HEIGHT)
    grid = figure.subplots(2, 3, width_ratios=(1, 1, 0.025), height_ratios=heights, sharex="col", squeeze=False)
    mels = [panel(clip, "mel") for clip in clips.values()]
    high, longest = max(one.limits()[1] for one in mels), max(before.seconds, after.seconds)
    for upper, lower, mel, (when, clip) in zip(*grid[:, :2], mels, clips.items(), strict=True):
        draw(upper, panel(clip, "waveform"), theme)
        image: Any = draw(lower, mel, theme)
        image.set_clim(high - 80, high)
        time_axis(lower, longest)
        upper.set_title(f"{when}: {_format(clip)}", loc="left")
    for left, right in grid[:, :2]:
        ends = [*left.get_ylim(), *right.get_ylim()]
        for axes in (left, right):
            axes.set(xlim=(0, longest), ylim=(min(ends), max(ends)))
        right.set_ylabel("")
        right.tick_params(labelleft=False)
    for axes in grid[1][:2]:
        rows_axis(axes, max(mels, key=lambda one: one.rate))
        show_up_to(axes, before.rate / 2)
    grid[1][1].set_ylabel("")
    grid[0][2].set_visible(False)
    figure.colorbar(image, cax=grid[1][2], extend="min").set_label("dB")
    return finish(figure, theme, name=f"waveform and mel spectrogram: before {_format(before)}, after {_format(after)}")


def _format(clip: Clip) -> str:
    channels = {1: "mono", 2: "stereo"}.get(clip.channels, f"{clip.channels} channels")
    return f"{clip.seconds:.2f} s, {clip.rate / 1000:g} kHz, {channels}"
