"""What a task is: target, head, loss, answer and scores. Adding a task is one file in `tasks/` and one export line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedConfig, PreTrainedModel

    from audio_ft.family import Family
    from audio_ft.metrics import Score


POOLINGS = ("mean", "max", "attention", "statistics")


@dataclass(frozen=True)
class HeadSettings:
    """Collect what a recipe says about head and loss, for the task to build from.

    `class_weights` is "balanced", one weight for each label name, or None; `dropout` None keeps the checkpoint's own.
    """

    pooling: str = "mean"
    weighted_layers: bool = False
    dropout: float | None = None
    loss: str = "cross_entropy"
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weights: str | Mapping[str, float] | None = None
    mask: Mapping[str, Any] = field(default_factory=dict)


class Task(ABC):
    """Bind one kind of question to its targets, head, loss and scores.

    `kind` is that of the targets: "single", "multi", "regression" or "text"; `labels` names the network's outputs.
    """

    name: ClassVar[str]
    kind: str
    labels: tuple[str, ...]
    registry: ClassVar[dict[str, type[Task]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            Task.registry[cls.name] = cls

    @classmethod
    @abstractmethod
    def plan(cls, kind: str, labels: Sequence[str]) -> Task:
        """Return the task for a data set's kind of target and the labels of its training split."""

    @classmethod
    @abstractmethod
    def restore(cls, config: PreTrainedConfig) -> Task:
        """Return the task of a saved model, from its configuration alone."""

    @property
    @abstractmethod
    def selection_metric(self) -> str:
        """Return the score by which the best checkpoint is chosen unless the recipe names another."""

    @abstractmethod
    def encode(self, targets: Sequence[Any]) -> NDArray[Any]:
        """Turn targets as read from the data into numbers, one row a clip."""

    @abstractmethod
    def balanced_weights(self, references: NDArray[Any]) -> dict[str, float]:
        """Return a loss weight for each label that makes up for how rare it is in encoded references."""

    @abstractmethod
    def build(
        self, family: Family, checkpoint: str, head: HeadSettings, revision: str | None = None
    ) -> PreTrainedModel:
        """Load a pretrained checkpoint with a new head."""

    @abstractmethod
    def load(self, family: Family, folder: str | Path) -> PreTrainedModel:
        """Load a model that this task saved, head and all."""

    @abstractmethod
    def loss(self, logits: torch.Tensor, labels: torch.Tensor, head: HeadSettings) -> torch.Tensor:
        """Return the training loss of a batch."""

    @abstractmethod
    def predictions(self, logits: NDArray[np.float32], clips: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        """Turn windows' logits into one prediction for each of `count` clips; `clips` says whose each window is."""

    @abstractmethod
    def points(self, predictions: NDArray[np.float64], references: NDArray[Any]) -> dict[str, float]:
        """Return the plain values of all scores over the whole set, for choosing a checkpoint."""

    @abstractmethod
    def columns(self, answers: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
        """Return the columns that predictions.parquet holds for these answers."""

    @abstractmethod
    def proof(self, head: HeadSettings) -> str:
        """Return a Python program that prints, as JSON, what the model argv[1] makes of the stored wave argv[2]."""

    @abstractmethod
    def answer(self, prediction: NDArray[np.float64]) -> dict[str, Any]:
        """Return the prediction for one clip as a user reads it."""

    @abstractmethod
    def score(
        self,
        predictions: NDArray[np.float64],
        references: NDArray[Any],
        groups: Sequence[str | None] | None,
        seed: int = 0,
    ) -> dict[str, Score]:
        """Score predictions, with 95 % intervals."""
