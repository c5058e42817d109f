"""The interface of a model adapter: all that one checkpoint's architecture decides, and nothing about targets or data.

To add an architecture, write one file in `models/` with a subclass of `Adapter` that has `model_types`; it is found
there. It must define what is abstract or has no value below; the rest has defaults that suit most encoders.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

Features = dict[str, Any]

# A number of samples or frames: one, or a tensor of many.
Count = TypeVar("Count", int, "torch.Tensor")
# Checkpoints whose hidden states have up to this many dimensions are small: base models have 768, our mini ones 256.
SMALL = 512


class Adapter(ABC):
    """Define what depends on a checkpoint's architecture: input, parts of the network and usual settings.

    Attributes:
        model_types: the names that config.json gives the architecture; a subclass that has any is registered.
        heads: the heads that it can have ("classification", "frames", "ctc", "seq2seq"), each with the learning rates
            that suit small checkpoints and larger ones.
        pools_frames: whether the classifier averages projected frames. Only then can the frames be pooled otherwise,
            and the layers be summed with weights.
        names: what a recipe may name in place of a checkpoint, for architectures that are trained from scratch.
        from_scratch: whether nothing of it is pretrained, so that there is nothing to probe, to freeze or to forget.
        fitted_at_once: whether it is fitted by scikit-learn, without steps and epochs.
        weights_file: the file of a saved model that holds what it learned.
        more_steps: how many times the steps that fine-tuning takes.
        input_axes: the axes of the network's input, ("time",) or ("mel", "time"); () for others.
        processor_name: transformers' class of feature extractor and tokenizer, if a head writes text.
        feature_encoder_modules: the modules of the encoder below its layers, which turn the input into frames.
        layers_module: the encoder's list of transformer layers, lowest first.
        above_layers_modules: the encoder's modules above its last layer.
        config: the checkpoint's configuration.
        extractor: the checkpoint's feature extractor.
        window: the longest input of the network in seconds; longer recordings are cut.
        dynamic_window: whether batches shrink to their longest clip although the extractor pads all to the window.
    """

    model_types: ClassVar[tuple[str, ...]] = ()
    heads: ClassVar[Mapping[str, tuple[float, float]]] = {}
    pools_frames: ClassVar[bool] = True
    names: ClassVar[tuple[str, ...]] = ()
    from_scratch: ClassVar[bool] = False
    fitted_at_once: ClassVar[bool] = False
    weights_file: ClassVar[str] = "model.safetensors"
    more_steps: ClassVar[int] = 1
    input_axes: ClassVar[tuple[str, ...]] = ()
    processor_name: ClassVar[str] = ""
    feature_encoder_modules: ClassVar[tuple[str, ...]]
    layers_module: ClassVar[str]
    above_layers_modules: ClassVar[tuple[str, ...]] = ()
    registry: ClassVar[dict[str, type[Adapter]]] = {}
    dynamic_window = False

    def __init__(self, config: PreTrainedConfig, extractor: Any, window: float | None = None) -> None:
        self.config = config
        self.extractor = extractor
        self.window = min(window or self.longest_window, self.longest_window)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for model_type in cls.model_types:
            Adapter.registry[model_type] = cls

    @classmethod
    def untrained(cls, name: str) -> Adapter:
        """Return the adapter of a network without weights, by one of `names`."""
        raise NotImplementedError(f"{cls.__name__} starts from a checkpoint")

    def new_estimator(self, settings: Mapping[str, Any]) -> Any:
        """Return what is fitted at once, not fitted yet, its configuration with `settings`."""
        raise NotImplementedError(f"{type(self).__name__} learns in steps")

    def load_estimator(self, folder: Path) -> Any:
        """Load what was fitted at once."""
        raise NotImplementedError(f"{type(self).__name__} learns in steps")

    @property
    def name(self) -> str:
        """Return what messages call the architecture."""
        return str(self.config.model_type)

    # ---- input

    @property
    def sample_rate(self) -> int:
        """Return the sample rate the checkpoint was trained on, in Hz."""
        return int(self.extractor.sampling_rate)

    @property
    @abstractmethod
    def longest_window(self) -> float:
        """Return the longest window the checkpoint can take, in seconds."""

    @property
    @abstractmethod
    def shortest(self) -> int:
        """Return the fewest samples the network can take; shorter clips are padded with zeros up to it."""

    @property
    def fewest_seconds(self) -> float:
        """Return how long each input of the network is at least; where it is as long as the longest clip, 0."""
        return 0.0

    def with_window(self, seconds: float) -> Adapter:
        """Return the same adapter with a window that covers `seconds`, no longer than the checkpoint allows."""
        return type(self)(self.config, self.extractor, seconds)

    def with_dynamic_window(self) -> Adapter:
        """Return the adapter whose batches are no longer than their longest clip needs; most are so anyway."""
        return self

    @abstractmethod
    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Turn clean mono samples (time,) into compact features from which `collate` rebuilds the network's input."""

    @abstractmethod
    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Build one batch of network inputs (batch, …) from the features of several clips."""

    def settings(self) -> dict[str, Any]:
        """Return all that decides the features, for the cache's fingerprint."""
        return {"adapter": type(self).__name__, "extractor": self.extractor.to_dict(), "window": self.window}

    def save_extractor(self, folder: Path) -> None:
        """Write the feature extractor so that plain transformers prepares audio the same way."""
        self.extractor.save_pretrained(folder)

    def processor(self, tokenizer: Any) -> Any:
        """Return transformers' processor, which holds the extractor and a tokenizer; only for heads that write text."""
        import transformers

        return getattr(transformers, self.processor_name)(feature_extractor=self.extractor, tokenizer=tokenizer)

    # ---- frames

    @property
    @abstractmethod
    def frame_seconds(self) -> float:
        """Return the time from one encoder frame to the next, in seconds."""

    @abstractmethod
    def frames(self, samples: Count) -> Count:
        """Return how many encoder frames clips of so many samples have."""

    @abstractmethod
    def batch_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return how many encoder frames each clip of a batch has, padding left out, as int64 (batch,)."""

    def pooled_frames(self, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return how many frames of each clip transformers' own classifier averages, as int64 (batch,)."""
        return self.batch_frames(inputs)

    def over_time(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return an encoder's hidden states (batch, positions, width) as (batch, frames, width), in order of time."""
        return hidden

    # ---- parts of a network

    def encoder(self, model: PreTrainedModel) -> torch.nn.Module:
        """Return the pretrained encoder: everything below the head."""
        return model.base_model

    def feature_encoder(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the modules below the transformer layers that turn the input into frames."""
        return [self.encoder(model).get_submodule(name) for name in self.feature_encoder_modules]

    def layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the encoder's transformer layers, lowest first."""
        return list(self.encoder(model).get_submodule(self.layers_module).children())

    def above_layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the encoder's modules above its last layer."""
        return [self.encoder(model).get_submodule(name) for name in self.above_layers_modules]

    @property
    def feature_groups(self) -> tuple[str, ...]:
        """Return what each feature of a clip belongs to, where a clip has one vector; () otherwise."""
        return ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Return the name of each feature of a clip, where a clip has one vector; () otherwise."""
        return ()

    def encode_in_bf16(self, model: PreTrainedModel) -> None:
        """Compute the encoder in bfloat16 from now on, in place; the head gets float32 and computes in float32."""
        import torch
        from accelerate.utils import convert_outputs_to_fp32

        encoder: Any = self.encoder(model)
        autocast = torch.autocast(model.device.type, torch.bfloat16)
        encoder.forward = convert_outputs_to_fp32(autocast(encoder.forward))

    def pretrained(self, model: PreTrainedModel) -> torch.nn.Module:
        """Return everything that comes with the checkpoint: the encoder, and a decoder where there is one."""
        return self.encoder(model)

    def classifier(self, model: Any) -> torch.nn.Linear:
        """Return the linear layer of a classification model from which the logits come."""
        return model.classifier  # type: ignore[no-any-return]

    def pooled(self, model: Any, hidden: torch.Tensor, inputs: Mapping[str, Any]) -> torch.Tensor:
        """Return the vectors (batch, width) that a classifier's linear layers make of an encoder's output.

        `hidden` (batch, positions, width) is of the batch `inputs`; padding does not count where the network masks it.
        """
        import torch

        frames = self.pooled_frames(inputs)
        own = (torch.arange(hidden.shape[1], device=hidden.device) < frames[:, None]).unsqueeze(-1)
        return (hidden * own).sum(1) / frames[:, None]

    def keep_layers(self, model: Any, count: int) -> None:
        """Remove the transformer layers above the lowest `count`, in place."""
        encoder: Any = self.encoder(model)
        del encoder.get_submodule(self.layers_module)[count:]
        model.config.num_hidden_layers = encoder.config.num_hidden_layers = count

    def fit(self, model: PreTrainedModel) -> PreTrainedModel:
        """Adapt a freshly loaded model to this adapter's window and padding rule, in place, and return it."""
        return model

    def freeze_feature_encoder(self, model: PreTrainedModel) -> None:
        """Stop the feature encoder from learning, in place."""
        for module in self.feature_encoder(model):
            module.requires_grad_(False)

    # ---- heads and training

    @property
    def transcription(self) -> str | None:
        """Return the head by which the checkpoint transcribes speech, or None."""
        return next((head for head in ("ctc", "seq2seq") if head in self.heads), None)

    def learning_rate(self, head: str) -> float:
        """Return the learning rate that suits a checkpoint of this size with such a head."""
        small, large = self.heads[head]
        return small if self.config.hidden_size <= SMALL else large

    def dropout_settings(self, dropout: float) -> dict[str, Any]:
        """Return the configuration in which each dropout of the network has this probability."""
        return {name: dropout for name in self.config.to_dict() if "dropout" in name}

    def layerdrop_settings(self, layerdrop: float) -> dict[str, Any]:
        """Return the configuration in which the encoder drops a layer with this probability during training."""
        return {name: layerdrop for name in ("layerdrop", "encoder_layerdrop") if hasattr(self.config, name)}

    @property
    def skips_layers(self) -> bool:
        """Return whether the network drops random layers during training (layerdrop)."""
        return any(getattr(self.config, name) > 0 for name in self.layerdrop_settings(0.0))

    def lora_targets(self) -> tuple[str, ...]:
        """Return the names of the queries and values of every attention, or raise `InputError`.

        Hu et al. 2021 (LoRA, section 4.2) found these best for a budget of new weights.
        """
        return ("q_proj", "v_proj")

    def language_adapter_settings(self) -> dict[str, Any]:
        """Return the configuration with MMS's small language adapter in each layer, or raise `InputError`."""
        raise InputError(
            "peft=adapter needs a Wav2Vec2 checkpoint that normalizes before each layer (XLS-R, MMS), and this is "
            f"another {self.name} checkpoint; use peft=lora."
        )

    def train_language_adapter(self, model: Any) -> None:
        """Start new adapters for a language and let only them and the head learn, in place."""
        raise NotImplementedError(f"{self.name} has no adapters for languages")

    def mask_features(self, features: Features, augments: Iterable[Any], rng: np.random.Generator) -> Features:
        """Apply augmentations of features; adapters whose network masks by itself return the features unchanged."""
        return features

    def mask_settings(self, augments: Iterable[Any], typical_length: int) -> dict[str, Any]:
        """Return the configuration with which the network masks its own features while it trains."""
        return {}

    def masking(self, settings: Mapping[str, Any]) -> Adapter:
        """Return the adapter whose batches are long enough for a network that trains with these mask settings."""
        return self
