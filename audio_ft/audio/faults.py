"""Faults of a recording: a bandwidth below its sample rate, peaks that were cut off, hiss, and hum from the mains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import Clip

BIN_HZ = 31.25
EDGE_DB = 27.0
"""A spectrum that falls by this within a twelfth of its range, and stays there, was cut off by a resampler or a codec.

Measured on emotion_de: up-sampled from 8 to 16 kHz, or as an mp3 of 24 kbit/s, it falls by at least 29.7 dB (90
recordings each). Speech by itself falls by at most 22.7 dB (a third of digits and prompts_asr)."""
# The edge lies between these shares of the range; the widths are shares too. At the upper end there is always an edge:
# that of the filter before the converter.
_LOWEST, _HIGHEST, _BELOW, _ABOVE, _SMOOTH_BINS = 0.1, 0.95, 0.06, 0.03, 5
_TINY = 1e-16


def spectrum(clip: Clip) -> NDArray[np.float64] | None:
    """Return the power of frames of 32 ms or so at frequencies from 0 to half the rate: (frames, bins).

    It is that of the average of the channels, or of the loudest where they cancel. None for a shorter clip.
    """
    size = 2 ** round(np.log2(clip.rate / BIN_HZ))
    if clip.length < size:
        return None
    window = np.hanning(size).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(mixdown(clip).samples[0], size)[:: size // 2] * window
    scale = 2 / (size * float(np.square(window).sum()))
    return np.square(np.abs(np.fft.rfft(frames, axis=1)), dtype=np.float64) * scale


def true_bandwidth(clip: Clip, power: NDArray[np.float64] | None = None) -> float | None:
    """Return the frequency in Hz at which the spectrum of a clip is cut off, half the rate where it is not.

    8 kHz audio saved with 16 kHz gives about 4,000, an mp3 the edge of its low-pass filter. `power` is the clip's
    `spectrum`, if it is known already. None for a clip of less than 32 ms, and for a silent one.

    Example:
        >>> from audio_ft.audio.resampling import resample
        >>> true_bandwidth(Clip.noise(1.0, rate=16_000))
        8000.0
        >>> 3_500 < true_bandwidth(resample(Clip.noise(1.0, rate=8_000), 16_000)) < 4_100
        True
    """
    power = spectrum(clip) if power is None else power
    if power is None or not power.any():
        return None
    level = 10 * np.log10(power.mean(axis=0) + _TINY)
    level = np.convolve(np.pad(level, _SMOOTH_BINS // 2, mode="edge"), np.ones(_SMOOTH_BINS) / _SMOOTH_BINS, "valid")
    top = len(level) - 1
    edges = np.arange(round(_LOWEST * top), round(_HIGHEST * top))
    # The average level just below each edge, and the highest level anywhere above it.
    sums = np.concatenate([[0.0], np.cumsum(level)])
    start, stop = edges - round(_BELOW * top), edges
    below = (sums[stop] - sums[start]) / (stop - start)
    highest_from = np.maximum.accumulate(level[::-1])[::-1]
    falls = below - highest_from[edges + round(_ABOVE * top)]
    best = int(np.argmax(falls))
    return float(edges[best] / top * clip.rate / 2) if falls[best] >= EDGE_DB else clip.rate / 2


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
