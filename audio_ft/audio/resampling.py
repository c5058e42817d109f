"""Change the sample rate of a clip."""

from __future__ import annotations

import numpy as np

from audio_ft.audio.clip import Clip


def resample(clip: Clip, rate: int) -> Clip:
    """Resample a clip to `rate` Hz with the band-limited filter of soxr, quality "HQ".

    n samples at r Hz become ceil(n * rate / r) samples. A clip at `rate` is returned unchanged.

    Example:
        >>> resample(Clip.tone(440, 1.0, rate=44_100), 16_000).samples.shape
        (1, 16000)
    """
    if clip.rate == rate:
        return clip
    if clip.length == 0:
        return clip.with_samples(clip.samples, rate)
    import soxr

    length = -(-clip.length * rate // clip.rate)
    samples = np.zeros((clip.channels, length), np.float32)
    for received, channel in zip(samples, clip.samples, strict=True):
        # soxr rounds to the nearest number of samples, which may be one less.
        resampled = soxr.resample(channel, clip.rate, rate, quality="HQ")[:length]
        received[: len(resampled)] = resampled
    samples.setflags(write=False)
    return clip.with_samples(samples, rate)
