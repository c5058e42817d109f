"""Wav2Vec2-BERT (w2v-BERT 2.0): a conformer over stacked log-mel frames, for classification and CTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audio_ft.models.masking import SelfMaskingAdapter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.models.base import Count, Features

# SeamlessM4TFeatureExtractor's analysis window and hop, in samples at every sample rate.
WINDOW, HOP = 400, 160
# As for networks that take the raw wave: attention grows with the square of it, and 30 s are 1,500 frames.
LONGEST_WINDOW = 30.0


class Wav2Vec2Bert(SelfMaskingAdapter):
    """Keep the extractor's own frames and mask them when they are padded.

    Features are float32 (frames, mel bins x stride): log-mel frames, normalized over the clip and stacked in twos, with
    the number of real frames. An odd log-mel frame at the end is stacked with padding and not real.

    Padding needs no more than transformers' mask: normalization is by frame, attention and the convolutions' input are
    masked, and the convolutions look back only.
    """

    model_types = ("wav2vec2-bert",)
    heads: ClassVar = {"classification": (5e-4, 3e-5), "ctc": (7e-4, 5e-5)}

    @property
    def longest_window(self) -> float:
        """Return 30 s: a budget, since the network itself has no limit."""
        return LONGEST_WINDOW

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
        import torch

        clips = [np.asarray(feature["input_features"], np.float32).reshape(-1, self._width) for feature in features]
        # SpecAugment refuses batches shorter than its mask, so the padding reaches at least that far.
        longest = max(self.fewest_frames, *(len(clip) for clip in clips))
        batch = np.full((len(clips), longest, self._width), self.extractor.padding_value, np.float32)
        mask = np.zeros((len(clips), longest), np.int64)
        for row, (clip, feature) in enumerate(zip(clips, features, strict=True)):
            batch[row, : len(clip)] = clip
            mask[row, : int(feature["real"])] = 1
        return {"input_features": torch.from_numpy(batch), "attention_mask": torch.from_numpy(mask)}

    def processor(self, tokenizer: Any) -> Any:
        """Return Wav2Vec2BertProcessor."""
        from transformers import Wav2Vec2BertProcessor

        return Wav2Vec2BertProcessor(feature_extractor=self.extractor, tokenizer=tokenizer)

    def encoder(self, model: PreTrainedModel) -> torch.nn.Module:
        """Return the network below the head."""
        return model.base_model

    def feature_encoder(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the projection of stacked frames."""
        return [self.encoder(model).get_submodule("feature_projection")]

    def layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the conformer layers, lowest first."""
        return list(self.encoder(model).get_submodule("encoder.layers").children())

    def above_layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return nothing: each layer ends with its own norm."""
        return []

    def lora_targets(self) -> tuple[str, ...]:
        """Return the queries and values by their names here."""
        return ("linear_q", "linear_v")

    @property
    def _width(self) -> int:
        return int(self.extractor.num_mel_bins * self.extractor.stride)
