"""Adapters that hear the raw wave: Wav2Vec2, HuBERT, WavLM and data2vec-audio share one set of conventions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.pcm16 import codes_of
from audio_ft.models.base import Adapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.models.base import Features

# The variance floor of transformers' Wav2Vec2FeatureExtractor; another value would answer differently on quiet clips.
VARIANCE_FLOOR = 1e-7
# Attention over raw-wave frames grows with the square of the window: 30 s is 1,500 frames, Whisper's own size.
LONGEST_WINDOW = 30.0
# From this width on a checkpoint counts as large: base models have 768, our mini ones 256.
WIDE = 512


class WaveAdapter(Adapter):
    """Share what all raw-wave adapters have in common.

    Features are 16-bit codes (time,) with the `gain` and `offset` that turn them into the extractor's float values:
    two bytes a sample in the cache, and the same numbers as transformers' own extractor in the batch.
    """

    @property
    def longest_window(self) -> float:
        """Return 30 s: a budget, since the network itself has no limit."""
        return LONGEST_WINDOW

    @property
    def shortest(self) -> int:
        """Return the receptive field of the convolutions: the samples that give one frame."""
        length = 1
        for kernel, stride in reversed(list(zip(self.config.conv_kernel, self.config.conv_stride, strict=True))):
            length = (length - 1) * stride + kernel
        return int(length)

    def frames(self, length: int) -> int:
        """Return the frames that the convolutions make of `length` samples."""
        for kernel, stride in zip(self.config.conv_kernel, self.config.conv_stride, strict=True):
            length = (length - kernel) // stride + 1
        return max(int(length), 0)

    def with_window(self, seconds: float) -> Adapter:
        """Return the adapter with a window of `seconds`."""
        return type(self)(self.config, self.extractor, seconds)

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
        if len(samples) < self.shortest:
            samples = np.pad(samples, (0, self.shortest - len(samples)))
        codes, scale = codes_of(samples)
        gain, offset = scale, np.float32(0)
        if self.extractor.do_normalize:
            values = samples.astype(np.float64)
            spread = np.sqrt(values.var() + VARIANCE_FLOOR)
            gain, offset = np.float32(scale / spread), np.float32(-values.mean() / spread)
        return {"input_values": codes, "gain": gain, "offset": offset}

    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Pad to the longest clip with zeros and mark the real samples.

        The mask goes along for every checkpoint: group-norm ones, trained without, are made to ignore padding by `fit`.
        """
        import torch

        lengths = [len(feature["input_values"]) for feature in features]
        # SpecAugment refuses batches shorter than its mask, so the padding reaches at least that far.
        longest = max(max(lengths), self._samples_for(int(self.config.mask_time_length) + 1))
        values = np.zeros((len(features), longest), np.float32)
        mask = np.zeros((len(features), longest), np.int64)
        for row, (feature, length) in enumerate(zip(features, lengths, strict=True)):
            # In float32 throughout: codes come back from the cache in a wider type, whose products round otherwise.
            codes = np.asarray(feature["input_values"], np.float32)
            values[row, :length] = codes * np.float32(feature["gain"]) + np.float32(feature["offset"])
            mask[row, :length] = 1
        return {"input_values": torch.from_numpy(values), "attention_mask": torch.from_numpy(mask)}

    def fit(self, model: PreTrainedModel) -> PreTrainedModel:
        """Make the network ignore padding exactly, in place; the saved weights and their names stay the same."""
        from audio_ft.models.padding import ignore_padding

        ignore_padding(self.encoder(model))
        if not model.config.mask_time_prob and hasattr(self.encoder(model), "masked_spec_embed"):
            # What stands for a hidden frame learns nothing where no frame is hidden.
            self.encoder(model).masked_spec_embed.requires_grad_(False)
        if model.config.use_weighted_layer_sum and getattr(model.config, "do_stable_layer_norm", False):
            # The norm above all layers comes after what is summed, so it never gets a gradient.
            self.encoder(model).get_submodule("encoder.layer_norm").requires_grad_(False)
        return model

    def mask_settings(self, augments: Iterable[Any], typical_length: int) -> dict[str, Any]:
        """Map SpecAugment onto the network's own masking, or shrink the checkpoint's to clips of typical length."""
        frames = max(self.frames(typical_length), 1)
        for augment in augments:
            if hasattr(augment, "as_config"):
                settings = dict(augment.as_config(frames))
                # The network refuses a run of masked features that is longer than it is wide.
                settings["mask_feature_length"] = min(settings["mask_feature_length"], int(self.config.hidden_size))
                return settings
        # A fixed minimum of masks covers a clip of 20 frames completely; a fifth of the clip is the most we hide.
        length = max(1, min(int(self.config.mask_time_length), frames // 5))
        masks = min(int(self.config.mask_time_min_masks), frames // (5 * length))
        return {"mask_time_length": length, "mask_time_min_masks": masks}

    def masking(self, settings: Mapping[str, Any]) -> Adapter:
        """Return the adapter with these mask settings in place of the checkpoint's."""
        config = copy.deepcopy(self.config)
        for name, value in settings.items():
            setattr(config, name, value)
        return type(self)(config, self.extractor, self.window)

    def encoder(self, model: PreTrainedModel) -> torch.nn.Module:
        """Return the pretrained network below the head."""
        return model.base_model

    def feature_encoder(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the convolutions over the wave."""
        return [self.encoder(model).get_submodule("feature_extractor")]

    def layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the transformer layers, lowest first."""
        return list(self.encoder(model).get_submodule("encoder.layers").children())

    def above_layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the last norm of networks that normalize before each layer; others have it below the layers."""
        stable = getattr(self.config, "do_stable_layer_norm", False)
        return [self.encoder(model).get_submodule("encoder.layer_norm")] if stable else []

    def defaults(self) -> Mapping[str, Any]:
        """Return a learning rate that falls with the width of the network."""
        return {"learning_rate": 3e-5 if self.config.hidden_size >= WIDE else 5e-4}

    def _samples_for(self, frames: int) -> int:
        stride = int(np.prod(self.config.conv_stride))
        return self.shortest + (frames - 1) * stride


class Wav2Vec2(WaveAdapter):
    """Wav2Vec2, XLS-R and MMS."""

    model_types = ("wav2vec2",)


class Hubert(WaveAdapter):
    """HuBERT."""

    model_types = ("hubert",)


class WavLM(WaveAdapter):
    """WavLM."""

    model_types = ("wavlm",)

    def fit(self, model: PreTrainedModel) -> PreTrainedModel:
        """Make the network ignore padding, and give it the setting that its masking of features reads."""
        if not hasattr(model.config, "mask_feature_min_masks"):
            # transformers' WavLMConfig lacks it and WavLMModel reads it.
            model.config.mask_feature_min_masks = 0
        return super().fit(model)


class Data2VecAudio(WaveAdapter):
    """Data2vec-audio."""

    model_types = ("data2vec-audio",)
