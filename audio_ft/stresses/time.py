"""Time: played too slow or too fast, or broken off."""

from __future__ import annotations

import math

import numpy as np

from audio_ft.clip import Clip
from audio_ft.stress import Stress


def played(clip: Clip, factor: float, rng: np.random.Generator) -> Clip:
    """Play a clip faster (above 1) or slower, as a tape would: its pitch moves as well."""
    import soxr

    wave = soxr.resample(clip.samples.T, clip.rate * factor, clip.rate).T
    return clip.with_samples(wave) if wave.shape[1] else clip


def broken_off(clip: Clip, percent: float, rng: np.random.Generator) -> Clip:
    """Keep the first so many per cent of a clip."""
    return clip.with_samples(clip.samples[:, : math.ceil(clip.length * percent / 100)])


TIMES = (
    Stress("speed", "speed", "times", (0.8, 0.9, 1.1, 1.25), "a speed of {} times", played),
    Stress("truncation", "truncation", "% kept", (90.0, 75.0, 50.0, 25.0), "breaking off after {} %", broken_off),
)
