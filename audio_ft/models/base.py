"""What a model adapter is: the conventions of one architecture, read from one checkpoint's own configuration.

A adapter knows how samples become features, how features become a batch, and where the parts of the network are. It
never knows about tasks. Adding a adapter is one file in `adapters/` and one export line.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedConfig, PreTrainedModel

    Features = dict[str, Any]


class Adapter(ABC):
    """Hold the conventions of one checkpoint: rate, features, padding, mask, window and the places of its layers.

    `window` is the longest piece of audio the network sees at once, in seconds; longer recordings are cut into windows
    and their predictions pooled. `dynamic_window` says that a batch is padded to its longest clip where the extractor
    pads all clips to the window; see `with_dynamic_window`. `transcription` names the task by which its checkpoints
    transcribe speech.
    """

    model_types: ClassVar[tuple[str, ...]] = ()
    transcription: ClassVar[str] = "ctc"
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
    def skips_layers(self) -> bool:
        """Return whether the network leaves out layers by chance while it trains (layerdrop)."""
        return any(getattr(self.config, name, 0.0) > 0 for name in ("layerdrop", "encoder_layerdrop"))

    @abstractmethod
    def with_window(self, seconds: float) -> Adapter:
        """Return the same adapter with a window that covers `seconds`, no longer than the checkpoint allows."""

    def with_dynamic_window(self) -> Adapter:
        """Return the adapter whose batches are no longer than their longest clip needs; most are so by nature."""
        return self

    @abstractmethod
    def extract(self, samples: NDArray[np.float32]) -> Features:
        """Turn clean mono samples (time,) into compact features from which `collate` rebuilds the network's input."""

    @abstractmethod
    def collate(self, features: Sequence[Features]) -> dict[str, torch.Tensor]:
        """Build one batch of network inputs from the features of several clips."""

    @abstractmethod
    def frames(self, length: int) -> int:
        """Return how many encoder frames a clip of `length` samples has."""

    @abstractmethod
    def encoder(self, model: PreTrainedModel) -> torch.nn.Module:
        """Return the pretrained part of a model: everything below the head."""

    @abstractmethod
    def feature_encoder(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the convolutions below the transformer layers."""

    @abstractmethod
    def layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the transformer layers, lowest first."""

    @abstractmethod
    def above_layers(self, model: PreTrainedModel) -> list[torch.nn.Module]:
        """Return the modules between the last transformer layer and the head."""

    def fit(self, model: PreTrainedModel) -> PreTrainedModel:
        """Adapt a freshly loaded model to this adapter's window and padding rule, in place, and return it."""
        return model

    def settings(self) -> dict[str, Any]:
        """Return all that decides the features, for the cache's fingerprint."""
        return {"adapter": type(self).__name__, "extractor": self.extractor.to_dict(), "window": self.window}

    def mask_features(self, features: Features, augments: Iterable[Any], rng: np.random.Generator) -> Features:
        """Apply feature-stage augmentations; adapters whose network masks by itself return the features untouched."""
        return features

    def mask_settings(self, augments: Iterable[Any], typical_length: int) -> dict[str, Any]:
        """Return the configuration with which the network masks its own features while it trains."""
        return {}

    def masking(self, settings: Mapping[str, Any]) -> Adapter:
        """Return the adapter whose batches are long enough for a network that trains with these mask settings."""
        return self

    def defaults(self) -> Mapping[str, Any]:
        """Return training settings that suit a checkpoint of this size; a recipe's own settings go above them."""
        return {}

    def save_extractor(self, folder: Path) -> None:
        """Write the feature extractor so that plain transformers prepares audio the same way."""
        self.extractor.save_pretrained(folder)


def load_config(checkpoint: str, revision: str | None = None) -> PreTrainedConfig:
    """Read the configuration of a checkpoint.

    Raises:
        InputError: there is no such folder, or the Hub has no such repository or cannot be reached.
    """
    from transformers import AutoConfig

    folder = Path(checkpoint).expanduser()
    if folder.is_dir() and not (folder / "config.json").is_file():
        inner = folder / "model"
        mend = f" Did you mean {inner}?" if (inner / "config.json").is_file() else ""
        raise InputError(f"{checkpoint} holds no config.json, so it is not a transformers checkpoint.{mend}")
    if not folder.is_dir() and (folder.is_absolute() or checkpoint.startswith(("./", "../", "~"))):
        raise InputError(f"There is no checkpoint folder {checkpoint}; give a folder with config.json or a Hub id.")
    try:
        return AutoConfig.from_pretrained(str(folder) if folder.is_dir() else checkpoint, revision=revision)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"The configuration of {checkpoint!r} cannot be loaded ({first}); give a checkpoint folder with "
            "config.json, or a Hub id with the network up (or the checkpoint already in the local Hub cache)."
        ) from error


def load_extractor(checkpoint: str, revision: str | None = None) -> Any:
    """Read the feature extractor of a checkpoint.

    Raises:
        InputError: the checkpoint has none.
    """
    from transformers import AutoFeatureExtractor

    source = str(Path(checkpoint).expanduser()) if Path(checkpoint).expanduser().is_dir() else checkpoint
    try:
        return AutoFeatureExtractor.from_pretrained(source, revision=revision)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{checkpoint} has no feature extractor (preprocessor_config.json), so its sample rate and normalization "
            "are unknown; add that file from the checkpoint it was trained from."
        ) from error
