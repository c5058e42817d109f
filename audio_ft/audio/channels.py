"""Mix several channels down to one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip

# Averaging uncorrelated channels, or a stereo pair with one silent side, loses 3 dB. A loss of 15 dB needs a
# correlation below -0.93, which happens only when the polarity of one channel is inverted.
CANCELLED_DB = -15.0


def mixdown(clip: Clip) -> Clip:
    """Average the channels of a clip into one, (channels, time) -> (1, time).

    Where the power of the average, without DC offset, is more than 15 dB below the channels' mean power, the channels
    cancel each other: the loudest channel is kept instead, and the clip gets the note "anti-phase stereo: …".

    Example:
        >>> mixdown(Clip(np.array([[0.5, 0.25], [0.25, 0.0]]), 16_000)).samples
        array([[0.375, 0.125]], dtype=float32)
    """
    if clip.channels == 1 or clip.length == 0:
        return clip.with_samples(clip.samples[:1])
    average = clip.samples[:1].copy()
    for channel in clip.samples[1:]:
        average += channel
    average /= clip.channels
    powers = channel_powers(clip)
    if _power(average[0]) < powers.mean() * 10 ** (CANCELLED_DB / 10):
        loudest = int(np.argmax(powers))
        kept = clip.with_samples(clip.samples[loudest : loudest + 1])
        return kept.with_note(f"anti-phase stereo: the channels cancel each other, channel {loudest} kept")
    average.setflags(write=False)
    return clip.with_samples(average)


def channel_powers(clip: Clip) -> NDArray[np.float64]:
    """Return the mean power of each channel without its DC offset: (channels,)."""
    return np.array([_power(channel) for channel in clip.samples])


def _power(wave: NDArray[np.float32]) -> float:
    """Return the mean power of samples (time,) without their offset."""
    centered = wave - wave.mean()
    return float(np.dot(centered, centered)) / max(len(wave), 1)
