"""The parts of a recording that an explanation weighs: cells of time and frequency, or named features.

Parts have gains from 0 (left out) to 1 (as it is). A part of a recording is left out of its sound by the short-time
Fourier transform, so that time and bands mean the same for every architecture, and what is left can be played.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.audio.features.mel import hz_to_mel, mel_to_hz
from audio_ft.cleaning.chain import Chain
from audio_ft.inference.batching import BATCH
from audio_ft.inference.predictor import Model
from audio_ft.tasks.base import Places, forward

if TYPE_CHECKING:
    import torch

Gains = NDArray[np.float32]
Floats = NDArray[np.float64]

BANDS = 6
# Spans are about as long as a phone; longer recordings have longer ones, so that they take no more time to explain.
SPAN_SECONDS, FEWEST_SPANS, MOST_SPANS = 0.1, 8, 24
# The transform's window, and how many of them overlap: edges of spans are as soft as the window is long.
WINDOW_SECONDS, OVERLAP = 0.032, 4


class Parts(Protocol):
    """Be what an explanation needs of parts: how many there are, and what the model says without some of them."""

    @property
    def model(self) -> Model:
        """Return the model whose prediction is explained."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return how many parts there are along each axis."""

    def probabilities(self, gains: Gains) -> Floats:
        """Return probabilities (n, labels) for n versions whose parts have these gains (n, *shape)."""


@dataclass(frozen=True)
class Grid:
    """Divide `seconds` of sound at `rate` Hz into spans of equal length, and bands of equal width in mel."""

    seconds: float
    rate: int
    spans: int
    bands: int = BANDS

    @classmethod
    def of(cls, clip: Clip) -> Grid:
        """Return the grid of a clip."""
        spans = round(clip.seconds / SPAN_SECONDS)
        return cls(clip.seconds, clip.rate, min(MOST_SPANS, max(FEWEST_SPANS, spans)))

    @property
    def times(self) -> list[float]:
        """Return the edges of the spans in seconds, (spans + 1,)."""
        return [float(edge) for edge in np.linspace(0, self.seconds, self.spans + 1)]

    @property
    def hertz(self) -> list[float]:
        """Return the edges of the bands in Hz, (bands + 1,)."""
        return [float(edge) for edge in mel_to_hz(np.linspace(0, hz_to_mel(self.rate / 2), self.bands + 1))]

    def span_at(self, seconds: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Return the span of each time; times outside belong to the first or the last one."""
        return np.clip(seconds / self.seconds * self.spans, 0, self.spans - 1).astype(np.int64)

    def band_at(self, hertz: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Return the band of each frequency in Hz."""
        share = hz_to_mel(hertz) / hz_to_mel(self.rate / 2)
        return np.clip(share * self.bands, 0, self.bands - 1).astype(np.int64)

    def faded(self, wave: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
        """Return waves (n, time) of one wave (time,) whose cells have these gains (n, bands, spans); differentiable.

        With all gains 1 it is the wave, up to rounding.
        """
        import torch

        size = max(OVERLAP, 2 * round(WINDOW_SECONDS * self.rate / 2))
        hop = size // OVERLAP
        form: dict[str, Any] = {"n_fft": size, "hop_length": hop, "window": torch.hann_window(size)}
        spectrum = torch.stft(wave, **form, pad_mode="constant", return_complex=True)
        rows = torch.from_numpy(self.band_at(np.fft.rfftfreq(size, 1 / self.rate)))
        columns = torch.from_numpy(self.span_at(np.arange(spectrum.shape[-1]) * hop / self.rate))
        spectra = spectrum * gains[:, rows][:, :, columns]
        return torch.istft(spectra, **form, length=wave.shape[-1])

    def to_dict(self) -> dict[str, Any]:
        """Return the edges as JSON values."""
        return {"seconds": [round(edge, 4) for edge in self.times], "hertz": [round(edge, 1) for edge in self.hertz]}


@dataclass(frozen=True)
class Sound:
    """Hold a clean recording of a model, divided by a grid. Probabilities are those of the model for what is left."""

    model: Model
    clip: Clip

    @cached_property
    def grid(self) -> Grid:
        """Return the grid."""
        return Grid.of(self.clip)

    @property
    def shape(self) -> tuple[int, int]:
        """Return (bands, spans)."""
        return self.grid.bands, self.grid.spans

    def left(self, gains: Gains) -> list[Clip]:
        """Return what is left of the clip with these gains (n, bands, spans)."""
        import torch

        waves = self.grid.faded(torch.tensor(self.clip.samples[0]), torch.from_numpy(gains)).numpy()
        return [self.clip.with_samples(wave[None]) for wave in waves]

    def probabilities(self, gains: Gains) -> Floats:
        """Return probabilities (n, labels) for what is left with these gains (n, bands, spans)."""
        # The clip is clean, and trimming what is left would move it in time.
        model = replace(self.model, chain=Chain(()))
        names, found = self.model.task.target.names, []
        for start in range(0, len(gains), BATCH):
            found += [[one[name] for name in names] for one in model(self.left(gains[start : start + BATCH]))]
        return np.array(found)


@dataclass(frozen=True)
class Named:
    """Hold the features (k,) of a recording that have names, and the `usual` ones (k,) with which they are left out."""

    model: Model
    values: NDArray[np.float32]
    usual: NDArray[np.float32]

    @classmethod
    def of(cls, model: Model, clip: Clip) -> Named:
        """Return the features of a clean clip, and their means over the training recordings."""
        values = model.adapter.extract(clip.samples[0])["input_features"]
        return cls(model, values, np.asarray(model.network.usual, np.float32))

    @property
    def shape(self) -> tuple[int]:
        """Return the number of features."""
        return (len(self.values),)

    def probabilities(self, gains: Gains) -> Floats:
        """Return probabilities (n, labels) for features between the usual ones (gain 0) and their own (gain 1)."""
        vectors = self.usual + np.asarray(gains, np.float32) * (self.values - self.usual)
        batch = self.model.adapter.collate([{"input_features": vector} for vector in vectors])
        outputs = forward(self.model.network, self.model.task, self.model.adapter, batch)
        count = len(vectors)
        places = Places(np.arange(count), np.zeros(count), np.ones(count))
        return np.asarray(self.model.task.predictions(outputs, places, count))


def log_odds(probabilities: Floats, label: int, *, exclusive: bool) -> Floats:
    """Return the log-odds (n,) of a label from probabilities (n, labels), of which `exclusive` ones sum to 1."""
    least = np.finfo(np.float64).tiny
    own = probabilities[:, label]
    others = np.delete(probabilities, label, axis=1).sum(1) if exclusive else 1 - own
    return np.log(np.maximum(own, least)) - np.log(np.maximum(others, least))
