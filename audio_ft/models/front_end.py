"""What feature extractors compute, as the first layers of a network: samples in, the network's inputs out.

An exported network starts with them, so that it takes raw samples. All clips of a batch have the same length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from audio_ft.audio.features.mel import mel_filters
from audio_ft.audio.features.mfcc_statistics import BANDS, COEFFICIENTS, QUARTERS, RANGE, frame_sizes
from audio_ft.audio.features.spectral import FLOOR_POWER

# The constants of transformers' extractors: the variance floor of Wav2Vec2's, and of Whisper's the power floor, the
# range below the loudest bin in decades, and the shift and scale of the result.
VARIANCE_FLOOR = 1e-7
POWER_FLOOR, DECADES, SHIFT, SCALE = 1e-10, 8.0, 4.0, 4.0


class WaveInput(nn.Module):
    """Pad samples (batch, time) with zeros to the `shortest` input, and give each clip mean 0 and variance 1."""

    def __init__(self, shortest: int, *, normalize: bool) -> None:
        super().__init__()
        self.shortest, self.normalize = shortest, normalize

    def forward(self, samples: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return `input_values` (batch, time)."""
        samples = padded(samples, self.shortest)
        if self.normalize:
            variance, mean = torch.var_mean(samples, -1, correction=0, keepdim=True)
            samples = (samples - mean) / torch.sqrt(variance + VARIANCE_FLOOR)
        return {"input_values": samples}


class LogMelInput(nn.Module):
    """Compute the log-mel spectrogram of Whisper's extractor (Radford et al. 2022, section 2.2).

    The Fourier transform is a convolution with sines and cosines, which every runtime computes fast. Clips are padded
    with zeros to `shortest` samples, or to `window` samples, to which longer ones are cut.
    """

    waves: torch.Tensor
    mel: torch.Tensor

    def __init__(self, extractor: Any, *, shortest: int = 0, window: int | None = None) -> None:
        super().__init__()
        self.shortest, self.window, self.hop = shortest, window, int(extractor.hop_length)
        self.reach = int(extractor.n_fft) // 2
        self.register_buffer("waves", fourier(int(extractor.n_fft)))
        self.register_buffer("mel", torch.tensor(np.asarray(extractor.mel_filters).T, dtype=torch.float32))

    def forward(self, samples: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return `input_features` (batch, mel, frames)."""
        if self.window is None:
            samples = padded(samples, self.shortest)
        else:
            samples = nn.functional.pad(samples, (0, self.window))[:, : self.window]
        mirrored = nn.functional.pad(samples[:, None], (self.reach, self.reach), mode="reflect")
        # The frame that begins at the end of the clip is left out, as the extractor does.
        parts = nn.functional.conv1d(mirrored, self.waves, stride=self.hop)[..., :-1]
        real, imaginary = parts.split(self.reach + 1, 1)
        power = torch.matmul(self.mel, real.square() + imaginary.square())
        # ln in place of log10, which not every runtime has.
        log = power.clamp(min=POWER_FLOOR).log() / np.log(10.0)
        log = torch.maximum(log, log.amax((1, 2), keepdim=True) - DECADES)
        return {"input_features": (log + SHIFT) / SCALE}


def fourier(size: int) -> torch.Tensor:
    """Return cosines, then sines, in a Hann window: as a convolution, (2 * bins, 1, size), a Fourier transform."""
    angles = 2 * np.pi * np.outer(np.arange(size // 2 + 1), np.arange(size)) / size
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    waves = np.concatenate([np.cos(angles), np.sin(angles)]) * hann
    return torch.tensor(waves[:, None], dtype=torch.float32)


def padded(samples: torch.Tensor, shortest: int) -> torch.Tensor:
    """Return samples (batch, time) with zeros behind them, if they are shorter; 0 leaves all as they are."""
    if not shortest:
        return samples
    missing = torch.sym_max(shortest, samples.shape[-1]) - samples.shape[-1]
    return nn.functional.pad(samples, (0, missing))


class MfccStatisticsInput(nn.Module):
    """Compute what `mfcc_statistics` computes of a clip at `rate` Hz, in float32."""

    waves: torch.Tensor
    mel: torch.Tensor
    cosines: torch.Tensor

    def __init__(self, rate: int) -> None:
        from scipy.fft import dct

        super().__init__()
        window, self.hop = frame_sizes(rate)
        self.reach, bins = window // 2, window // 2 + 1
        self.register_buffer("waves", fourier(window))
        self.bins = bins
        self.register_buffer("mel", torch.tensor(mel_filters(window, rate, BANDS).T, dtype=torch.float32))
        cosines = dct(np.eye(BANDS), norm="ortho", axis=0)[:COEFFICIENTS]
        self.register_buffer("cosines", torch.tensor(cosines, dtype=torch.float32))

    def forward(self, samples: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return `input_features` (batch, 120) of samples (batch, time)."""
        surrounded = nn.functional.pad(samples[:, None], (self.reach, self.reach))
        parts = nn.functional.conv1d(surrounded, self.waves, stride=self.hop)
        real, imaginary = parts.split(self.bins, 1)
        power = torch.matmul(self.mel, real.square() + imaginary.square())
        decibels = power.clamp(min=FLOOR_POWER).log() * (10 / np.log(10.0))
        decibels = torch.maximum(decibels, decibels.amax((1, 2), keepdim=True) - RANGE)
        found = torch.matmul(self.cosines, decibels)  # (batch, coefficients, frames)
        change = found[..., 1:] - found[..., :-1]
        return {"input_features": torch.cat([*quarters(found), spread(found), spread(change)], 1)}


def quarters(found: torch.Tensor) -> list[torch.Tensor]:
    """Return the means of values (batch, k, frames) in each quarter of the frames, or of all where it has none."""
    place = torch.ones_like(found[0, 0]).cumsum(0) - 1
    frames, means = place.amax(0) + 1, []
    base = torch.floor(frames / QUARTERS)
    extra = frames - QUARTERS * base
    for quarter in range(QUARTERS):
        first, end = (number * base + extra.clamp(max=number) for number in (quarter, quarter + 1))
        inside = ((place >= first) & (place < end)).float()
        inside = torch.where(end > first, inside, torch.ones_like(inside))
        means.append((found * inside).sum(-1) / inside.sum())
    return means


def spread(values: torch.Tensor) -> torch.Tensor:
    """Return the standard deviation over the frames of values (batch, k, frames), 0 without any."""
    count = torch.cat([torch.ones_like(values[0, 0]), values.new_zeros(1)]).sum().clamp(min=1)
    apart = values - values.sum(-1, keepdim=True) / count
    return (apart.square().sum(-1) / count).sqrt()
