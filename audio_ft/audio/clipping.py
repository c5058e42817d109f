"""Clipping: peaks that were cut off, also where the recording was attenuated afterwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip

_STEP = 2.0**-15
# Where the other values are looked for, as a share of the extreme one: coarse codecs have few values near it.
_NEAR = 0.5
REPEATS, PILED_UP = 6, 3.0
"""A channel is clipped where its extreme value recurs so often, and so much more often than any value above half of it.

Measured on emotion_de: none of 535 recordings is found; with 0.3 to 5 % of the samples cut off, all of 60 are. Coarse
codecs (mu-law, GSM) and 8 bits repeat all values alike."""


def clipped_share(clip: Clip) -> float:
    """Return the share of samples that lie on cut-off peaks, 0 for a clip that is not clipped.

    A converter or a program that clips holds the highest value it has; an attenuation afterwards moves that value, and
    its repetitions stay. Where a clipped recording was resampled or compressed by a lossy codec, they are gone.

    Example:
        >>> import numpy as np
        >>> from audio_ft.audio.clip import Clip
        >>> tone = Clip.tone(440, 1.0, dbfs=-0.1)
        >>> clipped_share(tone), clipped_share(tone.with_samples(np.clip(tone.samples, -0.5, 0.5) / 4)) > 0.5
        (0.0, True)
    """
    if not clip.length:
        return 0.0
    return sum(_at_extreme(channel) + _at_extreme(-channel) for channel in clip.samples) / clip.samples.size


def _at_extreme(wave: NDArray[np.float32]) -> int:
    """Return how many samples of a wave (time,) have its highest value, 0 where that is not a cut-off peak."""
    highest = float(wave.max())
    if highest <= 0:
        return 0
    counts = np.unique(np.rint(wave[wave > _NEAR * highest] / _STEP), return_counts=True)[1]
    most_below = counts[:-1].max(initial=1)
    return int(counts[-1]) if counts[-1] >= REPEATS and counts[-1] > PILED_UP * most_below else 0
