"""Refuse, before anything is cleaned, settings that cannot work together or have no effect, with the reason."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.augmentation import Mixup, Shift
from audio_ft.errors import InputError
from audio_ft.metrics.registry import metrics_of
from audio_ft.models.scratch import ESTIMATORS, Selection
from audio_ft.targets.detection import Detection

if TYPE_CHECKING:
    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task

# What a probe alone makes no use of: settings of the recipe, and of TrainingArguments.
FINE_TUNING = (
    "pooling", "weighted_layers", "dropout", "loss", "class_weights", "sampling", "freeze", "head_learning_rate",
    "layer_decay", "peft", "wise_ft_alpha", "extra_eval",
)  # fmt: skip
# What is about pretrained weights, and makes no sense for a network that is trained from scratch.
OF_CHECKPOINTS = (
    "revision", "method", "weighted_layers", "freeze", "layer_decay", "peft", "wise_ft_alpha", "extra_eval", "budget",
)  # fmt: skip
# What is about networks, which learn in steps.
OF_NETWORKS = (
    "window", "pooling", "dropout", "loss", "focal_gamma", "sampling", "head_learning_rate", "average_weights",
    "patience", "precision", "seeds",
)  # fmt: skip
OF_STEPS = ("learning_rate", "num_train_epochs", "warmup_steps", "weight_decay", "label_smoothing_factor")


def check_input(recipe: Recipe, adapter: Adapter, task: Task) -> None:
    """Check what can be known before recordings are cleaned.

    Raises:
        InputError: a setting that this task makes no use of, or a window that the checkpoint does not have.
    """
    _check_used(recipe, task)
    _check_from_scratch(recipe, adapter, task)
    _check_probe(recipe, task)
    _check_metric(recipe, task)
    _check_classes(recipe, task)
    longest = task.fit_window(adapter, np.zeros(0), recipe.window).window
    if recipe.window and recipe.window > longest:
        raise InputError(
            f"window={recipe.window:g}: here the network takes {longest:g} s at once at most; longer recordings are "
            "cut. Take that or less, or leave window out."
        )


def check_draws(recipe: Recipe, adapter: Adapter, uneven: bool) -> None:
    """Check that a training whose data is drawn unevenly learns in steps, and balances nothing else.

    Raises:
        InputError: it does not.
    """
    if not uneven:
        return
    what = "data.weight and data.temperature say how often clips are drawn"
    if recipe.sampling != "none":
        raise InputError(f"{what}, and so does sampling={recipe.sampling}; leave one of them out.")
    if recipe.method == "probe" or adapter.fitted_at_once:
        name = "method=probe" if recipe.method == "probe" else recipe.model
        raise InputError(f"{what} in training steps, and {name} learns from all clips at once; leave them out.")


def _check_used(recipe: Recipe, task: Task) -> None:
    """Check that the recipe sets nothing that the task or peft ignores."""
    set_by_recipe = {
        "loss": recipe.loss != "cross_entropy",
        "class_weights": recipe.class_weights is not None,
        "pooling": recipe.pooling != "mean",
        "weighted_layers": recipe.weighted_layers,
        "sampling": recipe.sampling != "none",
        "Mixup": any(isinstance(augment, Mixup) for augment in recipe.augments),
        "Shift": any(isinstance(augment, Shift) for augment in recipe.augments),
        "events": recipe.events != Detection(),
        "label_smoothing_factor": bool(recipe.training.get("label_smoothing_factor")),
        "text.prompt": bool(recipe.text.prompt),
        "text.timestamps": recipe.text.timestamps,
    }
    unused = [name for name, is_set in set_by_recipe.items() if is_set and name in task.ignores]
    if unused:
        raise InputError(f"{', '.join(unused)}: task {task.name} does not use it; leave it out.")
    if recipe.peft == "adapter" and task.name != "ctc":
        raise InputError(
            f"peft=adapter trains the language adapter of Wav2Vec2 checkpoints (XLS-R, MMS) for task ctc, not for "
            f"{task.name}; use peft=lora."
        )
    if recipe.peft is not None and recipe.freeze not in ("feature_encoder", "none"):
        raise InputError(f"peft={recipe.peft} chooses the trainable weights itself; leave out freeze={recipe.freeze}.")


def _check_from_scratch(recipe: Recipe, adapter: Adapter, task: Task) -> None:
    """Check that a recipe without a checkpoint sets nothing about pretrained weights, or about steps without any."""
    if adapter.from_scratch and (unused := _changed(recipe, OF_CHECKPOINTS)):
        raise InputError(
            f"{', '.join(unused)}: {recipe.model} is trained from scratch, and this is about pretrained weights; leave "
            "it out, or start from a checkpoint."
        )
    if not adapter.fitted_at_once:
        if recipe.select is not None:
            raise InputError(f"select: {adapter.name} takes the sound itself; only {', '.join(ESTIMATORS)} select "
                             "among features. Leave it out.")  # fmt: skip
        return
    unused = [*_changed(recipe, OF_NETWORKS), *recipe.training, *["augment"] * bool(recipe.augment)]
    # These are one classifier a class, to which the ids of classes mean nothing.
    if recipe.class_weights is not None and (not task.target.exclusive or recipe.model == "svm"):
        unused.append("class_weights")
    if unused:
        raise InputError(f"{', '.join(unused)}: {recipe.model} does not use it; leave it out.")
    known = len(adapter.feature_groups)
    if recipe.select is not None and Selection.of(recipe.select).count > known:
        raise InputError(f"select={recipe.select}: a clip has {known} features; take so many at most.")


def _changed(recipe: Recipe, names: tuple[str, ...]) -> list[str]:
    """Return the settings among `names` that have not their default."""
    usual = {item.name: item.default for item in dataclasses.fields(recipe)}
    return [name for name in names if getattr(recipe, name) != usual[name]]


def _check_probe(recipe: Recipe, task: Task) -> None:
    """Check that a recipe for a probe alone has a target that it can learn, and sets nothing that it ignores."""
    if recipe.method != "probe":
        return
    if not task.probes:
        raise InputError(
            f"method=probe is a linear model on one vector a clip, which cannot learn {task.target.wording.short}; "
            "leave it out to fine-tune."
        )
    _, unused = as_probe(recipe)
    if unused:
        raise InputError(f"{', '.join(unused)}: method=probe does not use it; leave it out, or fine-tune.")


def as_probe(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """Return a recipe as a probe takes it, and the names of the settings that were left out for that."""
    unused = [*_changed(recipe, FINE_TUNING), *(name for name in OF_STEPS if name in recipe.training)]
    unused += ["augment"] * bool(recipe.augment)
    usual = {item.name: item.default for item in dataclasses.fields(recipe)}
    training = {name: value for name, value in recipe.training.items() if name not in unused}
    changes = {name: usual[name] for name in unused if name in usual}
    return recipe.replace(**changes, training=training), unused


def _check_metric(recipe: Recipe, task: Task) -> None:
    """Check that the metric which chooses the best checkpoint exists for these targets, and is not of one class."""
    wanted = recipe.training.get("metric_for_best_model") or recipe.metric
    known = ["loss", *(name for metric in metrics_of(task.target.sample.kind) for name in metric.names)]
    if wanted is not None and str(wanted).removeprefix("eval_") not in known:
        raise InputError(f"metric: {wanted!r} cannot choose the best checkpoint here; use one of {', '.join(known)}.")


def _check_classes(recipe: Recipe, task: Task) -> None:
    """Check the settings that need classes, and the names of weighted ones."""
    smoothing, weights = float(recipe.training.get("label_smoothing_factor") or 0.0), recipe.class_weights
    if task.target.regression and (recipe.loss != "cross_entropy" or smoothing > 0 or weights is not None):
        raise InputError(
            "loss=focal, label_smoothing_factor and class_weights are for classes, and these targets are "
            f"{task.target.wording.short}; leave them out."
        )
    if weights is not None and not isinstance(weights, str) and set(weights) != set(task.target.names):
        raise InputError(
            f"class_weights names {', '.join(sorted(weights))} and the labels are {', '.join(task.target.names)}; "
            "give each label one weight."
        )
    if recipe.sampling != "none" and not task.target.exclusive:
        raise InputError(
            f"sampling={recipe.sampling!r} balances single labels, and these targets are {task.target.wording.short}."
        )
