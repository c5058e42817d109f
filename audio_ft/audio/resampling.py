"""Change the sample rate of a clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audio_ft.audio.clip import Clip


def resample(clip: Clip, rate: int) -> Clip:
    """Resample a clip to `rate` Hz with the band-limited filter "soxr_hq".

    n samples at r Hz become ceil(n * rate / r) samples. A clip at `rate` is returned unchanged.

    Example:
        >>> from audio_ft.audio.clip import Clip
        >>> resample(Clip.tone(440, 1.0, rate=44_100), 16_000).samples.shape
        (1, 16000)
    """
    if clip.rate == rate:
        return clip
    if clip.length == 0:
        return clip.with_samples(clip.samples, rate)
    import librosa

    samples = librosa.resample(clip.samples, orig_sr=clip.rate, target_sr=rate, res_type="soxr_hq")
    # librosa rounds up a float product, which can be slightly above a whole number and give one sample too many.
    length = -(-clip.length * rate // clip.rate)
    return clip.with_samples(samples[:, :length], rate)
