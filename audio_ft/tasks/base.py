"""What a task is: target, head, loss, answer and scores. Adding a task is one file in `tasks/` and one export line."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedConfig, PreTrainedModel

    from audio_ft.cleaning.chain import Chain
    from audio_ft.data.transcripts import Text
    from audio_ft.errors import AudioError
    from audio_ft.metrics import Score
    from audio_ft.models.base import Adapter
    from audio_ft.tasks.ctc_beam import Beam


# The automatic window of a task that pools windows covers this share of the training recordings.
COVERED = 0.99
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
    language_adapter: bool = False


@dataclass(frozen=True)
class Speech:
    """Collect what a task that writes text is planned from: checkpoint, settings and the training transcripts."""

    adapter: Adapter
    checkpoint: str
    revision: str | None
    text: Text
    transcripts: Sequence[str]


class Task(ABC):
    """Bind one kind of question to its targets, head, loss, answers and scores.

    `kind` is that of the targets: "single", "multi", "regression" or "text"; `labels` names the network's outputs.

    Attributes:
        name: what a recipe calls it.
        head: the head it needs; adapters say which ones their networks have.
        reads: what is looked for in the data, "classification" or "transcription".
        whole: whether a clip must stay in one piece while the network learns, because its target runs along with it.
        from_scratch: whether the head knows nothing before training; it then learns faster than the layers below it.
        scores_untuned: whether the checkpoint is scored before training, for the result to stand beside.
        enough_steps: optimizer steps below which such trainings end early; the automatic number of epochs reaches them.
        epochs: the fewest and the most automatic epochs.
        batch: clips in a batch, unless the recipe says otherwise.
        label_smoothing: the share of a target that is spread over all labels, unless the recipe says otherwise.
    """

    name: ClassVar[str]
    head: ClassVar[str] = "classification"
    reads: ClassVar[str] = "classification"
    whole: ClassVar[bool] = False
    enough_steps: ClassVar[int] = 480
    epochs: ClassVar[tuple[int, int]] = (4, 40)
    batch: ClassVar[int] = 16
    label_smoothing: ClassVar[float] = 0.0
    scores_untuned: ClassVar[bool] = False
    from_scratch: bool = True
    kind: str
    labels: tuple[str, ...]
    registry: ClassVar[dict[str, type[Task]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            Task.registry[cls.name] = cls

    @classmethod
    @abstractmethod
    def plan(cls, kind: str, labels: Sequence[str], speech: Speech | None = None) -> Task:
        """Return the task for a data set's kind of target, the labels of its training split and its transcripts."""

    @classmethod
    @abstractmethod
    def restore(cls, config: PreTrainedConfig, folder: str | Path, text: Text) -> Task:
        """Return the task of a saved model, from its configuration and what `save` left beside it."""

    @property
    def language(self) -> str | None:
        """Return the language of the answers, where they are in one."""
        return None

    def resolved(self, text: Text) -> Text:
        """Return a recipe's settings of transcripts with what it left open decided; a classifier has none."""
        return text

    def hearing(self, adapter: Adapter) -> Adapter:
        """Return the adapter as the finished model hears it."""
        return adapter

    def searching(self, beam: Beam) -> Task:
        """Return the task with its answers searched for with a language model.

        Raises:
            InputError: its network does not write character by character, or the language model cannot be used.
        """
        raise InputError(
            f"A language model helps networks that write character by character (task ctc), and this one's task is "
            f"{self.name}; leave the language model out."
        )

    def save(self, adapter: Adapter, folder: Path) -> None:
        """Write what plain transformers needs beside the weights to prepare audio and read the answers."""
        adapter.save_extractor(folder)

    @property
    @abstractmethod
    def selection_metric(self) -> str:
        """Return the score by which the best checkpoint is chosen unless the recipe names another."""

    def defaults(self, adapter: Adapter) -> Mapping[str, Any]:
        """Return training settings that suit this task on a checkpoint of this size."""
        return {"learning_rate": adapter.learning_rate(self.head)}

    def adapt(self, adapter: Adapter, durations: NDArray[np.float64], window: float | None) -> Adapter:
        """Return the adapter with the window that suits training clips of these durations, in seconds.

        Without a `window` it is whole seconds that cover almost all clips; the few longer ones are cut into windows
        and their answers pooled, so that one long outlier does not make every clip as expensive as itself.
        """
        if window is None and len(durations):
            window = math.ceil(float(np.quantile(durations, COVERED))) or 1
        return adapter.with_window(window or adapter.longest_window)

    @abstractmethod
    def encode(self, targets: Sequence[Any]) -> NDArray[Any]:
        """Turn targets as read from the data into references, one row a clip."""

    def fault(self, target: Any, samples: int, adapter: Adapter) -> str | None:
        """Return why a training clip of that many samples cannot be learned from, or None."""
        return None

    def balanced_weights(self, references: NDArray[Any]) -> dict[str, float]:
        """Return a loss weight for each label that makes up for how rare it is in the references.

        Raises:
            InputError: the task has no classes to weigh.
        """
        raise InputError('class_weights="balanced" needs labels, and this task has none; leave it out.')

    def batch_labels(self, references: Sequence[Any], seconds: Sequence[float]) -> torch.Tensor:
        """Return what the loss compares with: (batch,), (batch, labels) or (batch, length); `seconds` are durations."""
        import torch

        return torch.as_tensor(np.asarray(references))

    @abstractmethod
    def build(
        self, adapter: Adapter, checkpoint: str, head: HeadSettings, revision: str | None = None
    ) -> PreTrainedModel:
        """Load a pretrained checkpoint with a head for this task."""

    @abstractmethod
    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a model that this task saved, head and all."""

    @abstractmethod
    def step(
        self, model: Any, inputs: Mapping[str, torch.Tensor], labels: torch.Tensor, head: HeadSettings
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the loss of a batch and the network's outputs."""

    @abstractmethod
    def respond(
        self, model: Any, adapter: Adapter, inputs: Mapping[str, torch.Tensor], outputs: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return what is kept of the network's answers to a batch, (batch, …); `outputs` are those of `step`."""

    @abstractmethod
    def predictions(self, responses: NDArray[Any], clips: NDArray[np.int64], count: int) -> NDArray[Any]:
        """Turn windows' responses into one prediction for each of `count` clips; `clips` says whose each window is."""

    @abstractmethod
    def points(self, predictions: NDArray[Any], references: NDArray[Any]) -> dict[str, float]:
        """Return the plain values of all scores over the whole set, for choosing a checkpoint."""

    @abstractmethod
    def columns(self, answers: Sequence[dict[str, Any]], references: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the columns that predictions.parquet holds for these answers."""

    @abstractmethod
    def proof(self, head: HeadSettings) -> str:
        """Return a Python program that prints, as JSON, what the model argv[1] makes of the stored wave argv[2]."""

    @abstractmethod
    def proved(self, model: Any, adapter: Adapter, wave: NDArray[np.float32]) -> Any:
        """Return what that program has to print for this model: numbers, or text."""

    @abstractmethod
    def attempts(
        self, model: Any, adapter: Adapter, chain: Chain, sources: Sequence[Any], top_k: int | None, words: bool
    ) -> Iterator[dict[str, Any] | AudioError]:
        """Yield for each recording its answer, cleaned by the chain, or the error that it cannot be read with.

        `top_k` keeps the likeliest labels only, `words` adds to a transcript when each word is said.
        """

    @abstractmethod
    def answer(self, prediction: Any) -> dict[str, Any]:
        """Return the prediction for one clip as a user reads it."""

    @abstractmethod
    def score(
        self,
        predictions: NDArray[Any],
        references: NDArray[Any],
        groups: Sequence[str | None] | None,
        seed: int = 0,
    ) -> dict[str, Score]:
        """Score predictions, with 95 % intervals."""

    def baselines(
        self, features: NDArray[np.float32], references: NDArray[Any], others: NDArray[np.float32]
    ) -> dict[str, NDArray[Any]]:
        """Return what methods without a network predict for clips with MFCC statistics `others`, by name.

        They learn from the training clips' statistics (clips, k) and references.
        """
        return {}

    def describe(self, references: Mapping[str, NDArray[Any]]) -> list[str]:
        """Return lines about the targets of each split, for the words said before training."""
        return []
