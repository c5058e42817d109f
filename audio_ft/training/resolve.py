"""Resolve a recipe: decide every setting that it leaves open, and refuse what cannot work, with the reason.

`resolve_input` decides what cleaning needs to know, from the headers of the recordings; `resolve` the rest, once the
training clips are clean. Each value remembers its origin: "recipe", or "default: " and the reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audio_ft.augmentation import Noise, Speed
from audio_ft.errors import InputError
from audio_ft.tasks.base import HeadSettings
from audio_ft.training.compatibility import refuse_head, refuse_unused
from audio_ft.training.defaults import HALVED, RECIPE, Value, default, training_defaults

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import TrainingArguments

    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task

# Ten hours, in seconds: below it, training clips are changed unless the recipe says otherwise.
LITTLE_AUDIO = 36_000.0
LITTLE_AUDIO_AUGMENT = (Speed(probability=1.0), Noise(snr=(10.0, 30.0)))
# A new head is untrained and the layers below it are not; with one rate the head lags or the layers forget.
HEAD_FACTOR = 10.0
# The TrainingArguments that decide the weights; precision, seed and freezing are recorded elsewhere.
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
# Automatic choices that are logged before training; run.json has all of them.
LOGGED = ("window", "augment", "learning_rate", "num_train_epochs", "per_device_train_batch_size", "metric")


@dataclass(frozen=True)
class Input:
    """Hold a recipe whose task, transcripts, window and augmentation are decided, and the adapter with that window."""

    recipe: Recipe
    adapter: Adapter
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Facts:
    """Hold what the other settings depend on, known once the training clips are clean.

    Attributes:
        rows: windows that one epoch draws.
        typical_length: samples of the median window.
        targets: the encoded targets, one row a clip.
    """

    rows: int
    typical_length: int
    targets: NDArray[Any]


@dataclass(frozen=True)
class Resolved:
    """Hold every setting of a training.

    Attributes:
        head: what the task builds head and loss from.
        training: the settings of TrainingArguments by name.
        others: window, augmentation, metric and the learning rate of the head, by name.
    """

    head: HeadSettings
    training: Mapping[str, Value]
    others: Mapping[str, Value] = field(default_factory=dict)

    @property
    def metric(self) -> str:
        """Return the score that chooses the best checkpoint."""
        return str(self.others["metric"].value)

    def arguments(self) -> dict[str, Any]:
        """Return the settings of TrainingArguments as plain values."""
        return {name: value.value for name, value in self.training.items()}

    def halved(self) -> Resolved:
        """Return the settings with half the clips at a time and twice the accumulation: the steps stay the same."""
        batch, evaluated = "per_device_train_batch_size", "per_device_eval_batch_size"
        half = {name: Value(max(1, int(self.training[name].value) // 2), HALVED) for name in (batch, evaluated)}
        accumulation = 2 * int(self.training["gradient_accumulation_steps"].value)
        changed = {**self.training, **half, "gradient_accumulation_steps": Value(accumulation, HALVED)}
        return dataclasses.replace(self, training=changed)

    def used(self, arguments: TrainingArguments, head_rate: float | None) -> dict[str, dict[str, Any]]:
        """Return {name: {value, origin}} of what decided the weights; `clips_per_step` counts all devices.

        `head_rate` is the head's learning rate, None where the optimizer knows no rate of its own for it.
        """
        names = [name for name in DECIDING if name != ("num_train_epochs" if arguments.max_steps > 0 else "max_steps")]
        used = {}
        for name in names:
            value = getattr(arguments, name)
            origin = self.training[name].origin if name in self.training else default(None, "of transformers").origin
            used[name] = Value(getattr(value, "value", value), origin)
        clips = arguments.train_batch_size * arguments.gradient_accumulation_steps * max(arguments.world_size, 1)
        used["clips_per_step"] = default(clips, "batch size x accumulation x devices")
        if head_rate is not None:
            used["head_learning_rate"] = Value(head_rate, self.others["head_learning_rate"].origin)
        used["metric"] = self.others["metric"]
        return {name: dataclasses.asdict(value) for name, value in used.items()}

    def describe(self) -> str:
        """Return one line about what was chosen automatically, and why."""
        values = {**self.others, **self.training}
        chosen = {name: values[name] for name in LOGGED if values[name].origin != RECIPE}
        return "; ".join(
            " ".join(filter(None, (name, value.shown(), f"({value.reason})"))) for name, value in chosen.items()
        )


def resolve_input(recipe: Recipe, adapter: Adapter, task: Task, durations: NDArray[Any], seconds: float) -> Input:
    """Decide window and augmentation, from the `durations` of training clips and the `seconds` of all of them.

    Little audio means few voices; other speeds (which move pitch and formants as another speaker would) and some noise
    stand in for the missing ones. Large sets have them, and keep their features in the cache.

    Raises:
        InputError: a setting that this task makes no use of, or a window that the checkpoint does not have.
    """
    refuse_unused(recipe, task)
    refuse_head(recipe, task)
    adapter = task.fit_window(adapter, durations, recipe.window)
    if recipe.window and recipe.window > adapter.window:
        raise InputError(
            f"window={recipe.window:g}: here the network takes {adapter.window:g} s at once at most; longer recordings "
            "are cut. Take that or less, or leave window out."
        )
    # A window that follows each batch has no name: written down, it would be the same for all when trained again.
    window = None if adapter.dynamic_window else adapter.window
    held = default(
        window,
        "as long as the longest clip of each batch" if window is None else "in seconds, to hold the training clips",
    )
    few = f"under {LITTLE_AUDIO / 3600:.0f} hours of audio"
    usual = default(LITTLE_AUDIO_AUGMENT, few) if seconds < LITTLE_AUDIO else default((), f"not {few}")
    values = {
        "window": Value(window, RECIPE) if recipe.window else held,
        "augment": usual if recipe.augment is None else Value(recipe.augments, RECIPE),
    }
    resolved = recipe.replace(task=task.name, text=task.target.text, augment=values["augment"].value, window=window)
    return Input(resolved, adapter, values)


def resolve(given: Input, task: Task, facts: Facts) -> Resolved:
    """Decide all that is left, from the clean training clips.

    Raises:
        InputError: no score has the name of the metric, or class weights for targets without classes.
    """
    recipe, adapter = given.recipe, given.adapter
    # Trainer's own name for the same choice counts too: its direction must follow.
    asked = recipe.training.get("metric_for_best_model") or recipe.metric
    usual = default(task.selection_metric, f"usual for task {task.name}")
    metric = Value(str(asked).removeprefix("eval_"), RECIPE) if asked else usual
    training = training_defaults(recipe, adapter, task, facts.rows, str(metric.value))
    training |= {name: Value(value, RECIPE) for name, value in recipe.training.items()}
    rate = training["learning_rate"].value
    learned = (
        default(rate * HEAD_FACTOR, "ten times learning_rate") if task.from_scratch else default(rate, "as below it")
    )
    head_rate = Value(recipe.head_learning_rate, RECIPE) if recipe.head_learning_rate else learned
    others = {**given.values, "metric": metric, "head_learning_rate": head_rate}
    return Resolved(_head(recipe, adapter, task, facts), training, others)


def _head(recipe: Recipe, adapter: Adapter, task: Task, facts: Facts) -> HeadSettings:
    """Return the head settings with class weights and mask lengths filled in from the training split."""
    smoothing = recipe.training.get("label_smoothing_factor")
    weights = recipe.class_weights
    return HeadSettings(
        pooling=recipe.pooling,
        weighted_layers=recipe.weighted_layers,
        dropout=recipe.dropout,
        loss=recipe.loss,
        focal_gamma=recipe.focal_gamma,
        label_smoothing=task.label_smoothing if smoothing is None else float(smoothing),
        class_weights=task.target.balanced_weights(facts.targets) if isinstance(weights, str) else weights,
        mask=adapter.mask_settings(recipe.augments, facts.typical_length),
        language_adapter=recipe.peft == "adapter",
    )
