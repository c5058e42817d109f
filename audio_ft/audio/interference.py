"""Steady noise: hiss, and hum from the mains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.bandwidth import spectrum
from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import Clip

# The floor is what a tenth of the frames stay below: speech leaves each band for a moment, steady noise never does.
_FLOOR_PERCENT, _FEWEST_FRAMES = 10, 5
_SILENT_POWER = 1e-12

MAINS_HZ, HARMONICS = (50, 60), 8
# The level of a harmonic is compared with the levels this far below and above it (Hz).
_BESIDE_HZ = (10.0, 22.0)
_HUM_SECONDS, _SHORTEST = 0.3, 1.0


def hiss_level(clip: Clip, power: NDArray[np.float64] | None = None) -> float | None:
    """Return the noise floor in the upper half of the spectrum, in dB below the average power of the clip.

    In clean speech the upper half is empty between consonants. White noise at an SNR of 15 dB gives about -18.
    `power` is the clip's `spectrum`, if it is known already. None for fewer than five frames with sound.

    Example:
        >>> from audio_ft.audio.clip import Clip
        >>> round(hiss_level(Clip.noise(1.0)))
        -4
    """
    power = spectrum(clip) if power is None else power
    if power is None:
        return None
    power = power[power.sum(axis=1) > _SILENT_POWER]
    if len(power) < _FEWEST_FRAMES:
        return None
    floor = np.percentile(power[:, power.shape[1] // 2 :].sum(axis=1), _FLOOR_PERCENT)
    return float(10 * np.log10(floor / power.sum(axis=1).mean() + _SILENT_POWER))


def hum_level(clip: Clip) -> float | None:
    """Return by how many dB hum at multiples of 50 or 60 Hz stands out of the noise floor beside it.

    It is that of the second strongest harmonic, since speech may hold a single one by chance. Without hum it is about
    5 dB. None for a clip of less than a second, in which a vowel is as steady as hum.

    Example:
        >>> from audio_ft.audio.clip import Clip
        >>> hum = Clip.noise(2.0).samples + Clip.tone(50, 2.0).samples + Clip.tone(150, 2.0).samples
        >>> hum_level(Clip.noise(2.0)) < 10 < 20 < hum_level(Clip(hum, 16_000))
        True
    """
    if clip.seconds < _SHORTEST:
        return None
    size = round(_HUM_SECONDS * clip.rate)
    # Hum is far below 1 kHz, and long frames of high rates are large: only that range is kept.
    bins = round((MAINS_HZ[-1] * HARMONICS + 2 * _BESIDE_HZ[1]) * _HUM_SECONDS)
    frames = np.lib.stride_tricks.sliding_window_view(mixdown(clip).samples[0], size)[:: size // 4]
    window = np.hanning(size).astype(np.float32)
    power = np.array([np.square(np.abs(np.fft.rfft((frame - frame.mean()) * window)[:bins])) for frame in frames])
    floor = 10 * np.log10(np.percentile(power, _FLOOR_PERCENT, axis=0) * 2 / (size * np.square(window).sum()) + 1e-14)
    return max(_second_strongest(floor, mains) for mains in MAINS_HZ)


def _second_strongest(floor: NDArray[np.float64], mains: int) -> float:
    """Return the prominence in dB of the second strongest harmonic of `mains` Hz in a noise floor (bins,) in dB."""
    near, far = (round(hertz * _HUM_SECONDS) for hertz in _BESIDE_HZ)
    found = []
    for harmonic in range(1, HARMONICS + 1):
        at = round(harmonic * mains * _HUM_SECONDS)
        if at + far >= len(floor):
            break
        beside = np.concatenate([floor[max(0, at - far) : at - near + 1], floor[at + near : at + far + 1]])
        found.append(float(floor[at - 1 : at + 2].max() - np.median(beside)))
    return sorted(found)[-2] if len(found) > 1 else 0.0
