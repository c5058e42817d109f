"""Run a network over clean windows: the one loop behind final scores, evaluation and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.inference.batching import Collator, Windows
    from audio_ft.models.base import Adapter, Features
    from audio_ft.tasks.base import Task

# What fills the shorter rows of responses that differ in length: no token and no class has this number.
NOTHING = -100


def responses_of(
    model: PreTrainedModel,
    task: Task,
    collator: Collator,
    windows: Windows,
    *,
    batch_size: int = 16,
    describe: str = "scoring",
) -> NDArray[Any]:
    """Return the task's responses (windows, …) in the order of the rows; like lengths are computed together."""
    from tqdm.auto import tqdm

    order = np.argsort(windows.lengths, kind="stable")
    parts: list[NDArray[Any]] = []
    with tqdm(total=len(order), desc=describe, unit="clip", delay=2, leave=False) as progress:
        for start in range(0, len(order), batch_size):
            places = order[start : start + batch_size]
            batch = collator(windows.__getitems__(places.tolist()))
            batch.pop("labels", None)
            batch.pop("index", None)
            parts.append(forward(model, task, collator.adapter, batch))
            progress.update(len(places))
    if not parts:
        return np.zeros((0, 1), np.float32)
    responses = stacked(parts)
    ordered = np.empty_like(responses)
    ordered[order] = responses
    return ordered


def stacked(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Return batches (batch, length) one below the other, the shorter ones filled up with `NOTHING`."""
    longest = max(part.shape[-1] for part in parts)
    rows = [np.pad(part, ((0, 0), (0, longest - part.shape[-1])), constant_values=NOTHING) for part in parts]
    return np.concatenate(rows)


def responses_to(model: PreTrainedModel, task: Task, adapter: Adapter, features: list[Features]) -> NDArray[Any]:
    """Return the task's responses (windows, …) to features made just now."""
    return forward(model, task, adapter, adapter.collate(features))


def forward(model: PreTrainedModel, task: Task, adapter: Adapter, batch: dict[str, Any]) -> NDArray[Any]:
    """Return the responses to one batch, in float32 and without gradients, whatever precision the training used."""
    import torch

    model.eval()
    with torch.inference_mode():
        responses = task.respond(model, adapter, {name: value.to(model.device) for name, value in batch.items()})
    return responses.cpu().numpy()
