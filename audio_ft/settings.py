"""What the settings of a recipe may be, each checked by type and range before it is used for anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from audio_ft.errors import InputError

TEXTS = (
    "freeze",
    "model",
    "name",
    "task",
    "pooling",
    "loss",
    "sampling",
    "precision",
    "intended_use",
    "limits",
    "consent",
    "license",
)
TEXTS_OR_NONE = ("revision", "metric", "push_to_hub", "peft")
# Setting: its least and greatest value (the least itself is allowed where `True` follows), and whether None is.
NUMBERS: dict[str, tuple[float, float, bool, bool]] = {
    "window": (0, 3_600, False, True),
    "dropout": (0, 0.99, True, True),
    "focal_gamma": (0, 100, True, False),
    "head_learning_rate": (0, 100, False, True),
    "layer_decay": (0, 1, False, False),
    "max_corrupt": (0, 1, True, False),
    "wise_ft_alpha": (0, 1, True, True),
}
COUNTS = ("patience", "seed", "lora_rank")
# TrainingArguments takes these as they come and Trainer fails on them later, or trains nothing.
POSITIVE = (
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
    "num_train_epochs",
)
# What a run sees to itself. Trainer would take these, and they would be forgotten or break it later.
MANAGED_ARGUMENTS = {
    "output_dir": "the run's folder is given with --output-dir, or to train()",
    "resume_from_checkpoint": "a training goes on by itself where the same recipe has stopped in the same folder",
    "overwrite_output_dir": "pass --overwrite, or overwrite=True to train()",
    "remove_unused_columns": "batches hold what the network needs and nothing else",
    "label_names": "targets are named with --set data.target=…",
    "neftune_noise_alpha": "it puts noise on the vectors of words, and these networks hear waves; see augment",
    "batch_eval_metrics": "answers are made small before they are gathered",
    "dataloader_persistent_workers": "workers that outlive an epoch would augment each one as they did the first",
}


def check_settings(recipe: Any) -> None:
    """Check the plain settings of a recipe.

    Raises:
        InputError: a setting of another type or outside its range.
    """
    for name in TEXTS:
        _require(name, value := getattr(recipe, name), isinstance(value, str), "text")
    for name in TEXTS_OR_NONE:
        _require(name, value := getattr(recipe, name), value is None or isinstance(value, str), "text")
    for name in ("weighted_layers", "average_weights", "keep_adapter", "load_in_8bit"):
        _require(name, value := getattr(recipe, name), isinstance(value, bool), "true or false")
    for name in COUNTS:
        value = getattr(recipe, name)
        _require(name, value, _is_whole(value) and 0 <= value < 2**32, "a whole number of 0 or more")
    for name, (low, high, inclusive, optional) in NUMBERS.items():
        value = getattr(recipe, name)
        holds = _is_number(value) and (low <= value if inclusive else low < value) and value <= high
        expected = (
            f"a number {'from' if inclusive else 'above'} {low:g} {'to' if inclusive else 'and at most'} {high:g}"
        )
        _require(name, value, holds or (optional and value is None), expected)
    _require("training", recipe.training, isinstance(recipe.training, Mapping), "settings of TrainingArguments by name")
    _require(
        "label_smoothing_factor",
        smoothing := recipe.training.get("label_smoothing_factor", 0.0),
        _is_number(smoothing) and 0 <= smoothing < 1,
        "a number from 0 to below 1",
    )
    pushing = recipe.training.get("push_to_hub")
    _require("push_to_hub", pushing, not pushing, 'a repository in the recipe itself ("me/name"), none in training')
    check_class_weights(recipe.class_weights)


def check_plain(plain: Mapping[str, Any]) -> None:
    """Check the settings that hold lists and tables in JSON, before chain and augmentations are made of them.

    Raises:
        InputError: something else than a list of tables, or a table.
    """
    for name in ("chain", "augment"):
        value = plain.get(name)
        tables = isinstance(value, list | tuple) and all(isinstance(item, Mapping) for item in value)
        _require(name, value, value is None or tables, "names separated by commas, or a list of settings with names")
    training = plain.get("training", {})
    _require("training", training, isinstance(training, Mapping), "settings of TrainingArguments by name")


def check_class_weights(weights: Any) -> None:
    """Check that class weights are "balanced", None, or positive numbers by label.

    Raises:
        InputError: they are not.
    """
    by_label = isinstance(weights, Mapping) and all(_is_number(weight) and weight > 0 for weight in weights.values())
    expected = '"balanced" or a weight above 0 for each label'
    _require("class_weights", weights, weights is None or weights == "balanced" or by_label, expected)


def check_training_value(name: str, value: Any, default: Any, kind: Any) -> None:
    """Check a value for a field of TrainingArguments against the type that the field has.

    Raises:
        InputError: text where a number belongs, or a number that cannot be.
    """
    if isinstance(default, bool):
        _require(name, value, isinstance(value, bool), "true or false")
    elif isinstance(default, int | float):
        _require(name, value, _is_number(value), "a number")
        if kind in (int, "int"):
            _require(name, value, _is_whole(value), "a whole number")
    if name in POSITIVE:
        _require(name, value, _is_number(value) and value > 0, "a number above 0")
    if name == "max_steps":
        _require(name, value, value != 0, "a whole number above 0, or -1 for as many as the epochs make")


def check_managed(training: Mapping[str, Any]) -> None:
    """Check that a recipe leaves alone what a run sees to itself.

    Raises:
        InputError: it does not.
    """
    for name, reason in MANAGED_ARGUMENTS.items():
        if training.get(name):
            raise InputError(f"{name} cannot be set here: {reason}.")


def strategies(training: Mapping[str, Any], every: int = 500) -> dict[str, Any]:
    """Return when a training evaluates and saves: at each epoch, or as far as a recipe says, one as the other.

    A recipe that names one of the two need not name the other, nor say that without both there is no best checkpoint;
    `every` is the number of steps where it wants steps and names none.
    """
    asked = {name: training.get(f"{name}_strategy") for name in ("eval", "save")}
    usual = "steps" if {"eval_steps", "save_steps"} & training.keys() else "epoch"
    evaluation = asked["eval"] or (asked["save"] if asked["save"] in ("steps", "epoch") else usual)
    saving = asked["save"] or (evaluation if evaluation != "no" else usual)
    settings = {
        "eval_strategy": evaluation,
        "save_strategy": saving,
        "load_best_model_at_end": evaluation != "no" and saving != "no",
    }
    if "steps" in (evaluation, saving):
        steps = training.get("eval_steps") or training.get("save_steps") or every
        settings |= {"eval_steps": steps, "save_steps": steps}
    return settings


def check_trackers(names: Sequence[str]) -> None:
    """Check that each tracker of `report_to` is one that Trainer knows, and installed.

    Raises:
        InputError: it is not.
    """
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    installed = get_available_reporting_integrations() if names else []
    for name in names:
        known = name in INTEGRATION_TO_CALLBACK
        _require("report_to", name, known, f"none, all or some of {', '.join(INTEGRATION_TO_CALLBACK)}")
        # Trainer's list of what is installed does not look for flyte, which comes with the machines that have it.
        if name not in (*installed, "flyte"):
            raise InputError(
                f"report_to={name} needs a package that is not installed: pip install {name}, or choose among "
                f"{', '.join(installed) or 'none'}. Whatever is chosen, metrics.jsonl in the run's folder has it all."
            )


def _require(name: str, value: Any, holds: bool, expected: str) -> None:
    if not holds:
        raise InputError(f"{name}: expected {expected}, got {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
