"""The training settings that a recipe leaves open, chosen from checkpoint, data and hardware."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from audio_ft.metrics import direction
from audio_ft.system import available_cores, device_names, pick_device, precision
from audio_ft.training.arguments import strategies

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task

# What of TrainingArguments decides the weights, whoever chose it; precision, seed and freezing are recorded elsewhere.
DECIDING = (
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "lr_scheduler_type",
    "warmup_steps",
    "weight_decay",
    "optim",
    "max_grad_norm",
)


def automatic_settings(recipe: Recipe, adapter: Adapter, task: Task, rows: int, metric: str) -> dict[str, Any]:
    """Return TrainingArguments settings for `rows` training windows; the recipe's own go above them.

    With few clips the number of epochs rises until enough optimizer steps are made: with fewer, heads on hundreds of
    clips stay near chance (the step-budget trap of public walk-throughs).
    """
    device = "cpu" if recipe.training.get("use_cpu") else pick_device()
    chosen = precision(recipe.precision, device)
    batch = int(recipe.training.get("per_device_train_batch_size", task.batch))
    accumulation = int(recipe.training.get("gradient_accumulation_steps", 1))
    processes = max(len(device_names()), 1) if device == "cuda" else 1  # Trainer spreads a batch over these only
    steps = max(1, math.ceil(rows / (batch * accumulation * processes)))
    cores = available_cores() // processes
    fewest, most = task.epochs
    return {
        **task.defaults(adapter),
        # A few new weights beside those that stand still take far larger steps.
        **({"learning_rate": 1e-3} if recipe.peft else {}),
        "per_device_train_batch_size": batch,
        "per_device_eval_batch_size": 2 * batch,
        "num_train_epochs": min(most, max(fewest, math.ceil(task.enough_steps / steps))),
        "warmup_steps": 0.1,
        "weight_decay": 0.01,
        **strategies(recipe.training, every=steps),
        "save_total_limit": 1,
        "metric_for_best_model": metric,
        # Left alone, Trainer believes that every score is better when higher and keeps the worst checkpoint by error
        # rate.
        "greater_is_better": direction(metric),
        "logging_steps": max(1, min(50, steps // 4)),
        "logging_nan_inf_filter": False,
        "report_to": "none",
        # Our own screen takes the place of Trainer's bars and printed dictionaries.
        "disable_tqdm": True,
        # Without it early stopping counts from zero after a resume, and the resumed run differs from an uninterrupted
        # one.
        "restore_callback_states_from_checkpoint": True,
        # bf16 on a processor is refused unless the processor is named.
        "use_cpu": device == "cpu",
        # A recipe that asks for the one does not mean the other as well.
        "bf16": chosen == "bf16" and not recipe.training.get("fp16"),
        "fp16": chosen == "fp16" and not recipe.training.get("bf16"),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        # One worker per spare core where the accelerator would wait for features; a CPU training needs its cores
        # itself.
        "dataloader_num_workers": min(8, max(cores - 1, 0)) if device == "cuda" else 0,
        "dataloader_pin_memory": device == "cuda",
        "dataloader_persistent_workers": False,
        # Layers asleep, or skipped by layerdrop, leave parameters without a gradient.
        "ddp_find_unused_parameters": recipe.freeze == "gradual" or adapter.skips_layers,
    }


def used_settings(arguments: TrainingArguments, head_rate: float | None) -> dict[str, Any]:
    """Return by name the settings that a training really used; `clips_per_step` counts all devices.

    `head_rate` is the learning rate of the head, None where the optimizer knows no rate of its own for it.
    """
    used = {name: getattr(arguments, name) for name in DECIDING}
    # Trainer looks at one of the two.
    del used["num_train_epochs" if arguments.max_steps > 0 else "max_steps"]
    devices = max(arguments.world_size, 1)
    used["clips_per_step"] = arguments.train_batch_size * arguments.gradient_accumulation_steps * devices
    if head_rate is not None:
        used["head_learning_rate"] = head_rate
    return {name: getattr(value, "value", value) for name, value in used.items()}
