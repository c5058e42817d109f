"""A recording summarized by its MFCC: what a linear classifier without a network learns from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.audio.features.registry import get_feature


def mfcc_statistics(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Summarize a clip by its 20 MFCC: their mean, their spread, and the spread of their change from frame to frame.

    `samples` are (time,) or (channels, time) at `rate` Hz; an empty clip counts as one silent sample.

    Returns:
        float32 (60,), always finite: 20 means over time, 20 standard deviations, and 20 standard deviations of the
        difference between neighboring frames (0 for a clip of one frame).

    Raises:
        AudioError: samples of another shape, or not finite.
    """
    mfcc = get_feature("mfcc")(Clip(samples if samples.size else np.zeros(1, np.float32), rate)).astype(np.float64)
    change = np.diff(mfcc, axis=1) if mfcc.shape[1] > 1 else np.zeros_like(mfcc)
    return np.concatenate([mfcc.mean(axis=1), mfcc.std(axis=1), change.std(axis=1)]).astype(np.float32)
