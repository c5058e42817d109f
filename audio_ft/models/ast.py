"""AST, the Audio Spectrogram Transformer: a log-mel image of fixed length cut into patches; classification only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio_ft.models.base import Adapter, Count, Features

if TYPE_CHECKING:
    import torch

# ASTFeatureExtractor's analysis window and hop, in samples at every sample rate.
WINDOW, HOP = 400, 160


class AudioSpectrogramTransformer(Adapter):
    """Keep the log-mel frames of the audio, and rebuild the full spectrogram in the batch.

    Features are float32 (frames, mel bins), normalized with the checkpoint's mean and deviation. The extractor fills a
    spectrogram up to `max_length` frames with zeros before it normalizes, so the rest is one constant, the same for all
    clips. Patches have positions of their own up to there; the window is what `max_length` frames cover (10.3 s).
    """

    model_types = ("audio-spectrogram-transformer",)
    heads: ClassVar = {"classification": (5e-4, 3e-5)}
    pools_frames = False
    feature_encoder_modules = ("embeddings.patch_embeddings",)
    layers_module = "layers"
    above_layers_modules = ("layernorm",)

    @property
    def longest_window(self) -> float:
        """Return the seconds that the checkpoint's spectrogram covers."""
        return ((self.extractor.max_length - 1) * HOP + WINDOW) / self.sample_rate

    @property
    def shortest(self) -> int:
        """Return the samples of one log-mel frame."""
        return WINDOW

    @property
    def frame_seconds(self) -> float:
        """Return the time from one column of patches to the next, in seconds."""
        return float(self.config.time_stride * HOP / self.sample_rate)

    def frames(self, samples: Count) -> Count:
        """Return the columns of patches that touch so many samples."""
        mel = (samples - WINDOW) // HOP + 1
        columns = -(-mel // self.config.time_stride)
        return columns * (columns > 0)

    def batch_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return all columns of patches for each clip: the network attends to the rest of the spectrogram, too."""
        import torch

        mel = inputs["input_values"]
        columns = (mel.shape[1] - self.config.patch_size) // self.config.time_stride + 1
        return torch.full((len(mel),), columns, device=mel.device)

    def over_time(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the mean of each column of patches, without the two special tokens before them."""
        patches = hidden[:, 2:]
        rows = (self.config.num_mel_bins - self.config.patch_size) // self.config.frequency_stride + 1
        return patches.unflatten(1, (rows, -1)).mean(1)

    @property
    def fewest_seconds(self) -> float:
        """Return the longest window, up to which each spectrogram is padded."""
        return self.longest_window

    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Return the extractor's log-mel frames that hold audio, float32 (frames, mel bins)."""
        samples = np.pad(samples, (0, max(0, self.shortest - len(samples))))
        whole = self.extractor(samples, sampling_rate=self.sample_rate, return_tensors="np")["input_values"][0]
        touched = (len(samples) - WINDOW) // HOP + 1
        return {"input_values": np.ascontiguousarray(whole[:touched], np.float32)}

    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Rebuild spectrograms float32 (batch, max_length, mel bins), all of one length."""
        import torch

        blank = np.zeros((len(features), self.extractor.max_length, self.extractor.num_mel_bins), np.float32)
        batch = self.extractor.normalize(blank) if self.extractor.do_normalize else blank
        for row, feature in zip(batch, features, strict=True):
            mel = self._mel(feature)
            row[: len(mel)] = mel
        return {"input_values": torch.from_numpy(batch)}

    def mask_features(self, features: Features, augments: Iterable[Any], rng: np.random.Generator) -> Features:
        """Apply SpecAugment to the stored frames; the network does not mask by itself."""
        from audio_ft.augmentation.base import apply_features

        mel = self._mel(features).T
        return {"input_values": np.ascontiguousarray(apply_features(augments, mel, rng).T)}

    def pooled(self, model: Any, hidden: torch.Tensor, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return the mean of the two special tokens, normalized by the head."""
        return model.classifier.layernorm((hidden[:, 0] + hidden[:, 1]) / 2)  # type: ignore[no-any-return]

    def classifier(self, model: Any) -> torch.nn.Linear:
        """Return the linear layer behind the head's own norm."""
        return model.classifier.dense  # type: ignore[no-any-return]

    def _mel(self, features: Features) -> NDArray[np.float32]:
        """Return the stored frames as (frames, mel bins); the cache keeps them flat."""
        return np.asarray(features["input_values"], np.float32).reshape(-1, self.extractor.num_mel_bins)
