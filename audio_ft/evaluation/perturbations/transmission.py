"""Transmission: a telephone's band, and codecs of low bit rate."""

from __future__ import annotations

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.audio.filters import zero_phase
from audio_ft.augmentation.codec import received

TELEPHONE_HZ = (300.0, 3400.0)


def telephone(clip: Clip, level: float, rng: np.random.Generator) -> Clip:
    """Keep the band of a telephone, 300 to 3400 Hz."""
    low, high = TELEPHONE_HZ
    return clip.with_samples(zero_phase(clip.samples, clip.rate, low=low, high=high, order=4))


def mu_law(clip: Clip, level: float, rng: np.random.Generator) -> Clip:
    """Send a clip as 8-bit mu-law at 8 kHz (ITU-T G.711), in one channel."""
    return received(clip, "mu_law")


def opus(clip: Clip, kilobits: float, rng: np.random.Generator) -> Clip:
    """Send a clip as Opus at `kilobits` kbit/s, in one channel."""
    return received(clip, "opus", kilobits)


def mp3(clip: Clip, kilobits: float, rng: np.random.Generator) -> Clip:
    """Send a clip as MP3 at `kilobits` kbit/s, in one channel."""
    return received(clip, "mp3", kilobits)
