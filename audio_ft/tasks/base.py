"""Task: target, head, loss and decoding. Each task is one file in this folder."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import AudioFTError, InputError
from audio_ft.models.base import Adapter
from audio_ft.models.load import computing
from audio_ft.targets import Target
from audio_ft.targets.transcripts import Text
from audio_ft.tasks.ctc_beam import Beam

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel

Tensor: TypeAlias = "torch.Tensor"
Array: TypeAlias = NDArray[Any]
Inputs: TypeAlias = "Mapping[str, torch.Tensor]"  # a batch as `Adapter.collate` returns it

# The automatic window of a task that pools windows is as long as this quantile of the training recordings.
COVERED = 0.99
POOLINGS = ("mean", "max", "attention", "statistics")
# Pads outputs of different lengths: no token and no class has this id.
NO_TOKEN = -100
# Enough to see that a checkpoint generates text.
TRIED_TOKENS = 3


@dataclass(frozen=True)
class HeadSettings:
    """Hold a recipe's settings of head and loss, which `Recipe` has checked.

    `class_weights` is "balanced", one weight for each label name, or None; `dropout` None keeps the checkpoint's.
    """

    pooling: str = "mean"
    weighted_layers: bool = False
    dropout: float | None = None
    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weights: str | Mapping[str, float] | None = None
    mask: Mapping[str, Any] = field(default_factory=dict)
    language_adapter: bool = False


@dataclass(frozen=True)
class Places:
    """Say where windows lie: the clip of each (windows,), and in seconds where it starts in that and how long it is."""

    clips: NDArray[np.int64]
    starts: NDArray[np.float64]
    seconds: NDArray[np.float64]


@dataclass(frozen=True)
class Checkpoint:
    """Name the checkpoint that training starts from, with its adapter."""

    adapter: Adapter
    name: str
    revision: str | None = None


class Task(ABC):
    """Combine a target with a head, its loss and its decoding.

    Attributes:
        target: what it predicts.
        name: its name in recipes.
        head: the head it needs; adapters list the heads of their networks.
        auto: transformers' Auto class for that head; a task may choose it by architecture.
        architectures: how the names of transformers' classes with that head end.
        targets: the kinds of target it can predict, the most general last.
        whole: whether training must not cut a clip, because its target is a sequence.
        long_recordings: how the windows of a recording longer than the network's window are combined: "pooled"
            (averaged), "joined" (concatenated) or "blended" (frame by frame, where they overlap).
        tunes: whether `tuned` has to see the validation split.
        from_scratch: whether the head is newly initialized; it then learns faster than the layers below it.
        probes: whether its targets can be learned by a linear model on one vector a clip.
        scores_untuned: whether the checkpoint is scored before training, as a baseline.
        selection_metric: the score by which the best checkpoint is chosen, where it is not that of the target.
        enough_steps: optimizer steps that the automatic number of epochs reaches; fewer rarely converge.
        epochs: the least and the greatest automatic number of epochs.
        batch: clips in a batch, unless the recipe says otherwise.
        label_smoothing: label smoothing, unless the recipe says otherwise.
        ignores: settings of a recipe that have no effect on it, which are refused.
    """

    name: ClassVar[str]
    head: ClassVar[str] = "classification"
    auto: str = "AutoModelForAudioClassification"
    architectures: ClassVar[tuple[str, ...]] = ()
    targets: ClassVar[tuple[type[Target], ...]]
    whole: ClassVar[bool] = False
    long_recordings: ClassVar[Literal["pooled", "joined", "blended"]] = "pooled"
    enough_steps: ClassVar[int] = 480
    epochs: ClassVar[tuple[int, int]] = (4, 40)
    batch: ClassVar[int] = 16
    label_smoothing: ClassVar[float] = 0.0
    ignores: ClassVar[tuple[str, ...]] = ("text.prompt", "text.timestamps", "events")
    probes: ClassVar[bool] = False
    scores_untuned: ClassVar[bool] = False
    selection_metric: ClassVar[str] = ""
    tunes: ClassVar[bool] = False
    from_scratch: bool = True
    target: Any  # a Target; a subclass gives the type
    registry: ClassVar[dict[str, type[Task]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            Task.registry[cls.name] = cls

    @classmethod
    @abstractmethod
    def plan(cls, target: Target, checkpoint: Checkpoint, training_targets: Sequence[Any]) -> Task:
        """Return the task for a data set's target, a checkpoint and the targets of the training split.

        Raises:
            InputError: the checkpoint cannot learn this target.
        """

    @classmethod
    @abstractmethod
    def restore(cls, config: PreTrainedConfig, folder: str | Path, text: Text) -> Task:
        """Return the task of a saved model, from its configuration and what `save` wrote beside it."""

    @abstractmethod
    def build(self, checkpoint: Checkpoint, head: HeadSettings) -> PreTrainedModel:
        """Load a pretrained checkpoint in float32 with a head for this task.

        Raises:
            InputError: the weights cannot be loaded, or the checkpoint does not support the head or its settings.
        """

    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a model that this task saved, in float32 with its head."""
        from audio_ft.models.weights import load_network

        model = load_network(self.auto, folder, adapter)
        return self.inference_adapter(adapter).fit(model)

    @abstractmethod
    def loss(self, model: Any, inputs: Inputs, labels: Tensor, head: HeadSettings) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch and the network's outputs."""

    def loss_weight(self, labels: Tensor, head: HeadSettings) -> Tensor | int:
        """Return over how much the `loss` of a batch with these labels is a mean, by default over its clips."""
        return len(labels)

    def predict_step(self, model: Any, adapter: Adapter, inputs: Inputs, outputs: Tensor | None = None) -> Tensor:
        """Return the outputs to keep for a batch, (batch, …), by default its logits in float32.

        `outputs` are those of `loss`, if it was computed.
        """
        return (model(**inputs).logits if outputs is None else outputs).float()

    @abstractmethod
    def predictions(self, outputs: Array, places: Places, count: int) -> Array:
        """Turn outputs (windows, …) into one prediction for each of `count` clips; `places` says where windows lie."""

    def save(self, adapter: Adapter, folder: Path) -> None:
        """Write what plain transformers needs besides the weights to prepare audio and decode outputs."""
        adapter.save_extractor(folder)

    def fit_window(self, adapter: Adapter, durations: NDArray[np.float64], window: float | None) -> Adapter:
        """Return the adapter with a window for training clips of these durations, in seconds, as the network gets them.

        Without a `window` it is the whole seconds that cover almost all clips; the few longer ones are cut into windows
        and their outputs pooled, so that one long outlier does not make all clips expensive.
        """
        if window is None and len(durations):
            window = math.ceil(float(np.quantile(durations, COVERED))) or 1
        return adapter.with_window(window or adapter.longest_window)

    def overlap(self, adapter: Adapter) -> float:
        """Return the seconds that two windows of a long recording have in common at least."""
        return 0.0

    def in_window(self, reference: Any, start: float, seconds: float, factor: float) -> Any:
        """Return the part of a clip's reference in a window, which is then stretched in time by a factor.

        `start` and `seconds` say where the window lies in the clip; augmentation may have changed its speed.
        """
        return reference

    def tuned(self, outputs: Array, places: Places, references: Array) -> Task:
        """Return the task with what is chosen by the outputs for the validation split, such as thresholds."""
        return self

    @property
    def chosen(self) -> Mapping[str, Any]:
        """Return what `tuned` chose, by name, for the record of the run."""
        return {}

    def inference_adapter(self, adapter: Adapter) -> Adapter:
        """Return the adapter for predictions of the finished model."""
        return adapter

    def batch_labels(self, references: Sequence[Any], seconds: Sequence[float]) -> torch.Tensor:
        """Return the labels of a batch, (batch,), (batch, labels) or (batch, length); `seconds` are durations."""
        import torch

        return torch.as_tensor(np.asarray(references))

    def language_ids(self, languages: Sequence[str | None]) -> Array | None:
        """Return what tells the network the language of each clip (clips,); None where it is not told."""
        return None

    def check_languages(self, splits: Mapping[str, tuple[Sequence[str | None], Sequence[str]]]) -> list[str]:
        """Check that the network can learn the languages of clips, given with keys by split, and return lines to log.

        Splits have no languages where the data says none.

        Raises:
            InputError: it cannot.
        """
        return []

    def why_unlearnable(self, target: Any, samples: int, adapter: Adapter) -> str | None:
        """Return why training skips a clip of that many samples, or None."""
        return None

    def check_targets(self, splits: Mapping[str, tuple[Sequence[Any], Sequence[str]]]) -> list[str]:
        """Check that this network can predict the targets, given with keys by split, and return lines to log.

        Raises:
            InputError: it cannot.
        """
        return []

    def describe(self, references: Mapping[str, Array]) -> list[str]:
        """Return lines about the targets of each split, logged before training."""
        return list(self.target.describe(references))

    def with_language_model(self, beam: Beam) -> Task:
        """Return the task with beam search and a language model.

        Raises:
            InputError: its network does not predict characters, its language has no spaces, or see `BeamSearch`.
        """
        raise InputError(
            f"A language model works with networks that predict characters (task ctc), and this model's task is "
            f"{self.name}; leave the language model out."
        )


