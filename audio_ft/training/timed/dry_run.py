"""Dry runs: what clips cost that are scored and steps that train, and the batch size, measured before a training."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.evaluation.baselines import MAX_ROWS
from audio_ft.inference.batching import BATCH, Collator
from audio_ft.system.machine import available_cores
from audio_ft.tasks.base import forward
from audio_ft.training.resolving.defaults import RECIPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from transformers import TrainingArguments

    from audio_ft.training.resolving.resolve import Resolved
    from audio_ft.training.setup import Prepared

# A larger batch is taken where it saves this share of the time of each clip: it also means fewer steps.
SAVED = 0.25
# Seconds of a clip's features on one core, and of intervals and the check of the saved model, on two cores of an EPYC:
# as exact as a forecast needs to be that is made again once the baselines are known.
FEATURES, CHECKS = 0.002, 1.5


@dataclass(frozen=True)
class Costs:
    """Forecast in seconds what lies around the training.

    Attributes:
        clip: scoring one window.
        ending: saving and loading the model, scoring validation and test split, and the check of the saved model.
        evaluation: validation and a checkpoint.
        building: loading the checkpoint.
        probe: the linear probe on all training windows; 0 for tasks without one.
        baselines: the baselines, and the scores of a checkpoint that is scored untuned.
    """

    clip: float
    ending: float
    evaluation: float
    building: float
    probe: float
    baselines: float

    @classmethod
    def measured(cls, prepared: Prepared, model: Any, building: float) -> Costs:
        """Return the costs for a network that was built in so many seconds."""
        clip, task = seconds_a_clip(prepared, model), prepared.task
        probes = task.probes and prepared.recipe.probe and not prepared.adapter.from_scratch
        train, validation, test = (len(prepared.windows(split)) for split in ("train", "validation", "test"))
        return cls(
            clip=clip,
            ending=clip * (validation + test) + 2 * building + CHECKS,
            evaluation=clip * validation + building,
            building=building,
            probe=clip * (min(train, MAX_ROWS) + validation + test) * probes,
            baselines=FEATURES * (train + test) / available_cores() + clip * test * task.scores_untuned,
        )


def seconds_a_clip(prepared: Prepared, model: Any) -> float:
    """Return the seconds of a validation window as it is scored, from a batch of short, typical and long ones each."""
    windows, adapter, task = prepared.windows("validation"), prepared.adapter, prepared.task
    collator = Collator(task.inference_adapter(adapter), task)
    thirds = np.array_split(np.argsort(windows.lengths, kind="stable"), 3)
    batches = [third[:BATCH] for third in thirds if len(third)]
    seconds: list[float] = []
    for rows in (batches[0], *batches):
        began = time.monotonic()
        batch = collator(windows.__getitems__(rows.tolist()))
        inputs = {name: value for name, value in batch.items() if name not in ("labels", "index")}
        forward(model, task, collator.adapter, inputs)
        seconds.append(time.monotonic() - began)
    # The first one also loads kernels and memory.
    return sum(seconds[1:]) / sum(map(len, batches))


def seconds_a_step(
    prepared: Prepared, resolved: Resolved, model: Any, arguments: TrainingArguments, size: int
) -> float:
    """Return the seconds of an optimizer step on a typical batch of `size` clips; inf where memory is too small.

    It runs on the longest clips, which need the most memory; the others are shorter by what the network is spared.
    """
    import torch

    windows, adapter = prepared.windows("train"), prepared.adapter
    received = np.maximum(windows.lengths, round(adapter.fewest_seconds * adapter.sample_rate))
    longest = np.argsort(received)[::-1][:size]
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=0.0)  # which leaves the weights as they are
    try:
        step = _step(prepared, resolved, model, arguments, longest, optimizer)
        seconds = min(step() for _ in range(2))
    except torch.OutOfMemoryError:
        return math.inf
    return seconds * float(received.mean() / received[longest].mean()) * size / len(longest)


def _step(
    prepared: Prepared,
    resolved: Resolved,
    model: Any,
    arguments: TrainingArguments,
    rows: NDArray[np.int64],
    optimizer: Any,
) -> Callable[[], float]:
    """Return a function that takes one step on some training windows, and returns its seconds."""
    import torch

    device, windows = arguments.device, prepared.windows("train")
    recipe, adapter, task = prepared.recipe, prepared.adapter, prepared.task
    collator = Collator(adapter.masking(resolved.head.mask), task, recipe.augments, seed=recipe.seed, training=True)
    kind = torch.float16 if arguments.fp16 else torch.bfloat16
    model.to(device).train()

    def step() -> float:
        began = time.monotonic()
        batch = {name: value.to(device) for name, value in collator(windows.__getitems__(rows.tolist())).items()}
        labels, _ = batch.pop("labels"), batch.pop("index")
        with torch.autocast(device.type, kind, enabled=arguments.bf16 or arguments.fp16):
            loss, _ = task.loss(model, batch, labels, resolved.head)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.monotonic() - began

    return step


def best_size(resolved: Resolved, measure: Callable[[int], float], most: int) -> tuple[int, float]:
    """Return the batch size to train with, at most `most` unless the recipe sets it, and the seconds of its step.

    `measure` returns the seconds of a step with so many clips, inf where memory is too small.
    """
    setting = resolved.training["per_device_train_batch_size"]
    size = int(setting.value)
    seconds = measure(size)
    while math.isinf(seconds) and size > 1:
        size //= 2
        seconds = measure(size)
    while setting.origin != RECIPE and 2 * size <= most:
        twice = measure(2 * size)
        if twice / 2 > (1 - SAVED) * seconds:
            break
        size, seconds = 2 * size, twice
    return size, seconds
