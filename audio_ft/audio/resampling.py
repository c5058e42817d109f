"""Change the sample rate of a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio_ft.audio.clip import Clip


def resample(clip: Clip, rate: int) -> Clip:
    """Resample a clip to `rate` Hz with soxr's high-quality band-limited filter, as librosa calls it.

    A clip of n samples at r Hz becomes one of ceil(n * rate / r) samples; one that is at `rate` already is returned
    unchanged.
    """
    if clip.rate == rate:
        return clip
    if clip.length == 0:
        return clip.with_samples(clip.samples, rate)
    import librosa

    samples = librosa.resample(clip.samples, orig_sr=clip.rate, target_sr=rate, res_type="soxr_hq")
    # librosa rounds the length up from a float product, which can land a hair above the whole number.
    length = -(-clip.length * rate // clip.rate)
    return clip.with_samples(samples[:, :length], rate)
