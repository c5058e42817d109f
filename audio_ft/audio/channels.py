"""Several channels become one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from audio_ft.audio.clip import Clip

# Channels with nothing in common lose 3 dB when averaged, one silent side of a stereo pair 3 dB as well; a loss of
# 15 dB takes a correlation below -0.93, which only happens when one side was wired or coded with its sign turned.
CANCELLED_DB = -15.0


def mixdown(clip: Clip) -> Clip:
    """Average the channels of a clip into one, (channels, time) -> (1, time).

    When the average lies more than 15 dB below the channels' mean power (offsets aside), the channels cancel each
    other: the loudest one is kept instead and the clip gets the note "anti-phase stereo: …".
    """
    if clip.channels == 1 or clip.length == 0:
        return clip.with_samples(clip.samples[:1])
    average = clip.samples.mean(axis=0, keepdims=True, dtype=np.float64)
    powers = clip.samples.var(axis=1, dtype=np.float64)
    if average.var() < powers.mean() * 10 ** (CANCELLED_DB / 10):
        loudest = int(np.argmax(powers))
        kept = clip.with_samples(clip.samples[loudest : loudest + 1])
        return kept.noting(f"anti-phase stereo: the channels cancel each other, channel {loudest} kept")
    return clip.with_samples(average)
