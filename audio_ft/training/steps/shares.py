"""One optimizer step in several pieces: on many devices, in smaller batches one after the other, or both.

The loss of a step is the mean over all its clips, tokens or frames, as it would be in one batch. The mean of the means
of its pieces is another one where they differ in size: in tokens of transcripts, or in clips of an epoch's last step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from audio_ft.tasks.base import HeadSettings, Task
    from audio_ft.training.steps.sampler import BucketSampler

# In a batch: over how much its loss is a mean.
WEIGHT = "weight"


def weigh(batches: list[dict[str, Any]], task: Task, head: HeadSettings, accelerator: Accelerator) -> torch.Tensor:
    """Write into each batch of a step its weight, and return the sum over all processes."""
    import torch

    for batch in batches:
        weight = batch.get(WEIGHT, 1.0) * task.loss_weight(batch["labels"], head)
        batch[WEIGHT] = torch.as_tensor(weight, dtype=torch.float32, device=accelerator.device)
    own = torch.stack([batch[WEIGHT] for batch in batches]).sum()
    return accelerator.reduce(own, reduction="sum")  # type: ignore[no-any-return]


def share_of(loss: torch.Tensor, weight: torch.Tensor, whole: torch.Tensor, processes: int) -> torch.Tensor:
    """Return what a batch adds to the loss of its step, times the processes, over which gradients are averaged."""
    return loss * (weight / whole * processes)


def without_repeats(batch: dict[str, Any], sampler: BucketSampler, size: int, accelerator: Accelerator) -> None:
    """Remove from the last batch of an epoch the clips of its start, with which Accelerate fills the last round.

    Each process gets a batch of `size` clips there, however few are left. One that would have none keeps a clip, which
    counts nothing, because all processes must take part in a step.
    """
    left = len(sampler) % (size * accelerator.num_processes) or size * accelerator.num_processes
    own = min(max(left - size * accelerator.process_index, 0), size)
    for name, value in batch.items():
        batch[name] = value[: max(own, 1)]
    if own == 0:
        batch[WEIGHT] = 0.0
