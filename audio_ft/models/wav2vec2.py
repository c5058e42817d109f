"""Adapters for networks that take the raw wave: Wav2Vec2, HuBERT, WavLM, UniSpeech-SAT and data2vec-audio are alike."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.pcm16 import quantize
from audio_ft.errors import InputError
from audio_ft.models.base import Count, Features
from audio_ft.models.masking import SelfMaskingAdapter

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

# The variance floor of transformers' Wav2Vec2FeatureExtractor; another value would change predictions for quiet clips.
VARIANCE_FLOOR = 1e-7
# The width of MMS's own adapters (Pratap et al. 2023).
LANGUAGE_ADAPTER_WIDTH = 16


class WaveAdapter(SelfMaskingAdapter):
    """HuBERT, data2vec-audio and UniSpeech-SAT, and what all raw-wave networks have in common.

    Features are 16-bit codes (time,) with the `gain` and `offset` that turn them into the extractor's float values:
    two bytes a sample in the cache, and the same numbers as transformers' own extractor in the batch.
    """

    model_types: ClassVar[tuple[str, ...]] = ("hubert", "data2vec-audio", "unispeech-sat")
    heads: ClassVar = {"classification": (5e-4, 3e-5), "frames": (5e-4, 3e-5), "ctc": (7e-4, 1e-4)}
    input_axes = ("time",)
    processor_name = "Wav2Vec2Processor"
    feature_encoder_modules = ("feature_extractor",)
    layers_module = "encoder.layers"

    def __init__(self, config: PreTrainedConfig, extractor: Any, window: float | None = None) -> None:
        # Saved with the attention mask. Checkpoints with group norm have it off, but training here masks padding, so
        # batches of plain transformers agree best with it (benchmarks/plain_batches.py).
        extractor = copy.copy(extractor)
        extractor.return_attention_mask = True
        super().__init__(config, extractor, window)

    @property
    def shortest(self) -> int:
        """Return the receptive field of the convolutions: the samples that give one frame."""
        length = 1
        for kernel, stride in reversed(list(zip(self.config.conv_kernel, self.config.conv_stride, strict=True))):
            length = (length - 1) * stride + kernel
        return int(length)

    @property
    def frame_seconds(self) -> float:
        """Return the product of the convolutions' strides, in seconds."""
        return float(np.prod(self.config.conv_stride)) / self.sample_rate

    def frames(self, samples: Count) -> Count:
        """Return the frames that the convolutions make of so many samples."""
        for kernel, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            samples = (samples - kernel) // stride + 1
        return samples * (samples > 0)

    def batch_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return the frames of each clip's own samples."""
        return self.frames(inputs["attention_mask"].sum(-1))

    def settings(self) -> dict[str, Any]:
        """Return what decides the features: shared by all checkpoints that normalize alike."""
        return {
            "adapter": "wave",
            "sample_rate": self.sample_rate,
            "normalize": bool(self.extractor.do_normalize),
            "shortest": self.shortest,
            "window": self.window,
        }

    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Return codes int16 (time,), gain and offset, so that `codes * gain + offset` is the network's input."""
        samples = np.pad(samples, (0, max(0, self.shortest - len(samples))))
        codes, scale = quantize(samples)
        gain, offset = scale, np.float32(0)
        if self.extractor.do_normalize:
            values = samples.astype(np.float64)
            spread = np.sqrt(values.var() + VARIANCE_FLOOR)
            gain, offset = np.float32(scale / spread), np.float32(-values.mean() / spread)
        return {"input_values": codes, "gain": gain, "offset": offset}

    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Pad to the longest clip with zeros and mark the real samples.

        Every checkpoint gets the mask: `fit` makes those with group norm, trained without one, ignore padding.
        """
        clips = [
            # In float32 throughout: codes come back from the cache in a wider type, whose products round otherwise.
            np.asarray(feature["input_values"], np.float32) * np.float32(feature["gain"])
            + np.float32(feature["offset"])
            for feature in features
        ]
        # SpecAugment refuses batches shorter than its mask, so the padding reaches at least that far.
        fewest = self.shortest + (self.fewest_frames - 1) * int(np.prod(self.config.conv_stride))
        values, mask = self.padded(clips, [len(clip) for clip in clips], fewest)
        return {"input_values": values, "attention_mask": mask}

    def fit(self, model: PreTrainedModel) -> PreTrainedModel:
        """Make the network ignore padding exactly, in place; the saved weights and their names stay the same."""
        from audio_ft.models.padding import ignore_padding

        ignore_padding(self.encoder(model))
        if model.config.use_weighted_layer_sum and getattr(model.config, "do_stable_layer_norm", False):
            # The norm above all layers comes after what is summed, so it never gets a gradient.
            self.encoder(model).get_submodule("encoder.layer_norm").requires_grad_(False)
        return super().fit(model)

    def front_end(self) -> torch.nn.Module:
        """Return the extractor's normalization."""
        from audio_ft.models.front_end import WaveInput

        return WaveInput(self.shortest, normalize=bool(self.extractor.do_normalize))

    def above_layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the last norm of networks that normalize before each layer; others have it below the layers."""
        stable = getattr(self.config, "do_stable_layer_norm", False)
        return [self.encoder(model).get_submodule("encoder.layer_norm")] if stable else []

    def freeze_feature_encoder(self, model: PreTrainedModel) -> None:
        """Stop the convolutions from learning, and from asking for gradients of their input."""
        super().freeze_feature_encoder(model)
        for module in self.feature_encoder(model):
            # A switch of transformers for the same, which is missing from its types.
            setattr(module, "_requires_grad", False)  # noqa: B010


class Wav2Vec2(WaveAdapter):
    """Wav2Vec2, XLS-R and MMS."""

    model_types = ("wav2vec2",)

    def language_adapter_settings(self) -> dict[str, Any]:
        """Return the configuration with a small adapter in each layer, as MMS has them."""
        if not self.config.do_stable_layer_norm:
            return super().language_adapter_settings()
        return {"adapter_attn_dim": self.config.adapter_attn_dim or LANGUAGE_ADAPTER_WIDTH}

    def train_language_adapter(self, model: Any) -> None:
        """Start new adapters and freeze the rest except the head, in place, as MMS learns a language."""
        model.init_adapter_layers()
        model.freeze_base_model()
        for weight in model._get_adapters().values():
            weight.requires_grad_(True)


class WavLM(WaveAdapter):
    """WavLM."""

    model_types = ("wavlm",)

    def fit(self, model: PreTrainedModel) -> PreTrainedModel:
        """Make the network ignore padding, and add the setting that its masking of features reads."""
        if not hasattr(model.config, "mask_feature_min_masks"):
            # transformers' WavLMConfig lacks it and WavLMModel reads it.
            model.config.mask_feature_min_masks = 0
        return super().fit(model)

    def lora_targets(self) -> tuple[str, ...]:
        """Refuse: transformers passes WavLM's projections to torch as bare weights, without the low-rank matrices."""
        raise InputError(
            "peft=lora changes nothing in WavLM, whose attention takes its weights past the low-rank ones; leave it "
            "out, or start from a HuBERT or Wav2Vec2 checkpoint of the same size."
        )
