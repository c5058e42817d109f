"""Classification of whole clips: one label, several labels, or a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.models.base import Adapter
from audio_ft.models.load import load_config
from audio_ft.settings.rules import shown
from audio_ft.targets import Label, Labels, Number, Target
from audio_ft.targets.transcripts import Text
from audio_ft.tasks.base import POOLINGS, Array, Checkpoint, HeadSettings, Inputs, Places, Task, Tensor
from audio_ft.tasks.heads import labeled

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class Objective:
    """Hold loss and activation of a head for one kind of target.

    Attributes:
        problem_type: transformers' name for it.
        loss: returns the loss of float32 logits (batch, outputs) and labels from `Task.batch_labels`, with the settings
            of the head and the names of the classes.
        activate: returns predictions for clips from their mean logits (clips, outputs).
    """

    problem_type: str
    loss: Callable[[Tensor, Tensor, HeadSettings, tuple[str, ...]], Tensor]
    activate: Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Classification(Task):
    """Predict classes with a probability for each of them, or a number, from the pooled frames of a clip."""

    target: Target

    name = "classification"
    architectures = ("ForSequenceClassification", "ForAudioClassification")
    targets = (Labels, Number, Label)
    probes = True
    # Steadier on few clips, and the probabilities are less extreme.
    label_smoothing = 0.1

    @classmethod
    def plan(cls, target: Target, checkpoint: Checkpoint, training_targets: Sequence[Any]) -> Task:
        """Return the task for a data set's target."""
        objective_of(type(target))
        return cls(target)

    @classmethod
    def restore(cls, config: PreTrainedConfig, folder: str | Path, text: Text) -> Task:
        """Return the task of a saved model, from its id2label and problem_type."""
        names = tuple(str(name) for _, name in sorted((config.id2label or {}).items()))
        # Where it is not stated, transformers takes one output for a number.
        problem_type = config.problem_type or objective_of(Number if len(names) == 1 else Label).problem_type
        kind = next((kind for kind in cls.targets if objective_of(kind).problem_type == problem_type), None)
        if kind is None:
            raise InputError(f"{folder}: config.json has the problem_type {shown(problem_type)}, which no task has.")
        return cls(kind(() if kind.regression else names))

    @property
    def objective(self) -> Objective:
        """Return loss and activation of the target's kind."""
        return objective_of(type(self.target))

    def build(self, checkpoint: Checkpoint, head: HeadSettings) -> PreTrainedModel:
        """Load a pretrained checkpoint in float32 with a new classification head."""
        from audio_ft.models.pooling import install_pooling

        adapter = checkpoint.adapter
        if not adapter.pools_frames and (head.weighted_layers or head.pooling != "mean"):
            raise InputError(
                f"pooling and weighted_layers: {adapter.name} checkpoints have their own pooling; leave both out."
            )
        outputs = self.target.names or ("value",)
        model = labeled(self, checkpoint, head, outputs, self.objective.problem_type)
        install_pooling(model, adapter, head.pooling)
        return adapter.fit(model)

    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a saved classifier; poolings that plain transformers lacks are installed before its weights."""
        from safetensors.torch import load_file

        from audio_ft.models.pooling import install_pooling
        from audio_ft.models.weights import load_network, refuse, refuse_not_finite, refuse_shapes, tensor_shapes

        # Read from the folder, since the adapter may be that of the initial checkpoint.
        config = load_config(folder)
        pooling = getattr(config, "audio_ft_pooling", "mean")
        if pooling == "mean":
            return super().load(adapter, folder)
        if pooling not in POOLINGS:
            raise InputError(f"{folder}: there is no pooling {shown(pooling)}, which config.json names.")
        # The head is another one than that of transformers, and loaded below.
        model = load_network(self.auto, folder, adapter, new_head=True, ignore_mismatched_sizes=True)
        install_pooling(model, adapter, pooling, pools_padding=getattr(config, "audio_ft_pools_padding", True))
        stored, wanted = (
            tensor_shapes(Path(folder)),
            {name: tuple(one.shape) for name, one in model.state_dict().items()},
        )
        refuse(folder, "missing from its weights", wanted.keys() - stored.keys())
        refuse(
            folder, "in its weights and not in the network that config.json describes", stored.keys() - wanted.keys()
        )
        refuse_shapes(folder, ((name, stored[name], wanted[name]) for name in wanted if stored[name] != wanted[name]))
        model.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=True)
        refuse_not_finite(folder, model.state_dict().items())
        return adapter.fit(model)

    def loss(self, model: Any, inputs: Inputs, labels: Tensor, head: HeadSettings) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch and its logits (batch, outputs)."""
        logits = model(**inputs).logits
        return self.objective.loss(logits.float(), labels, head, self.target.names), logits

    def loss_weight(self, labels: Tensor, head: HeadSettings) -> Tensor | int:
        """Return the number of clips, each counted as often as the weights of classes say."""
        exclusive = self.objective.loss is _cross_entropy
        return _weighted(labels, head, self.target.names).sum() if exclusive else len(labels)

    def predictions(self, outputs: Array, places: Places, count: int) -> Array:
        """Average the windows' logits over each clip, then return probabilities (clips, labels) or numbers (clips,)."""
        clips = places.clips
        sums = np.zeros((count, outputs.shape[-1]), np.float64)
        np.add.at(sums, clips, outputs)
        return self.objective.activate(sums / np.maximum(np.bincount(clips, minlength=count), 1)[:, None])


