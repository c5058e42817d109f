"""Classification of whole clips: one label, several labels, or a number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.targets import Label, Labels, Number, Target
from audio_ft.tasks.base import Checkpoint, HeadSettings, Task, pretrained
from audio_ft.tasks.objectives import Objective, objective_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from transformers import PreTrainedConfig, PreTrainedModel

    from audio_ft.models.base import Adapter
    from audio_ft.targets.transcripts import Text
    from audio_ft.tasks.base import Inputs, Tensor


@dataclass(frozen=True)
class Classification(Task):
    """Predict classes with a probability for each of them, or a number, from the pooled frames of a clip."""

    target: Target

    name = "classification"
    targets = (Labels, Number, Label)
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
        problem_type = config.problem_type or objective_of(Label).problem_type
        kind = next(kind for kind in cls.targets if objective_of(kind).problem_type == problem_type)
        names = [name for _, name in sorted((config.id2label or {}).items())]
        return cls(kind(tuple(names) if objective_of(kind).weighs_classes else ()))

    @property
    def objective(self) -> type[Objective]:
        """Return loss and activation of the target's kind."""
        return objective_of(type(self.target))

    @property
    def weighs_classes(self) -> bool:  # type: ignore[override]
        """Return whether the loss is over classes."""
        return self.objective.weighs_classes

    def build(self, checkpoint: Checkpoint, head: HeadSettings) -> PreTrainedModel:
        """Load a pretrained checkpoint in float32 with a new classification head.

        Raises:
            InputError: the checkpoint does not support the pooling, or its weights cannot be loaded.
        """
        import torch
        from transformers import AutoModelForAudioClassification

        from audio_ft.models.pooling import install_pooling

        adapter, outputs = checkpoint.adapter, self.target.outputs
        settings: dict[str, Any] = {
            "num_labels": len(outputs),
            "id2label": dict(enumerate(outputs)),
            "label2id": {label: index for index, label in enumerate(outputs)},
            "problem_type": self.objective.problem_type,
            # Of a checkpoint that was fine-tuned for other labels only the encoder is used.
            "ignore_mismatched_sizes": True,
            **head.mask,
        }
        if adapter.pools_frames:
            settings["use_weighted_layer_sum"] = head.weighted_layers
        elif head.weighted_layers or head.pooling != "mean":
            raise InputError(
                f"pooling and weighted_layers: {adapter.name} checkpoints have their own pooling; leave both out."
            )
        if head.weighted_layers:
            # A layer that layerdrop skips has no hidden states, and the weighted sum needs those of all layers.
            settings |= adapter.layerdrop_settings(0.0)
        if head.dropout is not None:
            settings |= adapter.dropout_settings(head.dropout)
        model = pretrained(AutoModelForAudioClassification, checkpoint, **settings)
        known = tuple((adapter.config.id2label or {}).values())
        if len(known) == len(outputs) and known != outputs:
            # Equally many but different labels: the old head would fit and mean something else.
            adapter.classifier(model).reset_parameters()
        if head.weighted_layers:
            # transformers leaves these weights uninitialized.
            torch.nn.init.constant_(model.layer_weights, 1 / len(model.layer_weights))
        install_pooling(model, adapter, head.pooling)
        return adapter.fit(model)

    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a saved classifier; poolings that plain transformers lacks are installed before its weights."""
        import torch
        from safetensors.torch import load_file
        from transformers import AutoConfig, AutoModelForAudioClassification

        from audio_ft.models.pooling import install_pooling

        # Read from the folder, since the adapter may be that of the initial checkpoint.
        pooling = getattr(AutoConfig.from_pretrained(folder), "audio_ft_pooling", "mean")
        model = AutoModelForAudioClassification.from_pretrained(
            folder, dtype=torch.float32, ignore_mismatched_sizes=pooling != "mean"
        )
        if pooling != "mean":
            install_pooling(model, adapter, pooling)
            model.load_state_dict(load_file(Path(folder) / "model.safetensors"), strict=True)
        return adapter.fit(model)

    def loss(self, model: Any, inputs: Inputs, labels: Tensor, head: HeadSettings) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch and its logits (batch, outputs)."""
        logits = model(**inputs).logits
        return self.objective.loss(logits.float(), labels, head, self.target.outputs), logits

    def predict_step(self, model: Any, adapter: Adapter, inputs: Inputs, outputs: Tensor | None = None) -> Tensor:
        """Return the logits float32 (batch, outputs)."""
        return (model(**inputs).logits if outputs is None else outputs).float()

    def predictions(self, outputs: NDArray[Any], clips: NDArray[np.int64], count: int) -> NDArray[Any]:
        """Average the windows' logits over each clip, then return probabilities (clips, labels) or numbers (clips,)."""
        sums = np.zeros((count, outputs.shape[-1]), np.float64)
        np.add.at(sums, clips, outputs)
        return self.objective.activate(sums / np.maximum(np.bincount(clips, minlength=count), 1)[:, None])
