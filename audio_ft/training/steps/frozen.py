"""Frozen parts once: the vectors that an encoder makes of clips, where neither it nor the clips change in training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.formatting import format_size
from audio_ft.inference.embeddings import layer_vectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from transformers import TrainingArguments

    from audio_ft.inference.batching import Windows
    from audio_ft.tasks.base import Task
    from audio_ft.training.resolving.resolve import Resolved
    from audio_ft.training.setup import Prepared


@dataclass(frozen=True)
class Vectors:
    """Serve the pooled vectors of windows, (windows, width), and their encoded targets, as a data set for Trainer."""

    vectors: NDArray[Any]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, index: int) -> tuple[NDArray[Any], Any, int]:
        """Return vector, target and index; one past the end is a repetition (see BucketSampler)."""
        return self.vectors[index % len(self)], self.targets[index % len(self)], index

    def __getitems__(self, indices: list[int]) -> list[tuple[NDArray[Any], Any, int]]:
        """Return several of them."""
        return [self[index] for index in indices]


@dataclass
class VectorCollator:
    """Turn what `Vectors` serves into a batch; `epoch` is set by the trainer and changes nothing."""

    task: Task
    epoch: int = 0

    def __call__(self, rows: Sequence[tuple[NDArray[Any], Any, int]]) -> dict[str, Any]:
        """Return {pooled, labels, index}."""
        import torch

        vectors, targets, indices = zip(*rows, strict=True)
        return {
            "pooled": torch.from_numpy(np.stack(vectors).astype(np.float32)),
            "labels": self.task.batch_labels(targets, [0.0] * len(rows)),
            "index": torch.as_tensor(indices),
        }


def why_each_epoch(prepared: Prepared, resolved: Resolved, model: Any, arguments: TrainingArguments) -> str:
    """Return why the frozen encoder has to be run in each epoch; "" if its vectors can be computed once."""
    recipe, adapter, config = prepared.recipe, prepared.adapter, model.config
    dropouts = [name for name in adapter.dropout_settings(0.0) if getattr(config, name)]
    masks = getattr(config, "apply_spec_augment", False) and (config.mask_time_prob or config.mask_feature_prob)
    reasons = {
        "the head pools frames in a way of its own": not adapter.pools_frames or resolved.head.pooling != "mean",
        "the head weighs layers": resolved.head.weighted_layers,
        "augment changes the clips (augment=[] does not)": bool(recipe.augments),
        "SpecAugment masks the frames": bool(masks),
        f"{', '.join(dropouts[:2])} is on below the head (dropout=0 turns it off)": bool(dropouts),
        "layerdrop skips layers": adapter.skips_layers,
        "several processes share the work": arguments.world_size > 1,
        "the clips are streamed": prepared.cleaned["train"].shuffled,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def computed_once(prepared: Prepared, model: Any, arguments: TrainingArguments) -> dict[str, Vectors]:
    """Return the vectors of the training and validation windows, and let the network take them as `pooled`.

    They are kept in half precision, unless one is too large for it.
    """
    found = {}
    model.to(arguments.device).eval()
    for split in ("train", "validation"):
        windows: Windows = prepared.windows(split)
        rows, last = np.arange(len(windows)), [len(prepared.adapter.layers(model))]
        vectors = layer_vectors(model, prepared.adapter, windows, rows, layers=last, bf16=arguments.bf16)[:, 0]
        half = vectors.astype(np.float16)
        found[split] = Vectors(half if np.isfinite(half).all() else vectors, prepared.targets[split][windows.clips])
    _take_vectors(model)
    return found


def described(kept: dict[str, Vectors]) -> str:
    """Return a line on what was computed once."""
    size = sum(vectors.vectors.nbytes for vectors in kept.values())
    count = sum(map(len, kept.values()))
    return f"frozen      the encoder was run once: {count:,} windows, {format_size(size)} of memory, reused each epoch"


def _take_vectors(model: Any) -> None:
    """Let a network that averages frames compute its logits from `pooled`, (batch, width), in place."""
    from transformers.modeling_outputs import SequenceClassifierOutput

    whole = model.forward

    def forward(*inputs: Any, pooled: Any = None, **named: Any) -> Any:
        if pooled is None:
            return whole(*inputs, **named)
        # The projection is linear, so it may come after the average.
        return SequenceClassifierOutput(logits=model.classifier(model.projector(pooled)))

    model.forward = forward
