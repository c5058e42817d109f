"""Additive noise at a given signal-to-noise ratio."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import numpy as np

from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import read
from audio_ft.audio.resampling import resample
from audio_ft.augmentation.base import Rng, Samples, WaveAugment
from audio_ft.augmentation.recordings import check_recordings, recordings, seconds_of
from audio_ft.settings.rules import choice, path, span

# Power falls as 1 / frequency^slope.
_SLOPES = {"white": 0, "pink": 1, "brown": 2}
# Long noise recordings are read in blocks, so a worker caches at most 61 MB at 16 kHz.
_BLOCK_SECONDS = 30
_CACHED_BLOCKS = 32


@dataclass(frozen=True)
class Noise(WaveAugment):
    """Add noise at a signal-to-noise ratio drawn from `snr`, in dB over the whole clip; silent clips stay unchanged.

    `kind` is "white", "pink", "brown", or "any" to draw one for each clip. With `folder`, the noise is a random part of
    a random recording below it (mixed down, repeated where the clip is longer), and `kind` is not used.

    Raises:
        InputError: the kind is unknown; when it is applied: the folder has no recordings.
        AudioError: when it is applied: a recording cannot be read.
    """

    snr: Annotated[tuple[float, float], span(-60, 120)] = (10.0, 30.0)
    kind: Annotated[str, choice(*_SLOPES, "any")] = "any"
    folder: Annotated[str | None, path("a folder of recordings")] = None

    @property
    def effect(self) -> str:
        """Return the description for the card."""
        source = "recorded noise" if self.folder else "noise" if self.kind == "any" else f"{self.kind} noise"
        return source + " at an SNR of {snr} dB"

    def prepare(self) -> None:
        """Raise InputError for a folder without recordings, AudioError for a recording whose header is damaged."""
        if self.folder:
            check_recordings(self.folder, "Noise")

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return samples (time,) plus noise of power P_signal / 10^(SNR / 10)."""
        snr = rng.uniform(*self.snr)
        noise = self._draw(len(samples), rate, rng)
        signal_power, noise_power = (np.mean(np.square(wave, dtype=np.float64)) for wave in (samples, noise))
        if signal_power == 0 or noise_power == 0:
            return samples
        return samples + noise * np.sqrt(signal_power / noise_power / 10 ** (snr / 10))

    def _draw(self, length: int, rate: int, rng: Rng) -> Samples:
        """Return noise (length,) of any level."""
        if self.folder is None:
            kind = self.kind if self.kind != "any" else tuple(_SLOPES)[rng.integers(len(_SLOPES))]
            return colored(length, _SLOPES[kind], rng)
        paths = recordings(self.folder, "Noise")
        path = paths[rng.integers(len(paths))]
        blocks = int(np.ceil(seconds_of(path) / _BLOCK_SECONDS))
        block = _block(path, int(rng.integers(max(blocks, 1))), rate)
        return np.take(block, np.arange(length) + rng.integers(len(block)), mode="wrap")


def colored(length: int, slope: float, rng: Rng) -> Samples:
    """Return Gaussian noise (length,) whose power spectrum falls as 1 / frequency^slope; slope 0 is white.

    Timmer and Koenig, "On generating power law noise", Astronomy and Astrophysics 300, 1995.
    """
    if slope == 0:
        return rng.standard_normal(length, dtype=np.float32)
    from scipy.fft import irfft, next_fast_len

    # The spectrum has no mean, and one sample has nothing but a mean: short noise is cut from a longer one.
    size = next_fast_len(max(length, 64), real=True)
    bins = np.arange(1, size // 2 + 1, dtype=np.float32)
    spectrum = np.zeros(size // 2 + 1, np.complex64)
    spectrum[1:] = rng.standard_normal(2 * len(bins), dtype=np.float32).view(np.complex64) * bins ** (-slope / 2)
    return irfft(spectrum, size)[:length]


@lru_cache(maxsize=_CACHED_BLOCKS)
def _block(path: Path, number: int, rate: int) -> Samples:
    """Return block `number` of a recording as read-only (time,) at `rate` Hz."""
    # The last block starts early enough to be as long as the others, so that a recording's end is not drawn more often.
    start = min(number * _BLOCK_SECONDS, max(seconds_of(path) - _BLOCK_SECONDS, 0))
    return resample(mixdown(read(path, start=start, seconds=_BLOCK_SECONDS)), rate).samples[0]
