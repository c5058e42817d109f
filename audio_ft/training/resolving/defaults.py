"""Defaults for the TrainingArguments that a recipe leaves open, each with its reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.metrics import direction
from audio_ft.system.machine import available_cores, device_names, pick_device, precision, processes
from audio_ft.training.resolving.arguments import strategies

if TYPE_CHECKING:
    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task

RECIPE = "recipe"
HALVED = "default: memory was too small for more clips at once"
RESUMED = "default: its steps take as many clips as before"
OUR_REASON = "how audio_ft runs Trainer"
OUR_OWN = f"default: {OUR_REASON}"
# The learning rate with `peft`: few new weights next to frozen ones need far larger steps.
PEFT_LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Value:
    """Hold the value of a setting and its origin: "recipe", or "default: " and the reason."""

    value: Any
    origin: str

    def __str__(self) -> str:
        """Return the value and the reason of a default: "0.001 (suits hubert of this size)"."""
        text = f"{self.value:g}" if isinstance(self.value, float) else str(self.value)
        if isinstance(self.value, tuple):
            text = ", ".join(type(item).__name__ for item in self.value) or "none"
        reason = f"({self.origin.partition(': ')[2]})"
        return reason if self.value is None else f"{text} {reason}"


def default(value: Any, reason: str) -> Value:
    """Return a value that was chosen for a reason."""
    return Value(value, f"default: {reason}")


def devices(device: str) -> tuple[int, int]:
    """Return how many devices of a kind share a step: on all machines, and on this one."""
    everywhere, here = processes()
    # Without a launcher, Trainer spreads a batch over the GPUs of this machine.
    return (max(len(device_names()), 1),) * 2 if everywhere == 1 and device == "cuda" else (everywhere, here)


def sharing(clips: int, batch: int, everywhere: int) -> dict[str, Value]:
    """Return batch size and accumulation with which so many devices take `clips` a step, `batch` at a time at most.

    Raises:
        InputError: they cannot take equal shares.
    """
    share, rest = divmod(clips, everywhere)
    if rest:
        raise InputError(
            f"The training that goes on here takes {clips} clips a step, which {everywhere} devices cannot share "
            "equally; take another number of them."
        )
    size = max(size for size in range(1, min(batch, share) + 1) if share % size == 0)
    pieces = {"per_device_train_batch_size": size, "gradient_accumulation_steps": share // size}
    return {name: Value(value, RESUMED) for name, value in pieces.items()}


def training_defaults(
    recipe: Recipe, adapter: Adapter, task: Task, rows: int, metric: str, clips: int | None = None
) -> dict[str, Value]:
    """Return settings of TrainingArguments for `rows` training windows; the recipe's own go above them.

    A training that goes on takes `clips` a step, as before.
    """
    device = "cpu" if recipe.training.get("use_cpu") else pick_device()
    everywhere, here = devices(device)
    batch = int(recipe.training.get("per_device_train_batch_size", task.batch))
    accumulation = int(recipe.training.get("gradient_accumulation_steps", 1))
    steps = max(1, math.ceil(rows / (clips or batch * accumulation * everywhere)))
    groups: dict[str, dict[str, Any]] = {
        f"suits {adapter.name} of this size": {"learning_rate": adapter.learning_rate(task.head)},
        f"usual for task {task.name}": {"per_device_train_batch_size": batch},
        "twice the training batch": {"per_device_eval_batch_size": 2 * batch},
        "none needed": {"gradient_accumulation_steps": accumulation},
        "a tenth of the steps": {"warmup_steps": 0.1},
        "usual with AdamW": {"weight_decay": 0.01},
        "evaluation and saving go together": strategies(recipe.training, every=steps),
        # By default Trainer maximizes every score, and would keep the worst checkpoint by error rate.
        "the best checkpoint is kept": {
            "save_total_limit": 1,
            "metric_for_best_model": metric,
            "greater_is_better": direction(metric),
        },
        "four times an epoch at least": {"logging_steps": max(1, min(50, steps // 4))},
        "this machine": for_machine(recipe, device, available_cores() // here),
        OUR_REASON: for_trainer(recipe, adapter),
    }
    found = {name: default(value, reason) for reason, group in groups.items() for name, value in group.items()}
    if recipe.peft:
        found["learning_rate"] = default(PEFT_LEARNING_RATE, f"peft={recipe.peft} trains few new weights")
    seed = Value(recipe.seed, RECIPE)
    return {**found, "num_train_epochs": epochs(task, steps, adapter.more_steps), "seed": seed, "data_seed": seed}


def epochs(task: Task, steps: int, more: int = 1) -> Value:
    """Return the number of epochs, of `steps` optimizer steps each; `more` is `Adapter.more_steps`."""
    # More for fewer clips: with too few steps, heads on hundreds of clips stay near chance.
    fewest, most = (more * number for number in task.epochs)
    wanted = math.ceil(more * task.enough_steps / steps)
    if wanted <= fewest:
        return default(fewest, f"{fewest} epochs at least")
    if wanted > most:
        return default(most, f"{most} at most")
    return default(wanted, f"{more * task.enough_steps} steps at least")


def for_machine(recipe: Recipe, device: str, cores: int) -> dict[str, Any]:
    """Return the settings that depend on the machine, with `cores` for each process."""
    chosen = precision(recipe.precision, device)
    on_cuda = device == "cuda"
    return {
        # TrainingArguments refuses bf16 on a CPU without use_cpu.
        "use_cpu": device == "cpu",
        # A recipe that sets one of the two excludes the other.
        "bf16": chosen == "bf16" and not recipe.training.get("fp16"),
        "fp16": chosen == "fp16" and not recipe.training.get("bf16"),
        # One worker per spare core where an accelerator would wait for features; without one, training needs all cores.
        "dataloader_num_workers": min(8, max(cores - 1, 0)) if on_cuda else 0,
        "dataloader_pin_memory": on_cuda,
    }


def for_trainer(recipe: Recipe, adapter: Adapter) -> dict[str, Any]:
    """Return the settings that audio_ft relies on."""
    return {
        "logging_nan_inf_filter": False,
        "report_to": "none",
        # audio_ft shows its own progress instead of Trainer's bars and printed dictionaries.
        "disable_tqdm": True,
        # Otherwise early stopping counts from zero after a resume, unlike in an uninterrupted run.
        "restore_callback_states_from_checkpoint": True,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "dataloader_persistent_workers": False,
        # Frozen layers, and those skipped by layerdrop, leave parameters without a gradient.
        "ddp_find_unused_parameters": recipe.freeze == "gradual" or adapter.skips_layers,
    }
