"""The level: too soft for 16 bits, too loud for them, or clipped before."""

from __future__ import annotations

import numpy as np

from audio_ft.clip import Clip
from audio_ft.stress import Stress


def amplified(clip: Clip, decibels: float, rng: np.random.Generator) -> Clip:
    """Change the level as before a 16-bit converter: what is too loud clips, what is too soft loses its last bits."""
    steps = np.rint(clip.samples.astype(np.float64) * 10 ** (decibels / 20) * 32768)
    return clip.with_samples(np.clip(steps, -32768, 32767) / 32768)


def clipped(clip: Clip, decibels: float, rng: np.random.Generator) -> Clip:
    """Cut off what lies less than so many dB below the peak; the peak is brought back to where it was."""
    peak = float(np.abs(clip.samples).max())
    edge = peak * 10 ** (-decibels / 20)
    if edge == 0:
        return clip
    return clip.with_samples(np.clip(clip.samples, -edge, edge) * (peak / edge))


LEVELS = (
    Stress("gain", "gain", "dB", (-30.0, -20.0, -10.0, 5.0, 10.0), "a gain of {} dB", amplified),
    Stress("clipping", "clipping", "dB off", (3.0, 6.0, 12.0, 18.0), "clipping of the top {} dB", clipped),
)
