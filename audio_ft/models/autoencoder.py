"""An autoencoder of log-mel frames: what it cannot rebuild is unlike the recordings that it was trained on."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

# As in the baseline of DCASE 2020 task 2: five frames of 64 ms at a time, every 32 ms, dense layers, eight values in
# the middle; with half of its bands and width, because recordings here are fewer.
BANDS, JOINED, WINDOW, HOP = 64, 5, 1024, 512
WIDTH, BOTTLENECK = 64, 8
EPOCHS, BATCH, RATE = 40, 256, 1e-3


class Autoencoder(nn.Module):
    """Rebuild `JOINED` log-mel frames from eight values; `mean` and `scale` standardize the bands."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        size = BANDS * JOINED
        widths = (size, WIDTH, WIDTH, BOTTLENECK, WIDTH, WIDTH)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(WIDTH, size))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Return the mean squared error of each row of (rows, BANDS * JOINED) in standardized bands, (rows,)."""
        values = (frames - self.mean) / self.scale
        return (self.layers(values) - values).square().mean(1)

    def score(self, frames: NDArray[np.float32]) -> float:
        """Return the mean error over the frames of a recording, (rows, BANDS * JOINED)."""
        with torch.inference_mode():
            return float(self(torch.from_numpy(frames)).mean())


def log_mel_frames(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """Return log-mel energies in dB of samples (time,) at `rate` Hz, `JOINED` frames a row: (rows, BANDS * JOINED)."""
    import librosa

    least = HOP * (JOINED - 1)
    samples = np.pad(samples, (0, max(0, least - len(samples))))
    power = librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS)
    mel = librosa.power_to_db(power, ref=1.0, top_db=None)
    rows = np.lib.stride_tricks.sliding_window_view(mel.T, JOINED, axis=0)
    return np.ascontiguousarray(rows.reshape(len(rows), -1), np.float32)


def fitted(frames: NDArray[np.float32], seed: int) -> Autoencoder:
    """Return an autoencoder trained on frames (rows, BANDS * JOINED) of normal recordings."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network, data = Autoencoder(), torch.from_numpy(frames)
        network.mean.copy_(data.mean(0))
        network.scale.copy_(data.std(0).clamp_min(1e-3))
        optimizer = torch.optim.Adam(network.parameters(), RATE)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(data)).split(BATCH):
                if len(rows) > 1:  # batch norm
                    optimizer.zero_grad()
                    network(data[rows]).mean().backward()
                    optimizer.step()
    return network.eval()
