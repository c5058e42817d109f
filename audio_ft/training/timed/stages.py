"""The stages of a budget: which layers learn in each, what a step costs, and how many steps there is time for."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.training.loop import build, select_trainable
from audio_ft.training.resolving.defaults import default
from audio_ft.training.timed.dry_run import best_size, seconds_a_step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import TrainingArguments

    from audio_ft.training.setup import Prepared
    from audio_ft.training.timed.dry_run import Costs

TOP, EVERYTHING, AS_ASKED = "top layers", "everything", "fine-tuning"
# A stage with fewer steps than these, or than an epoch has, is not begun.
FEWEST_STEPS = 48
# Evaluations are triggered by the clock, so Trainer's own never come.
NEVER = 10**9
BY_CLOCK = default(NEVER, "the budget evaluates by the clock")


@dataclass(frozen=True)
class Plan:
    """Plan one stage.

    Attributes:
        name: what the screen and the record call it.
        prepared: the training, with the layers that learn and the batch size.
        size: clips at a time on a device.
        step: seconds of a step.
        epoch: steps of an epoch.
        most: the steps that are enough, however much time there is.
    """

    name: str
    prepared: Prepared
    size: int
    step: float
    epoch: int
    most: int

    def fits(self, seconds: float, costs: Costs) -> int:
        """Return how many steps there is time for, 0 where they are too few to begin."""
        steps = min(self.most, int((seconds - costs.evaluation - 2 * costs.building) / self.step))
        return steps if steps >= min(FEWEST_STEPS, self.epoch, self.most) else 0


def stages_of(prepared: Prepared, layers: int) -> dict[str, str]:
    """Return what is frozen in each stage, by its name; `layers` are those of the network."""
    recipe = prepared.recipe
    if prepared.adapter.from_scratch or recipe.peft is not None or recipe.freeze != "feature_encoder" or layers < 2:
        return {AS_ASKED: recipe.freeze}
    return {TOP: f"layers:{layers // 2}", EVERYTHING: recipe.freeze}


def planned(
    prepared: Prepared, name: str, freeze: str, arguments: TrainingArguments, known: Mapping[str, Any] | None
) -> Plan:
    """Return the plan of a stage from a dry run, or from what is `known` of it from an earlier start.

    The dry run uses a network of its own, because that of the training has to be as it was loaded.
    """
    recipe, resolved = prepared.recipe.replace(freeze=freeze), prepared.resolved
    prepared = dataclasses.replace(prepared, recipe=recipe)
    rows = len(prepared.windows("train"))
    if known is None:
        model = build(prepared, resolved)
        select_trainable(prepared, model)
        # At least a step for each that is worth beginning: larger batches leave fewer.
        size, seconds = best_size(
            resolved, lambda size: seconds_a_step(prepared, resolved, model, arguments, size), rows // FEWEST_STEPS
        )
        known = {"size": size, "step": seconds}
    settings = resolved.arguments()
    accumulated = int(settings["gradient_accumulation_steps"])
    epoch = math.ceil(rows / (int(known["size"]) * accumulated))
    most = int(settings.get("max_steps", 0))
    most = most if most > 0 else math.ceil(float(settings["num_train_epochs"]) * epoch)
    return Plan(name, _timed(prepared, known["size"], most), known["size"], known["step"] * accumulated, epoch, most)


def _timed(prepared: Prepared, size: int, steps: int) -> Prepared:
    """Return the training with so many clips at a time and steps at most, evaluated and saved by the clock."""
    batch = prepared.resolved.training["per_device_train_batch_size"]
    changed = {"max_steps": default(steps, "as many as there is time for")}
    changed |= {name: default("steps", "by the clock") for name in ("eval_strategy", "save_strategy")}
    changed |= {"eval_steps": BY_CLOCK, "save_steps": BY_CLOCK, "load_best_model_at_end": default(True, "by the clock")}
    if size != batch.value:
        changed["per_device_train_batch_size"] = default(size, "the fastest for each clip in a dry run")
        changed["per_device_eval_batch_size"] = default(2 * size, "twice the training batch")
    resolved = dataclasses.replace(prepared.resolved, training={**prepared.resolved.training, **changed})
    return dataclasses.replace(prepared, resolved=resolved)
