"""Build TrainingArguments from the settings of a recipe, and refuse those that cannot work."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError, did_you_mean
from audio_ft.settings.names import ALIASES
from audio_ft.settings.rules import Rule, each, either, flag, number, optional, shown, text, whole
from audio_ft.system.machine import pick_device

if TYPE_CHECKING:
    from transformers import TrainingArguments

    from audio_ft.recipe import Recipe

# TrainingArguments accepts any value of these, and Trainer fails later or trains nothing.
RULES = {
    "per_device_train_batch_size": whole(1),
    "per_device_eval_batch_size": whole(1),
    "gradient_accumulation_steps": whole(1),
    "num_train_epochs": number(0, above=True),
    "metric_for_best_model": optional(text()),
    "report_to": optional(either(text(), each(text()))),
}
# Arguments that audio_ft sets itself; set in a recipe they would be ignored or break the training.
MANAGED_ARGUMENTS = {
    "output_dir": "the run's folder is given with --output-dir, or to train()",
    "resume_from_checkpoint": "a training resumes by itself when the same recipe was stopped in the same folder",
    "overwrite_output_dir": "pass --overwrite, or overwrite=True to train()",
    "remove_unused_columns": "batches hold what the network needs and nothing else",
    "label_names": "targets are named with data.target=NAME",
    "neftune_noise_alpha": "it adds noise to word embeddings, and these networks have none; see augment",
    "prediction_loss_only": "validation scores are computed from predictions",
    "batch_eval_metrics": "predictions are reduced before they are gathered",
    "fp16_full_eval": "scores are computed in float32; precision=fp16 is for the training",
    "bf16_full_eval": "scores are computed in float32; precision=bf16 is for the training",
    "dataloader_persistent_workers": "workers that outlive an epoch would augment each one as they did the first",
}
# When a training with a budget evaluates and saves is decided by the clock.
BY_CLOCK = ("eval_strategy", "eval_steps", "save_strategy", "save_steps")
# Settings of tutorials and of older transformers with other values than ours (the others are `ALIASES`), and what does
# the same here.
RENAMED = {
    "early_stopping_threshold": "training stops after patience epochs without any improvement; leave it out",
    "group_by_length": "clips of similar length are always batched together; leave it out",
    "predict_with_generate": "transcripts are always generated for scores; leave it out",
    "generation_max_length": "the length follows from the recording; leave it out",
    "sortish_sampler": "clips of similar length are always batched together; leave it out",
    "use_mps_device": "the device is found; use_cpu=true keeps to the processor",
    "logging_dir": "set report_to=tensorboard; metrics.jsonl in the run's folder has all values in any case",
    "save_safetensors": "models are always saved as safetensors; leave it out",
    "include_inputs_for_metrics": "evaluate has the recordings at hand; leave it out",
    "train_split_name": "it is called data.splits, {'NAME': 'train'}",
    "eval_split_name": "it is called data.splits, {'NAME': 'validation'}",
    "max_train_samples": "it is called data.limit, for every split",
    "max_eval_samples": "it is called data.limit, for every split",
    "max_duration_in_seconds": "recordings are filtered by a column, data.where='duration<30', and cut by window",
    "min_duration_in_seconds": "recordings are filtered by a column, data.where='duration>1'",
    "freeze_feature_encoder": "it is called freeze=feature_encoder",
    "freeze_base_model": "it is called freeze=encoder",
    "do_lower_case": "it is called text.case=lower",
    "chars_to_ignore": "it is called text.punctuation=remove",
}


def check_training(recipe: Recipe) -> None:
    """Check the settings of TrainingArguments, so that a typo stops before anything is downloaded.

    Raises:
        InputError: TrainingArguments refuses a setting, audio_ft sets it itself, or a package is missing.
    """
    from audio_ft.metrics import direction

    for name, reason in MANAGED_ARGUMENTS.items():
        if recipe.training.get(name):
            raise InputError(f"{name} cannot be set here: {reason}.")
    # As in training itself: without an accelerator bf16 is refused unless the processor is named, and settings of
    # the best checkpoint unless something is evaluated and saved.
    usual = {"use_cpu": pick_device() == "cpu", **strategies(recipe.training)}
    _check_trackers(build_arguments({**usual, **recipe.training}, Path("unused")).report_to)
    metric = recipe.training.get("metric_for_best_model", recipe.metric)
    if metric is not None:
        direction(str(metric).removeprefix("eval_"))
    if recipe.budget is not None:
        others = [name for name in BY_CLOCK if recipe.training.get(name) is not None]
        others += [name for name in ("wise_ft_alpha", "extra_eval") if getattr(recipe, name) is not None]
        if others:
            raise InputError(f"budget plans the training by the clock, without {', '.join(others)}; leave one out.")
    if recipe.load_in_8bit and importlib.util.find_spec("bitsandbytes") is None:
        raise InputError("load_in_8bit needs bitsandbytes: pip install 'audio-ft[8bit]', or leave it out.")


def build_arguments(training: Mapping[str, Any], output_dir: Path) -> Any:
    """Return transformers.TrainingArguments with the given settings.

    Raises:
        InputError: an unknown setting, with the nearest known name, or a value that TrainingArguments refuses.
    """
    from transformers import TrainingArguments

    from audio_ft.recipe import Recipe

    known = {item.name: item for item in dataclasses.fields(TrainingArguments) if item.init}
    for name, value in training.items():
        if name not in known and (name in RENAMED or name in ALIASES):
            meaning = RENAMED.get(name) or f"it is called {ALIASES[name]}"
            raise InputError(f"{name} is not a setting here: {meaning}.")
        if name not in known:
            hint = did_you_mean(name, [*known, *(item.name for item in dataclasses.fields(Recipe))])
            raise InputError(f"Neither Recipe nor transformers.TrainingArguments has a setting {name!r}.{hint}")
        if rule := _rule(name, known[name].default, known[name].type):
            rule.apply(name, value)
        if name == "max_steps" and value == 0:
            raise InputError("max_steps: expected a whole number above 0, or -1 for as many as the epochs make, got 0")
    try:
        return TrainingArguments(**{"output_dir": str(output_dir), **training})
    # Attribute and file errors too: it uses some values as text or as file names without a check.
    except (TypeError, ValueError, ImportError, OverflowError, AttributeError, OSError) as error:
        reason = str(error)[:300]
        raise InputError(f"transformers.TrainingArguments refuses the training settings: {reason}") from error


def _rule(name: str, default: Any, kind: Any) -> Rule | None:
    """Return the rule for a field of TrainingArguments by its type and default, or None if they do not determine it."""
    if name in RULES:
        return RULES[name]
    if isinstance(default, bool):
        return flag()
    if kind in (int, "int"):
        return whole()
    return number() if isinstance(default, int | float) else None


def strategies(training: Mapping[str, Any], every: int = 500) -> dict[str, Any]:
    """Return when a training evaluates and saves: at each epoch, unless the recipe says otherwise.

    If the recipe sets one of the two, the other follows; `every` is the default number of steps.
    """
    evaluation, saving = training.get("eval_strategy"), training.get("save_strategy")
    usual = "steps" if {"eval_steps", "save_steps"} & training.keys() else "epoch"
    evaluation = evaluation or (saving if saving in ("steps", "epoch") else usual)
    saving = saving or (evaluation if evaluation != "no" else usual)
    settings = {
        "eval_strategy": evaluation,
        "save_strategy": saving,
        "load_best_model_at_end": evaluation != "no" and saving != "no",
    }
    if "steps" in (evaluation, saving):
        steps = training.get("eval_steps") or training.get("save_steps") or every
        settings |= {"eval_steps": steps, "save_steps": steps}
    return settings


def _check_trackers(names: Sequence[str]) -> None:
    """Check that each tracker of `report_to` is known to Trainer and installed."""
    from transformers.integrations.integration_utils import (
        INTEGRATION_TO_CALLBACK,
        get_available_reporting_integrations,
    )

    installed = get_available_reporting_integrations() if names else []
    for name in names:
        if name not in INTEGRATION_TO_CALLBACK:
            expected = f"none, all or some of {', '.join(INTEGRATION_TO_CALLBACK)}"
            raise InputError(f"report_to: expected {expected}, got {shown(name)}")
        # Trainer's list of what is installed does not look for flyte, which comes with the machines that have it.
        if name not in (*installed, "flyte"):
            raise InputError(
                f"report_to={name} needs a package that is not installed: pip install {name}, or choose among "
                f"{', '.join(installed) or 'none'}. metrics.jsonl in the run's folder has all values in any case."
            )


def precision_of(arguments: TrainingArguments) -> str:
    """Return the precision of a training: "bf16", "fp16" or "float32"."""
    return "bf16" if arguments.bf16 else "fp16" if arguments.fp16 else "float32"


def clips_a_step(arguments: TrainingArguments) -> int:
    """Return how many clips an optimizer step takes, over all devices."""
    return arguments.train_batch_size * arguments.gradient_accumulation_steps * max(arguments.world_size, 1)
