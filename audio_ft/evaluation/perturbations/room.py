"""Room acoustics: reverberation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.evaluation.perturbations.base import Perturbation

# The tail is as strong as the direct sound.
DIRECT_TO_REVERBERANT_DB = 0.0
# By then the first reflection of a room has arrived.
FIRST_REFLECTION_SECONDS = 0.003


def reverberated(clip: Clip, rt60: float, rng: np.random.Generator) -> Clip:
    """Play a clip in a room of reverberation time `rt60` in seconds; length and level stay the same."""
    from scipy.signal import oaconvolve

    wave = clip.samples.astype(np.float64)
    reverberant = oaconvolve(wave, impulse_response(rt60, clip.rate, rng)[np.newaxis], axes=1)[:, : clip.length]
    before, after = float(np.square(wave).mean()), float(np.square(reverberant).mean())
    return clip.with_samples(reverberant * np.sqrt(before / after)) if after > 0 else clip


def impulse_response(rt60: float, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a room's impulse response: the direct sound, then noise that falls by 60 dB in `rt60` seconds.

    The statistical model of late reverberation: Polack, "La transmission de l'énergie sonore dans les salles",
    thesis, Le Mans 1988.
    """
    times = np.arange(max(2, round(rt60 * rate))) / rate
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / rt60)
    tail[times < FIRST_REFLECTION_SECONDS] = 0
    strength = np.sqrt(float(np.square(tail).sum()) * 10 ** (DIRECT_TO_REVERBERANT_DB / 10))
    response = tail / strength if strength > 0 else tail
    response[0] = 1.0
    return np.asarray(response)


ROOMS = (
    Perturbation(
        "reverberation", "reverberation", "s RT60", (0.3, 0.6, 0.9, 1.2), "reverberation of {} s", reverberated
    ),
)