def objective_of(target: type[Target]) -> Objective:
    """Return the objective of a kind of target, which may be that of its base class.

    Raises:
        InputError: a classification head cannot learn it.
    """
    for kind in target.__mro__:
        if kind in OBJECTIVES:
            return OBJECTIVES[kind]
    raise InputError(f"A classification head cannot learn targets of kind {target.kind!r}.")


def _cross_entropy(logits: Tensor, labels: Tensor, head: HeadSettings, names: tuple[str, ...]) -> Tensor:
    """Return the weighted, smoothed and focused cross-entropy of class ids (batch,) or soft targets (batch, classes).

    Mixup makes soft targets. The focal term is (1 - p)^gamma (Lin et al. 2017).
    """
    import torch

    weighted = _weighted(labels, head, names)
    log_probability = logits.log_softmax(-1)
    focus = _focus(-torch.expm1(log_probability), head)
    return -(weighted * focus * log_probability).sum() / weighted.sum()


def _weighted(labels: Tensor, head: HeadSettings, names: tuple[str, ...]) -> Tensor:
    """Return the smoothed targets (batch, classes), times the weights of the classes."""
    from torch.nn import functional

    targets = labels if labels.ndim == 2 else functional.one_hot(labels, len(names))
    targets = targets.float() * (1 - head.label_smoothing) + head.label_smoothing / len(names)
    weights = _class_weights(head, names, targets)
    return targets if weights is None else targets * weights


def _binary_cross_entropy(logits: Tensor, labels: Tensor, head: HeadSettings, names: tuple[str, ...]) -> Tensor:
    """Return the weighted, smoothed and focused binary cross-entropy of 0 and 1 (batch, classes)."""
    import torch
    from torch.nn import functional

    targets = labels.float() * (1 - head.label_smoothing) + head.label_smoothing / 2
    weights = _class_weights(head, names, logits)
    losses = functional.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction="none")
    probability = torch.sigmoid(logits)
    missed = targets * (1 - probability) + (1 - targets) * probability
    return (losses * _focus(missed, head)).mean()


def _squared_error(logits: Tensor, labels: Tensor, head: HeadSettings, names: tuple[str, ...]) -> Tensor:
    from torch.nn import functional

    return functional.mse_loss(logits.squeeze(-1), labels.float())


def _class_weights(head: HeadSettings, names: tuple[str, ...], logits: Tensor) -> Any:
    """Return a tensor of the classes' weights, None without any."""
    import torch

    if not isinstance(head.class_weights, Mapping):
        return None
    return torch.tensor([float(head.class_weights[name]) for name in names], device=logits.device)


def _focus(missed: Tensor, head: HeadSettings) -> Tensor:
    """Return the focal term, clamped above 0 for a finite gradient; 1 for other losses."""
    return missed.clamp(min=1e-30) ** (head.focal_gamma if head.loss == "focal" else 0.0)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import softmax

    return softmax(logits, axis=-1)


OBJECTIVES: dict[type[Target], Objective] = {
    Label: Objective("single_label_classification", _cross_entropy, _softmax),
    # A form of the sigmoid that never overflows.
    Labels: Objective(
        "multi_label_classification", _binary_cross_entropy, lambda logits: 0.5 * (1 + np.tanh(0.5 * logits))
    ),
    Number: Objective("regression", _squared_error, lambda logits: logits[:, 0]),
}
