"""Networks with the head of a task: the checkpoint's own, or a new linear layer for labels of clips or frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audio_ft.models.frames import MARK
from audio_ft.tasks.base import Checkpoint, HeadSettings, Task


def pretrained(task: Task, checkpoint: Checkpoint, head: HeadSettings, **settings: Any) -> Any:
    """Load a checkpoint's weights in float32 with the head of a task, whose configuration `settings` change.

    A network without a checkpoint starts from random weights.

    Raises:
        InputError: they cannot be loaded.
    """
    from audio_ft.models.weights import load_network, new_network

    adapter = checkpoint.adapter
    settings |= head.mask
    if head.dropout is not None:
        settings |= adapter.dropout_settings(head.dropout)
    if checkpoint.name in adapter.names:
        settings.pop("ignore_mismatched_sizes", None)
        if adapter.fitted_at_once:
            return adapter.new_estimator(settings)
        return new_network(task.auto, adapter, settings)
    new = ("adapter_layer",) if head.language_adapter else ()
    return load_network(
        task.auto,
        checkpoint.name,
        adapter,
        checkpoint.revision,
        new_head=task.from_scratch,
        new=new,
        **settings,
    )


def labeled(task: Task, checkpoint: Checkpoint, head: HeadSettings, outputs: Sequence[str], problem_type: str) -> Any:
    """Load a checkpoint in float32 with a new layer for `outputs`, names of labels, of transformers' `problem_type`.

    Raises:
        InputError: the weights cannot be loaded.
    """
    import torch

    adapter, names = checkpoint.adapter, tuple(outputs)
    settings: dict[str, Any] = {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {label: index for index, label in enumerate(names)},
        "problem_type": problem_type,
        # Of a checkpoint that was fine-tuned for other labels only the encoder is used.
        "ignore_mismatched_sizes": True,
    }
    if adapter.pools_frames:
        settings["use_weighted_layer_sum"] = head.weighted_layers
    if head.weighted_layers:
        # A layer that layerdrop skips has no hidden states, and the weighted sum needs those of all layers.
        settings |= adapter.layerdrop_settings(0.0)
    model = pretrained(task, checkpoint, head, **settings)
    known = tuple((adapter.config.id2label or {}).values())
    if len(known) == len(names) and known != names:
        # Equally many but different labels: the old head would fit and mean something else.
        adapter.classifier(model).reset_parameters()
    if hasattr(model.config, MARK):
        delattr(model.config, MARK)
    if head.weighted_layers:
        # transformers leaves these weights uninitialized.
        torch.nn.init.constant_(model.layer_weights, 1 / len(model.layer_weights))
    return model
