"""Checks that settings fit the task, before any recording is cleaned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audio_ft.augmentation import Mixup
from audio_ft.errors import InputError
from audio_ft.metrics.registry import metrics_of

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe
    from audio_ft.tasks.base import Task

# Values of freeze allowed with peft, which itself chooses the trainable weights.
BESIDE_PEFT = ("feature_encoder", "none")


def refuse_unused(recipe: Recipe, task: Task) -> None:
    """Check that no setting is without effect in this task.

    Raises:
        InputError: one of them, with what to do instead.
    """
    unused = [name for name, used in _set_by(recipe).items() if used and name in task.ignores]
    if unused:
        raise InputError(f"{', '.join(unused)}: task {task.name} does not use it; leave it out.")
    if recipe.peft == "adapter" and task.name != "ctc":
        raise InputError(
            f"peft=adapter trains the language adapter of Wav2Vec2 checkpoints (XLS-R, MMS) for task ctc, not for "
            f"{task.name}; use peft=lora."
        )
    if recipe.peft is not None and recipe.freeze not in BESIDE_PEFT:
        raise InputError(f"peft={recipe.peft} chooses the trainable weights itself; leave out freeze={recipe.freeze}.")
    refuse_metric(recipe, task)


def refuse_metric(recipe: Recipe, task: Task) -> None:
    """Check that the metric which chooses the best checkpoint exists for these targets.

    Raises:
        InputError: it belongs to other targets, or to one class.
    """
    wanted = recipe.training.get("metric_for_best_model") or recipe.metric
    kind = task.target.sample.kind
    known = ["loss", *(name for metric in metrics_of(kind) for name in metric.names)]
    if wanted is not None and str(wanted).removeprefix("eval_") not in known:
        raise InputError(f"metric: {wanted!r} cannot choose the best checkpoint here; use one of {', '.join(known)}.")


def refuse_head(recipe: Recipe, task: Task) -> None:
    """Check that the settings of head, loss and sampling fit the targets.

    Raises:
        InputError: one of them, with what to do instead.
    """
    smoothing, weights = float(recipe.training.get("label_smoothing_factor") or 0.0), recipe.class_weights
    if not task.weighs_classes and (recipe.loss != "cross_entropy" or smoothing > 0 or weights is not None):
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


def _set_by(recipe: Recipe) -> dict[str, bool]:
    """Return, for each setting that some tasks ignore, whether the recipe sets it."""
    return {
        "loss": recipe.loss != "cross_entropy",
        "class_weights": recipe.class_weights is not None,
        "pooling": recipe.pooling != "mean",
        "weighted_layers": recipe.weighted_layers,
        "sampling": recipe.sampling != "none",
        "Mixup": any(isinstance(augment, Mixup) for augment in recipe.augments),
        "label_smoothing_factor": bool(recipe.training.get("label_smoothing_factor")),
        "text.prompt": bool(recipe.text.prompt),
        "text.timestamps": recipe.text.timestamps,
    }
