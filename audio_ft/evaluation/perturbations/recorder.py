"""Faults of the recorder: wrong level, clipping, wrong speed, recordings that break off."""

from __future__ import annotations

import math

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.augmentation.clipping import clipped as cut_off


def amplified(clip: Clip, decibels: float, rng: np.random.Generator) -> Clip:
    """Change the level before a 16-bit converter: loud parts clip, soft parts lose their last bits."""
    steps = np.rint(clip.samples.astype(np.float64) * 10 ** (decibels / 20) * 32768)
    return clip.with_samples(np.clip(steps, -32768, 32767) / 32768)


def clipped(clip: Clip, decibels: float, rng: np.random.Generator) -> Clip:
    """Clip everything less than `decibels` below the peak, then restore the peak."""
    return clip.with_samples(cut_off(clip.samples, decibels))


def played(clip: Clip, factor: float, rng: np.random.Generator) -> Clip:
    """Play a clip faster (above 1) or slower, as a tape would: its pitch changes as well."""
    import soxr

    wave = soxr.resample(clip.samples.T, clip.rate * factor, clip.rate).T
    return clip.with_samples(wave) if wave.shape[1] else clip


def broken_off(clip: Clip, percent: float, rng: np.random.Generator) -> Clip:
    """Keep the first `percent` of a clip."""
    return clip.with_samples(clip.samples[:, : math.ceil(clip.length * percent / 100)])
