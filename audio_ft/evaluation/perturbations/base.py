"""Perturbation: one way in which recordings get worse, at several levels."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio_ft.audio.clip import Clip

Change = Callable[[Clip, float, np.random.Generator], Clip]


@dataclass(frozen=True)
class Perturbation:
    """Change a recording as recording conditions might, before the model's own cleaning.

    Attributes:
        name: its name in files and on the command line.
        title: its name in tables.
        unit: the unit of its levels; "" where there is only one.
        levels: its levels, in the order of the curve.
        phrase: what happened to a recording at a level, with "{}" for the level ("white noise at an SNR of {} dB").
        change: takes a clip, a level and a source of randomness; returns the changed clip.
        version: raised whenever the same level changes recordings differently than before.
    """

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    phrase: str
    change: Change
    version: int = 1

    def __call__(self, clip: Clip, level: float, *, seed: int, index: int) -> Clip:
        """Return the changed clip; the same seed and index of the row draw the same noise or room at every level."""
        if not clip.length:
            return clip
        return self.change(clip, level, np.random.default_rng([seed, index, zlib.crc32(self.name.encode())]))

    def describe(self, level: float) -> str:
        """Return what happened to a recording at a level."""
        return self.phrase.format(f"{level:g}".replace("-", "−"))


def amplified(clip: Clip, decibels: float, rng: np.random.Generator) -> Clip:
    """Change the level before a 16-bit converter: loud parts clip, soft parts lose their last bits."""
    steps = np.rint(clip.samples.astype(np.float64) * 10 ** (decibels / 20) * 32768)
    return clip.with_samples(np.clip(steps, -32768, 32767) / 32768)


def clipped(clip: Clip, decibels: float, rng: np.random.Generator) -> Clip:
    """Clip everything less than `decibels` below the peak, then restore the peak."""
    peak = float(np.abs(clip.samples).max())
    edge = peak * 10 ** (-decibels / 20)
    if edge == 0:
        return clip
    return clip.with_samples(np.clip(clip.samples, -edge, edge) * (peak / edge))


LEVELS = (
    Perturbation("gain", "gain", "dB", (-30.0, -20.0, -10.0, 5.0, 10.0), "a gain of {} dB", amplified),
    Perturbation("clipping", "clipping", "dB off", (3.0, 6.0, 12.0, 18.0), "clipping of the top {} dB", clipped),
)


def played(clip: Clip, factor: float, rng: np.random.Generator) -> Clip:
    """Play a clip faster (above 1) or slower, as a tape would: its pitch changes as well."""
    import soxr

    wave = soxr.resample(clip.samples.T, clip.rate * factor, clip.rate).T
    return clip.with_samples(wave) if wave.shape[1] else clip


def broken_off(clip: Clip, percent: float, rng: np.random.Generator) -> Clip:
    """Keep the first `percent` of a clip."""
    return clip.with_samples(clip.samples[:, : math.ceil(clip.length * percent / 100)])


TIMES = (
    Perturbation("speed", "speed", "times", (0.8, 0.9, 1.1, 1.25), "a speed of {} times", played),
    Perturbation("truncation", "truncation", "% kept", (90.0, 75.0, 50.0, 25.0), "breaking off after {} %", broken_off),
)
