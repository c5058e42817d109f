"""One feature in one axes, drawn with its scale and unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.audio.features.mel import hz_to_mel
from audio_ft.audio.features.registry import Feature, get_feature
from audio_ft.audio.features.spectral import HOP_SECONDS
from audio_ft.plots.theme import Theme, open_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.image import AxesImage

# Images and waveforms with more columns than these are pooled before drawing.
COLUMNS, WAVE_COLUMNS = 1_600, 1_000
# Larger images are resampled to the size of the figure, which makes the SVG smaller.
_MOST_VALUES = 60_000
# Features of long recordings are computed and pooled in blocks to save memory: an hour takes gigabytes.
_BLOCK_SECONDS = 60.0
_RANGE_DB = 80.0
# The level of silence in dB.
_FLOORS_DB = {"spectrogram": -120.0, "mel": -100.0}
_ROUNDING = 1e-6
_CENTERED = ("mfcc", "mfcc_delta", "mfcc_delta2", "gfcc")
# Seconds between the ticks of a time axis in minutes.
_MINUTES = (15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)
_HZ = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)


@dataclass(frozen=True)
class Panel:
    """Hold a feature of a clip: values (rows, columns), their duration in seconds, and the sampling rate in Hz."""

    feature: Feature
    values: NDArray[np.float32]
    seconds: float
    rate: int

    @property
    def is_image(self) -> bool:
        """Return whether the values are drawn as an image, with a color scale."""
        return bool(self.feature.rows) and self.feature.name != "waveform"

    def limits(self) -> tuple[float, float]:
        """Return the limits of the color scale."""
        values = self.values
        if self.feature.name in _CENTERED:
            # Without coefficient 0, the level, which is far from all others.
            most = float(np.percentile(np.abs(values[1:]), 99))
            return (-most, most) if most > _ROUNDING else (-1.0, 1.0)
        if self.feature.name == "chroma":
            return 0.0, 1.0
        low, high = float(values.min()), float(values.max())
        if self.feature.name in _FLOORS_DB:
            high = max(high, _FLOORS_DB[self.feature.name] + _RANGE_DB)  # silence stays dark
            return high - _RANGE_DB, high
        return (low, high) if high > low else (low, low + 1.0)


def panel(clip: Clip, name: str) -> Panel:
    """Return a feature of a clip as it is drawn.

    Raises:
        InputError: an unknown feature, an empty clip, or a sampling rate that is too low for it.
    """
    feature = get_feature(name)
    values = envelope(clip) if name == "waveform" else _pooled(clip, feature)
    return Panel(feature, values, clip.seconds, clip.rate)


def envelope(clip: Clip) -> NDArray[np.float32]:
    """Return samples (channels, time), or the minimum and maximum in each of 1,000 columns, (2 channels, 1000)."""
    samples = clip.samples
    if clip.length <= 2 * WAVE_COLUMNS:
        return samples
    starts = np.linspace(0, clip.length, WAVE_COLUMNS, endpoint=False).astype(int)
    lows, highs = np.minimum.reduceat(samples, starts, axis=1), np.maximum.reduceat(samples, starts, axis=1)
    return np.stack([lows, highs], axis=1).reshape(-1, WAVE_COLUMNS)


def _pooled(clip: Clip, feature: Feature) -> NDArray[np.float32]:
    """Return a feature (rows, columns), with neighboring frames averaged in long recordings."""
    if clip.seconds <= 2 * _BLOCK_SECONDS:
        return feature(clip)
    frames = clip.seconds / HOP_SECONDS
    together = max(1, int(np.ceil(frames / COLUMNS)))
    # Blocks hold whole columns.
    size = together * max(1, round(_BLOCK_SECONDS / HOP_SECONDS / together)) * max(1, round(HOP_SECONDS * clip.rate))
    parts = []
    for start in range(0, clip.length, size):
        part = feature(clip.with_samples(clip.samples[:, start : start + size]))[:, :-1]
        ends = np.arange(0, max(part.shape[1], 1), together)
        if part.shape[1]:
            parts.append(np.add.reduceat(part, ends, axis=1) / np.diff([*ends, part.shape[1]]))
    return np.concatenate(parts, axis=1).astype(np.float32)


def draw(axes: Axes, shown: Panel, theme: Theme, *, log_frequency: bool = False) -> AxesImage | QuadMesh | None:
    """Draw a panel and return its image, None for lines."""
    axes.set_xlim(0, shown.seconds)
    if not shown.is_image:
        open_axes(axes, theme)
        (_wave if shown.feature.name == "waveform" else _line)(axes, shown, theme)
        return None
    low, high = shown.limits()
    scale: dict[str, Any] = {"cmap": theme.scale, "vmin": low, "vmax": high}
    if shown.feature.name == "spectrogram" and log_frequency:
        return _over_octaves(axes, shown, scale)
    scale |= {"interpolation": "none" if shown.values.size <= _MOST_VALUES else "auto", "interpolation_stage": "data"}
    extent = (0.0, shown.seconds, 0.0, rows_axis(axes, shown))
    return axes.imshow(shown.values, aspect="auto", origin="lower", extent=extent, **scale)


def _wave(axes: Axes, shown: Panel, theme: Theme) -> None:
    values = shown.values
    pairs = round(shown.seconds * shown.rate) > 2 * WAVE_COLUMNS
    count = values.shape[0] // 2 if pairs else values.shape[0]
    times = (np.arange(values.shape[1]) + 0.5) * shown.seconds / max(values.shape[1], 1)
    for channel in range(count):
        look: dict[str, Any] = {"color": theme.color(channel), "linewidth": 0.7, "alpha": 1.0 if count == 1 else 0.7}
        look["label"] = f"channel {channel + 1}"
        if pairs:
            axes.fill_between(times, values[2 * channel], values[2 * channel + 1], **look)
        else:
            axes.plot(times, values[channel], **look)
    if count > 1:
        axes.legend(loc="upper right", ncols=min(count, 4))
    peak = max(float(np.abs(values).max(initial=0)), 1e-4)
    axes.set_ylim(-1.08 * peak, 1.08 * peak)
    axes.set_ylabel("Amplitude\n(1 = full scale)")


def _line(axes: Axes, shown: Panel, theme: Theme) -> None:
    values = shown.values[0]
    marker = "o" if len(values) == 1 else ""
    axes.plot(np.linspace(0, shown.seconds, len(values)), values, color=theme.color(0), linewidth=1.2, marker=marker)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.set_ylabel(shown.feature.unit)


def _over_octaves(axes: Axes, shown: Panel, scale: dict[str, Any]) -> QuadMesh:
    """Draw a spectrogram over a logarithmic frequency axis, without the bin at 0 Hz."""
    bins, columns = shown.values.shape
    width = shown.rate / 2 / (bins - 1)
    frequencies = (np.arange(1, bins + 1) - 0.5) * width
    edges = np.linspace(0, shown.seconds, columns + 1)
    mesh = axes.pcolormesh(edges, frequencies, shown.values[1:], rasterized=True, **scale)
    axes.set_yscale("log")
    axes.set_ylim(frequencies[0], shown.rate / 2)
    ticks = [hz for hz in _HZ if frequencies[0] <= hz <= shown.rate / 2]
    axes.set_yticks(ticks, [f"{hz:,}" for hz in ticks])
    axes.minorticks_off()
    axes.set_ylabel("Frequency (Hz, log)")
    return mesh


def rows_axis(axes: Axes, shown: Panel) -> float:
    """Label the vertical axis of an image, which starts at 0, and return the position of its upper edge."""
    name, rows = shown.feature.name, shown.values.shape[0]
    if name == "spectrogram":
        axes.set_ylabel("Frequency (kHz)")
        return shown.rate / 2_000
    if name == "mel":
        hertz = [hz for hz in (0, 500, 1_000, 2_000, 4_000, 8_000, 16_000) if hz <= shown.rate / 2]
        axes.set_yticks(hz_to_mel(hertz), [f"{hz:,}" for hz in hertz])
        axes.set_ylabel("Frequency\n(Hz, mel scale)")
        return float(hz_to_mel(shown.rate / 2))
    label, step, names = "Coefficient", 5, [str(row) for row in range(0, rows, 5)]
    if name == "chroma":
        label, step, names = "Pitch class", 2, ["C", "D", "E", "F♯", "G♯", "A♯"]
    elif name == "spectral_contrast":
        edges = [0.2 * 2**octave for octave in range(rows - 1)]
        octaves = [f"{low:g}–{2 * low:g}" for low in edges[:-1]]
        label, step, names = "Octave (kHz)", 1, ["< 0.2", *octaves, f"> {edges[-1]:g}"]
    axes.set_yticks(np.arange(0, rows, step) + 0.5, names)
    axes.set_ylabel(label)
    return float(rows)


def show_up_to(axes: Axes, hertz: float) -> None:
    """Cut a mel spectrogram's axis at a frequency, above which resampling left nothing."""
    axes.set_ylim(top=min(axes.get_ylim()[1], float(hz_to_mel(hertz))))


def time_axis(axes: Axes, seconds: float) -> None:
    """Label a time axis in seconds, or in minutes above 120 s."""
    from matplotlib.ticker import MultipleLocator

    if seconds <= 120:
        axes.set_xlabel("Time (s)")
        return
    step = next((step for step in _MINUTES if seconds / step <= 8), 3600 * int(np.ceil(seconds / 3600 / 8)))
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(lambda value, _: f"{int(value) // 60}:{int(value) % 60:02d}")
    axes.set_xlabel("Time (min:s)")
