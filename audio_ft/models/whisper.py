"""Whisper: log-mel features, a window that follows the audio, and positions cropped to it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio_ft.models.base import Adapter, Count, Features

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# conv2's stride: two mel frames make one encoder position.
FRAMES_PER_POSITION = 2
# In seconds. On one set an untuned whisper-tiny.en has WER .319 in windows of 30 s, .311 in 15 to 10 s, .704 in 8 s.
# Short utterances in batches need training for it: untuned, 25 of them have .045 in 30 s and .243 in 10 s and more.
SHORTEST_WINDOW = 10


class Whisper(Adapter):
    """Whisper's encoder side.

    Features are the log-mel frames that touch audio, float32 (mel, frames), and the one constant that fills the rest
    of the window, so a one-second clip costs 32 kB instead of 960 kB and the full window is rebuilt exactly.
    """

    model_types = ("whisper",)
    heads: ClassVar = {"classification": (5e-5, 1e-5), "frames": (5e-5, 1e-5), "seq2seq": (3e-5, 1e-5)}
    input_axes = ("mel", "time")
    processor_name = "WhisperProcessor"
    feature_encoder_modules = ("conv1", "conv2")
    layers_module = "layers"
    above_layers_modules = ("layer_norm",)

    @property
    def longest_window(self) -> float:
        """Return the seconds covered by the checkpoint's position table (30 s, or less once cropped)."""
        return self.config.max_source_positions * FRAMES_PER_POSITION * self.extractor.hop_length / self.sample_rate

    @property
    def shortest(self) -> int:
        """Return one hop: what is left of the window is silence anyway."""
        return int(self.extractor.hop_length)

    @property
    def window_frames(self) -> int:
        """Return the mel frames of one window."""
        return round(self.window * self.sample_rate / self.extractor.hop_length)

    @property
    def fewest_seconds(self) -> float:
        """Return the window, or the shortest that follows the clips of a batch."""
        return SHORTEST_WINDOW if self.dynamic_window else self.window

    def with_window(self, seconds: float) -> Adapter:
        """Return the adapter with a window of whole seconds covering `seconds`.

        Whole seconds, because the extractor saves its window as `chunk_length` in whole seconds.
        """
        seconds = min(max(1, math.ceil(seconds)), self.longest_window)
        extractor = copy.deepcopy(self.extractor)
        extractor.chunk_length = int(seconds)
        extractor.n_samples = int(seconds) * self.sample_rate
        extractor.nb_max_frames = extractor.n_samples // extractor.hop_length
        return type(self)(self.config, extractor, seconds)

    def with_dynamic_window(self) -> Adapter:
        """Return the adapter whose windows shrink to the longest clip of a batch, in whole seconds of at least ten.

        For training, which prepares the network for them: an untuned one makes more errors on short clips than in 30 s.
        """
        adapter = type(self)(self.config, self.extractor, self.window)
        adapter.dynamic_window = True
        return adapter

    @property
    def frame_seconds(self) -> float:
        """Return the time of two mel frames, in seconds."""
        return float(FRAMES_PER_POSITION * self.extractor.hop_length / self.sample_rate)

    def frames(self, samples: Count) -> Count:
        """Return the encoder positions that touch so many samples."""
        return -(-self._touched(samples) // FRAMES_PER_POSITION)

    def batch_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return the positions that touch audio: behind them the window is one constant in all bands."""
        mel = inputs["input_features"]
        constant = (mel == mel[:, :1, -1:]).all(1)
        padding = constant.flip(1).long().cumprod(1).sum(1)
        return (-(-(mel.shape[-1] - padding) // FRAMES_PER_POSITION)).clamp(min=1)

    def pooled_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return all positions of the window: transformers' classifier averages its padding, too."""
        import torch

        mel = inputs["input_features"]
        return torch.full((len(mel),), mel.shape[-1] // FRAMES_PER_POSITION, device=mel.device)

    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Return the log-mel frames that touch audio and the padding constant."""
        limit = self.window_frames
        samples = samples[: limit * self.extractor.hop_length]
        touched = min(self._touched(len(samples)), limit)
        # A spare frame of pure padding shows the constant; close to the window's end the whole window is computed,
        # since the transform's mirrored edge then reaches back into audio.
        computed = touched + 3 if touched + 3 < limit else limit
        batch = self.extractor(
            samples,
            sampling_rate=self.sample_rate,
            padding="max_length",
            max_length=computed * self.extractor.hop_length,
            return_tensors="np",
        )
        mel = np.asarray(batch["input_features"][0], np.float32)
        floor = mel[0, touched] if touched < computed else np.float32(0)
        return {"input_features": np.ascontiguousarray(mel[:, :touched]), "floor": np.float32(floor)}

    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Rebuild windows float32 (batch, mel, frames): the stored frames, then each clip's constant."""
        import torch

        mels = [self._mel(feature) for feature in features]
        frames = self._batch_frames(max(mel.shape[1] for mel in mels))
        batch = np.empty((len(features), self.extractor.feature_size, frames), np.float32)
        for row, (feature, mel) in enumerate(zip(features, mels, strict=True)):
            batch[row] = feature["floor"]
            batch[row, :, : mel.shape[1]] = mel[:, :frames]
        return {"input_features": torch.from_numpy(batch)}

    def front_end(self) -> torch.nn.Module:
        """Return the log-mel spectrogram of a whole window."""
        from audio_ft.models.front_end import LogMelInput

        return LogMelInput(self.extractor, window=self.window_frames * int(self.extractor.hop_length))

    def _batch_frames(self, touched: int) -> int:
        """Return the mel frames of a batch whose longest clip touches so many."""
        if not self.dynamic_window:
            return self.window_frames
        second = self.sample_rate // self.extractor.hop_length
        return min(self.window_frames, max(SHORTEST_WINDOW, math.ceil(touched / second) + 1) * second)

    def mask_features(self, features: Features, augments: Iterable[Any], rng: np.random.Generator) -> Features:
        """Apply SpecAugment to the stored frames; Whisper's encoder does not mask by itself."""
        from audio_ft.augmentation.base import apply_features

        return {**features, "input_features": apply_features(augments, self._mel(features), rng)}

    def fit(self, model: PreTrainedModel) -> PreTrainedModel:
        """Crop the encoder's position table to the window, in place: cost then follows the audio."""
        import torch

        encoder: Any = self.encoder(model)
        positions = self.window_frames // FRAMES_PER_POSITION
        table = encoder.embed_positions.weight
        if positions < len(table):
            cropped = torch.nn.Embedding.from_pretrained(table[:positions].detach().clone(), freeze=True)
            encoder.embed_positions = cropped
            encoder.max_source_positions = positions
        model.config.max_source_positions = encoder.config.max_source_positions = positions
        return model

    def encoder(self, model: PreTrainedModel) -> torch.nn.Module:
        """Return the audio encoder."""
        return model.get_encoder() if hasattr(model, "model") else model.get_submodule("encoder")

    def pretrained(self, model: PreTrainedModel) -> torch.nn.Module:
        """Return encoder and decoder where there are both."""
        return getattr(model, "model", None) or self.encoder(model)

    def _mel(self, features: Features) -> NDArray[np.float32]:
        """Return the stored frames as (mel, frames); the cache keeps them flat."""
        return np.asarray(features["input_features"], np.float32).reshape(self.extractor.feature_size, -1)

    def _touched(self, samples: Count) -> Count:
        """Return how many frames have audio under their analysis window (frame t is centered on t hops)."""
        return -(-(samples + self.extractor.n_fft // 2) // self.extractor.hop_length)
