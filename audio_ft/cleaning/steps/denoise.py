"""Reduce steady background noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step
from audio_ft.settings.rules import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW_SECONDS = 0.032
HOPS_PER_WINDOW = 4
SMOOTHED_SECONDS = 0.04
SMOOTHED_HZ = 100.0

# With fewer frames even the quietest ones are speech, and the noise cannot be estimated.
MIN_WINDOWS = 4

# A bin whose noise floor is this factor (6 dB) above its neighborhood is a held tone or a vowel, not noise.
NEIGHBORHOOD_HZ = 600.0
NOTE_FACTOR = 4.0

# Width in dB of the transition between noise and sound in the mask.
SLOPE_DB = 2.0

# Far below the power of one 16-bit step; keeps the logarithm of digital silence finite.
_TINY = 1e-20


@dataclass(frozen=True)
class Denoise(Step):
    """Reduce steady noise by `reduction_db`, with a spectral gate that estimates the noise from the clip itself.

    In each frequency bin of a short-time Fourier transform (32 ms windows every 8 ms) the noise power is estimated from
    the `quantile` over time: the power of Gaussian noise is distributed exponentially, so its mean is the quantile q
    divided by -ln(1 - q). Bins whose power, smoothed over time and frequency, is below the noise power plus
    `threshold_db` are attenuated. The mask is soft and smoothed too, against musical noise. Frames of digital silence
    are ignored. A steady tone that is louder than its neighborhood counts as sound and is kept. After Boll (1979),
    "Suppression of acoustic noise in speech using spectral subtraction", and Sainburg's noisereduce.

    The length stays the same. A clip shorter than 128 ms is returned with the note "too short to denoise".
    """

    reduction_db: Annotated[float, number(0, unit="dB")] = 12.0
    threshold_db: float = 4.0
    quantile: Annotated[float, number(0, 1, above=True, below=True)] = 0.2

    phrase = "reduce steady noise by {reduction_db:g} dB"

    def __call__(self, clip: Clip) -> Clip:
        """Return the clip with reduced noise."""
        hop = max(1, round(WINDOW_SECONDS * clip.rate / HOPS_PER_WINDOW))
        size = hop * HOPS_PER_WINDOW
        if clip.length < MIN_WINDOWS * size:
            return clip.with_note("too short to denoise") if clip.length else clip
        spectrum = _spectrum(clip.samples, size, hop)
        spectrum *= self._gain(np.square(spectrum.real) + np.square(spectrum.imag), clip.rate, size, hop)
        return clip.with_samples(_wave(spectrum, size, hop)[:, : clip.length])

    def _gain(self, power: NDArray[np.float64], rate: int, size: int, hop: int) -> NDArray[np.float64]:
        """Return the factor for each bin of `power` (channels, frame, frequency)."""
        from scipy.ndimage import uniform_filter
        from scipy.special import expit

        over = (1, max(1, round(SMOOTHED_SECONDS * rate / hop)), max(1, round(SMOOTHED_HZ * size / rate)))
        smooth = uniform_filter(power, over, mode="nearest")
        neighbors = max(1, round(NEIGHBORHOOD_HZ * size / rate))
        noise = np.stack([_noise_power(channel, self.quantile, neighbors) for channel in power])
        # The running mean can be slightly negative where loud sound stops.
        above = 10 * np.log10((np.maximum(smooth, 0) + _TINY) / (noise[:, None, :] + _TINY)) - self.threshold_db
        mask = uniform_filter(expit(above / SLOPE_DB), over, mode="nearest")
        floor = 10 ** (-self.reduction_db / 20)
        return floor + (1 - floor) * mask


def _noise_power(power: NDArray[np.float64], quantile: float, neighbors: int) -> NDArray[np.float64]:
    """Return the noise power (frequency,) of one channel's `power` (frame, frequency)."""
    from scipy.ndimage import median_filter

    recorded = power[power.sum(axis=1) > _TINY]
    if len(recorded) == 0:
        return np.zeros(power.shape[1])
    floor = np.quantile(recorded, quantile, axis=0) / -np.log1p(-quantile)
    return np.minimum(floor, NOTE_FACTOR * median_filter(floor, neighbors, mode="nearest"))


def _spectrum(samples: NDArray[np.float32], size: int, hop: int) -> NDArray[np.complex128]:
    """Return the short-time Fourier transform (channels, frame, frequency) of `samples` (channels, time)."""
    before = size - hop
    frames = -(-samples.shape[1] // hop) + HOPS_PER_WINDOW - 1
    after = (frames - 1) * hop + size - before - samples.shape[1]
    wave = np.pad(samples.astype(np.float64), ((0, 0), (before, after)))
    pieces = np.lib.stride_tricks.sliding_window_view(wave, size, axis=1)[:, ::hop]
    return np.fft.rfft(pieces * _window(size))


def _wave(spectrum: NDArray[np.complex128], size: int, hop: int) -> NDArray[np.float64]:
    """Return the samples (channels, time) of a `_spectrum`, followed by some silence."""
    pieces = np.fft.irfft(spectrum, size) * _window(size)
    channels, frames, _ = pieces.shape
    wave = np.zeros((channels, frames + HOPS_PER_WINDOW - 1, hop))
    for part in range(HOPS_PER_WINDOW):
        wave[:, part : part + frames] += pieces[:, :, part * hop : (part + 1) * hop]
    return wave.reshape(channels, -1)[:, size - hop :]


def _window(size: int) -> NDArray[np.float64]:
    """Return the square root of a Hann window, scaled so that the squared windows over a sample add up to one."""
    return np.sin(np.pi * np.arange(size) / size) / np.sqrt(HOPS_PER_WINDOW / 2)
