"""Resolve a recipe: decide every setting that it leaves open, in two steps once the training clips are clean.

`resolve_input` decides window and augmentation, `resolve` the rest; refusals.py has refused before what cannot work.
Each value remembers its origin: "recipe", or "default: " and the reason.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.augmentation import Noise, Speed
from audio_ft.augmentation.base import apply_wave, generator
from audio_ft.system.machine import pick_device
from audio_ft.tasks.base import HeadSettings
from audio_ft.training.resolving.arguments import clips_a_step
from audio_ft.training.resolving.defaults import HALVED, RECIPE, Value, default, devices, sharing, training_defaults

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import TrainingArguments

    from audio_ft.augmentation.base import Augment
    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task

# Ten hours, in seconds: below it, training clips are changed unless the recipe says otherwise.
LITTLE_AUDIO = 36_000.0
LITTLE_AUDIO_AUGMENT = (Speed(probability=1.0), Noise(snr=(10.0, 30.0)))
# Of augmentation, to see how long it makes clips, and how many of the lengths are kept.
DRAWS, KEPT_DRAWS = 64, 9
# Clips of two seconds would all be padded to three, since Whisper's window is whole seconds: 38 % padding instead of 8,
# half as much work again, and a frozen probe falls from .90 to .87 on the validation split of emotion_de.
ROOM = 1.25
# A new head is untrained and the layers below it are not; with one rate the head lags or the layers forget.
HEAD_FACTOR = 10.0
# The TrainingArguments that decide the weights; precision, seed and freezing are recorded elsewhere.
STEPS = ("learning_rate", "num_train_epochs", "max_steps", "per_device_train_batch_size", "gradient_accumulation_steps")
DECIDING = (*STEPS, "lr_scheduler_type", "warmup_steps", "weight_decay", "optim", "max_grad_norm")
# Automatic choices that are logged before training; run.json has all of them.
LOGGED = ("window", "augment", "learning_rate", "num_train_epochs", "per_device_train_batch_size", "metric")


@dataclass(frozen=True)
class Input:
    """Hold a recipe whose task, transcripts, window and augmentation are decided, and the adapter with that window."""

    recipe: Recipe
    adapter: Adapter
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Resolved:
    """Hold every setting of a training: of head and loss, of TrainingArguments, and `others`, each by name.

    `others` are window, augmentation, metric and the learning rate of the head.
    """

    head: HeadSettings
    training: Mapping[str, Value]
    others: Mapping[str, Value]

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

    def starting_from_probe(self) -> Resolved:
        """Return the settings for a head that a probe has trained, which learns no faster than the layers below."""
        if self.others["head_learning_rate"].origin == RECIPE:
            return self
        rate = default(self.training["learning_rate"].value, "as below it, because it starts from the linear probe")
        return dataclasses.replace(self, others={**self.others, "head_learning_rate": rate})

    def used(self, arguments: TrainingArguments, head_rate: float | None) -> dict[str, dict[str, Any]]:
        """Return {name: {value, origin}} of what decided the weights; `head_rate` is the head's own, if it has one."""
        used = {}
        for name in DECIDING:
            value = getattr(arguments, name)
            known = self.training.get(name, default(None, "of transformers"))
            used[name] = Value(getattr(value, "value", value), known.origin)
        used.pop("num_train_epochs" if arguments.max_steps > 0 else "max_steps")
        used["clips_per_step"] = default(clips_a_step(arguments), "batch size x accumulation x devices")
        if head_rate is not None:
            used["head_learning_rate"] = Value(head_rate, self.others["head_learning_rate"].origin)
        used["metric"] = self.others["metric"]
        return {name: dataclasses.asdict(value) for name, value in used.items()}

    def describe(self) -> str:
        """Return one line about what was chosen automatically, and why."""
        values = {**self.others, **self.training}
        return "; ".join(f"{name} {values[name]}" for name in LOGGED if values[name].origin != RECIPE)


def spread(training: Mapping[str, Value]) -> int:
    """Return over how many devices a training is spread."""
    return devices("cpu" if training["use_cpu"].value else pick_device())[0]


def clips_of(training: Mapping[str, Value]) -> int:
    """Return how many clips an optimizer step takes, over all devices."""
    batch, accumulation = (int(training[name].value) for name in STEPS[-2:])
    return batch * accumulation * spread(training)


