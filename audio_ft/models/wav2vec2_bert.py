"""Wav2Vec2-BERT (w2v-BERT 2.0): a conformer over stacked log-mel frames, for classification and CTC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio_ft.models.base import Count, Features
from audio_ft.models.masking import SelfMaskingAdapter

if TYPE_CHECKING:
    import torch

# SeamlessM4TFeatureExtractor's analysis window and hop, in samples at every sample rate.
WINDOW, HOP = 400, 160


class Wav2Vec2Bert(SelfMaskingAdapter):
    """Keep the extractor's own frames and mask them when they are padded.

    Features are float32 (frames, mel bins x stride): log-mel frames, normalized over the clip and stacked in twos, with
    the number of real frames. An odd log-mel frame at the end is stacked with padding and not real.

    Padding needs no more than transformers' mask: normalization is by frame, attention and the convolutions' input are
    masked, and the convolutions look back only.
    """

    model_types = ("wav2vec2-bert",)
    heads: ClassVar = {"classification": (5e-4, 3e-5), "frames": (5e-4, 3e-5), "ctc": (7e-4, 5e-5)}
    processor_name = "Wav2Vec2BertProcessor"
    feature_encoder_modules = ("feature_projection",)
    layers_module = "encoder.layers"

    @property
    def shortest(self) -> int:
        """Return the samples of one frame: below, the extractor has nothing to normalize over."""
        return WINDOW + (int(self.extractor.stride) - 1) * HOP

    @property
    def frame_seconds(self) -> float:
        """Return the time of the log-mel frames in one stack, in seconds."""
        return float(self.extractor.stride * HOP / self.sample_rate)

    def frames(self, samples: Count) -> Count:
        """Return the whole stacks of log-mel frames in so many samples."""
        stacks = ((samples - WINDOW) // HOP + 1) // self.extractor.stride
        return stacks * (stacks > 0)

    def batch_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return the real frames of each clip."""
        count: torch.Tensor = inputs["attention_mask"].sum(-1)
        return count

    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Return the extractor's frames, float32 (frames, mel bins x stride), and how many of them are real."""
        samples = np.pad(samples, (0, max(0, self.shortest - len(samples))))
        found = self.extractor(samples, sampling_rate=self.sample_rate, return_tensors="np")
        frames = np.ascontiguousarray(found["input_features"][0], np.float32)
        return {"input_features": frames, "real": np.float32(self.frames(len(samples)))}

    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Pad to the longest clip, float32 (batch, frames, mel bins x stride), and mark the real frames."""
        width = self.extractor.num_mel_bins * self.extractor.stride
        clips = [np.asarray(feature["input_features"], np.float32).reshape(-1, width) for feature in features]
        # SpecAugment refuses batches shorter than its mask, so the padding reaches at least that far.
        values, mask = self.padded(
            clips, [int(feature["real"]) for feature in features], self.fewest_frames, self.extractor.padding_value
        )
        return {"input_features": values, "attention_mask": mask}

    def lora_targets(self) -> tuple[str, ...]:
        """Return the queries and values by their names here."""
        return ("linear_q", "linear_v")