def forward(model: Any, task: Task, adapter: Adapter, batch: Mapping[str, torch.Tensor]) -> Array:
    """Return a task's outputs for one batch, in float32 and without gradients, whatever precision training used."""
    import torch

    model.eval()
    with torch.inference_mode(), computing(model.name_or_path):
        outputs = task.predict_step(model, adapter, {name: value.to(model.device) for name, value in batch.items()})
    return finite(outputs).cpu().numpy()


def try_out(task: Task, checkpoint: Checkpoint) -> None:
    """Load a checkpoint and predict a second of noise, so that what is wrong with it shows before recordings are read.

    Raises:
        InputError: its weights cannot be used for this task, or transformers fails on it.
    """
    import torch

    from audio_ft.models.load import quiet_transformers

    adapter = checkpoint.adapter
    noise = np.random.default_rng(0).normal(0, 0.01, max(adapter.sample_rate, adapter.shortest)).astype(np.float32)
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        model = task.build(checkpoint, HeadSettings())
        if model.can_generate() and model.generation_config is not None:
            model.generation_config.max_new_tokens = TRIED_TOKENS
        forward(model, task, adapter, adapter.collate([adapter.extract(noise)]))


def finite(outputs: Tensor) -> Tensor:
    """Return a network's outputs.

    Raises:
        AudioFTError: one is NaN or infinite, of which no prediction can be made.
    """
    if outputs.is_floating_point() and not outputs.isfinite().all():
        raise AudioFTError(
            "The network's output is not finite (NaN or infinity), although its weights are: they are too large for "
            "float32, or config.json is wrong. Use another checkpoint, or train again with a lower learning rate."
        )
    return outputs