def resolve_input(recipe: Recipe, adapter: Adapter, task: Task, durations: NDArray[Any], seconds: float) -> Input:
    """Decide augmentation and window, from the `durations` of clean training clips and their `seconds` before cleaning.

    Little audio means few voices; other speeds (which move pitch and formants as another speaker would) and some noise
    replace the missing ones. Large sets have enough. The window has room for clips that augmentation makes longer,
    unless that makes each clip more expensive by more than `ROOM`: then the ends of the longest are cut.
    """
    few = f"under {LITTLE_AUDIO / 3600:.0f} hours of audio"
    augment = default(LITTLE_AUDIO_AUGMENT, few) if seconds < LITTLE_AUDIO else default((), f"not {few}")
    if recipe.method == "probe" or adapter.fitted_at_once:
        augment = default((), f"{'a probe' if recipe.method == 'probe' else recipe.model} takes clips as they are")
    if recipe.augment is not None:
        augment = Value(recipe.augments, RECIPE)
    received = np.outer(durations, lengthened(augment.value, adapter.sample_rate)).ravel()
    exact, roomy = (task.fit_window(adapter, lengths, recipe.window) for lengths in (durations, received))
    adapter = roomy if roomy.fewest_seconds <= ROOM * exact.fewest_seconds else exact
    # A window that follows each batch has no value: written down, it would be the same for all when trained again.
    window = None if adapter.dynamic_window else adapter.window
    fitted = "as long as the longest clip of each batch" if window is None else "in seconds, to hold the training clips"
    values = {"window": Value(window, RECIPE) if recipe.window else default(window, fitted), "augment": augment}
    resolved = recipe.replace(task=task.name, text=task.target.text, augment=values["augment"].value, window=window)
    return Input(resolved, adapter, values)


def lengthened(augments: Iterable[Augment], rate: int) -> NDArray[np.float64]:
    """Return by which factors augmentation changes the length of a second of noise, from least to most, and 1."""
    noise = np.random.default_rng(0).normal(0, 0.01, rate).astype(np.float32)
    changed = [len(apply_wave(augments, noise, rate, generator(0, 0, draw))) / rate for draw in range(DRAWS)]
    return np.unique([1.0, *np.quantile(changed, np.linspace(0, 1, KEPT_DRAWS))])


def resolve(
    given: Input, task: Task, rows: int, typical_length: int, targets: NDArray[Any], clips: int | None = None
) -> Resolved:
    """Decide all that is left, from the clean training clips.

    An epoch draws `rows` windows, the median one of `typical_length` samples; `targets` are encoded, one row a clip.
    A training that goes on takes `clips` a step, on however many devices.
    """
    recipe, adapter = given.recipe, given.adapter
    metric = default(task.selection_metric or task.target.selection_metric, f"usual for task {task.name}")
    # Trainer's own name for the same choice counts too: its direction must follow.
    if wanted := recipe.training.get("metric_for_best_model") or recipe.metric:
        metric = Value(str(wanted).removeprefix("eval_"), RECIPE)
    training = training_defaults(recipe, adapter, task, rows, str(metric.value), clips)
    training |= {name: Value(value, RECIPE) for name, value in recipe.training.items()}
    if clips and clips != clips_of(training):
        training |= sharing(clips, int(training["per_device_train_batch_size"].value), spread(training))
    rate = training["learning_rate"].value
    head_rate = default(rate * HEAD_FACTOR, "ten times learning_rate")
    if recipe.head_learning_rate:
        head_rate = Value(recipe.head_learning_rate, RECIPE)
    elif not task.from_scratch or adapter.from_scratch:
        head_rate = default(rate, "as below it")
    smoothing, weights = recipe.training.get("label_smoothing_factor"), recipe.class_weights
    head = HeadSettings(
        pooling=recipe.pooling,
        weighted_layers=recipe.weighted_layers,
        dropout=recipe.dropout,
        loss=recipe.loss,
        focal_gamma=recipe.focal_gamma,
        label_smoothing=task.label_smoothing if smoothing is None else float(smoothing),
        class_weights=task.target.balanced_weights(targets) if isinstance(weights, str) else weights,
        mask=adapter.mask_settings(recipe.augments, typical_length),
        language_adapter=recipe.peft == "adapter",
    )
    return Resolved(head, training, {**given.values, "metric": metric, "head_learning_rate": head_rate})
