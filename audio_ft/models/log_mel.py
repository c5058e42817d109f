"""CNN, GRU and CRNN from scratch: log-mel frames with a mask, and no checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio_ft.models.base import Adapter, Count, Features
from audio_ft.models.masking import LONGEST_WINDOW
from audio_ft.models.scratch import NETWORKS

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Log-mel frames in a frame of the network (`models/small.py`), and the samples in one of them at 16 kHz: 10 ms.
JOINED, HOP, WINDOW = 4, 160, 400


class LogMelNetwork(Adapter):
    """Keep the log-mel frames of Whisper's extractor, with as many bands as the network has, and mask the padding.

    Features are float32 (mel, frames). Nothing is pretrained, so there is no probe, and nothing to freeze.
    """

    model_types = ("audio_ft_small",)
    names = tuple(NETWORKS)
    heads: ClassVar = {"classification": (2e-3, 2e-3), "frames": (2e-3, 2e-3)}
    input_axes = ("mel", "time")
    from_scratch = True
    more_steps = 2

    @classmethod
    def untrained(cls, name: str) -> Adapter:
        """Return the adapter of a new network."""
        from transformers import WhisperFeatureExtractor

        from audio_ft.models.small import SmallConfig

        config = SmallConfig(network=name, **NETWORKS[name])
        return cls(config, WhisperFeatureExtractor(config.num_mel_bins, hop_length=HOP, n_fft=WINDOW))

    @property
    def name(self) -> str:
        """Return cnn, gru or crnn."""
        return str(self.config.network)

    @property
    def longest_window(self) -> float:
        """Return 30 s: a budget, since the network itself has no limit."""
        return LONGEST_WINDOW

    @property
    def shortest(self) -> int:
        """Return the samples of one analysis window, whose edges are mirrored."""
        return int(self.extractor.n_fft)

    @property
    def frame_seconds(self) -> float:
        """Return the time of the log-mel frames that are joined, in seconds."""
        return float(JOINED * self.extractor.hop_length / self.sample_rate)

    def frames(self, samples: Count) -> Count:
        """Return the frames of the network for so many samples."""
        return -(-(samples // self.extractor.hop_length) // JOINED)

    def batch_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return the frames of each clip's own log-mel frames."""
        count: torch.Tensor = -(-inputs["attention_mask"].sum(-1) // JOINED)
        return count

    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Return log-mel frames, float32 (mel, frames)."""
        samples = np.pad(samples, (0, max(0, self.shortest - len(samples))))
        found = self.extractor(samples, sampling_rate=self.sample_rate, padding=False, return_tensors="np")
        return {"input_features": np.asarray(found["input_features"][0], np.float32)}

    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Pad float32 (batch, mel, frames) with zeros to the longest clip, and mark the real frames."""
        import torch

        mels = [np.asarray(feature["input_features"], np.float32) for feature in features]
        lengths = np.array([mel.shape[-1] for mel in mels])
        batch = np.zeros((len(mels), self.extractor.feature_size, lengths.max()), np.float32)
        for row, mel in zip(batch, mels, strict=True):
            row[:, : mel.shape[-1]] = mel
        mask = np.arange(lengths.max()) < lengths[:, None]
        return {"input_features": torch.from_numpy(batch), "attention_mask": torch.from_numpy(mask.astype(np.int64))}

    def front_end(self) -> torch.nn.Module:
        """Return the log-mel spectrogram."""
        from audio_ft.models.front_end import LogMelInput

        return LogMelInput(self.extractor, shortest=self.shortest)

    def mask_features(self, features: Features, augments: Iterable[Any], rng: np.random.Generator) -> Features:
        """Apply SpecAugment to the frames; the network does not mask by itself."""
        from audio_ft.augmentation.base import apply_features

        return {"input_features": apply_features(augments, features["input_features"], rng)}

    def layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return none: all weights learn at one rate."""
        return []

    def feature_encoder(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return none: nothing below the layers comes from a checkpoint."""
        return []
