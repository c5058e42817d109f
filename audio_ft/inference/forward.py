"""Run a network on clean windows, for scores in training and evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.tasks.base import NO_TOKEN, forward

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.inference.batching import Collator, Windows
    from audio_ft.tasks.base import Task

BATCH = 16


def outputs_of(
    model: PreTrainedModel, task: Task, collator: Collator, windows: Windows, *, describe: str = "scoring"
) -> NDArray[Any]:
    """Return a task's outputs (windows, …) in the order of the rows; similar lengths are computed together."""
    from tqdm.auto import tqdm

    order = np.argsort(windows.lengths, kind="stable")
    parts: list[NDArray[Any]] = []
    with tqdm(total=len(order), desc=describe, unit="clip", delay=2, leave=False) as progress:
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = collator(windows.__getitems__(rows.tolist()))
            batch.pop("labels", None)
            batch.pop("index", None)
            parts.append(forward(model, task, collator.adapter, batch))
            progress.update(len(rows))
    if not parts:
        return np.zeros((0, 1), np.float32)
    outputs = stacked(parts)
    ordered = np.empty_like(outputs)
    ordered[order] = outputs
    return ordered


def stacked(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Return batches (batch, length) as one array, the shorter ones padded with `NO_TOKEN`."""
    longest = max(part.shape[-1] for part in parts)
    rows = [np.pad(part, ((0, 0), (0, longest - part.shape[-1])), constant_values=NO_TOKEN) for part in parts]
    return np.concatenate(rows)
