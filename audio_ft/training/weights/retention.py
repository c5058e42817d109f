"""Measure what fine-tuning made the checkpoint forget, and interpolate between old and new weights.

Networks between the checkpoint and the fine-tuned one forget little (Wortsman et al. 2022, WiSE-FT).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.evaluation.evaluate import evaluate
from audio_ft.evaluation.scoring import Scored, score_rows
from audio_ft.file_io import read_json, write_json
from audio_ft.inference.batching import Collator, outputs_of
from audio_ft.inference.predictor import Model
from audio_ft.run import UNTUNED_FILE, scores_from_dict
from audio_ft.settings.rules import as_json
from audio_ft.training.processes import first_goes_first

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch
    from transformers import PreTrainedModel, TrainingArguments

    from audio_ft.metrics import Score
    from audio_ft.training.setup import Prepared


class Retention:
    """Score a network before and after training on the test split and a second set, and interpolate its weights."""

    def __init__(self, prepared: Prepared, model: PreTrainedModel) -> None:
        self.prepared, self.model = prepared, model
        self.before: dict[str, torch.Tensor] = {}
        if prepared.recipe.wise_ft_alpha is not None:
            self.before = {name: weight.detach().cpu().clone() for name, weight in model.state_dict().items()}
        self.scores: dict[str, dict[str, Mapping[str, Score]]] = {}

    def measure(self, state: str, known: Mapping[str, Score] | None = None) -> None:
        """Score the network if the recipe asks for it, and store the scores under a name.

        `known` are its scores on the test split, if they were computed already.
        """
        second = self.prepared.recipe.extra_eval
        if second is None and not self.before:
            return
        prepared = tuned(self.prepared, self.model)
        self.scores.setdefault("test", {})[state] = known or score_split(prepared, self.model, "test").scores
        if second is not None:
            model = Model(Path(), self.model, prepared.adapter, prepared.task, prepared.recipe.steps)
            try:
                scores = evaluate(model, second, seed=prepared.recipe.seed).scores
            except InputError as error:
                raise InputError(f"extra_eval: {str(error).removeprefix('data: ')}") from error
            self.scores.setdefault("extra_eval", {})[state] = scores

    def finish(self) -> None:
        """Score the fine-tuned network, and interpolate its weights if the recipe says so."""
        self.measure("fine-tuned")
        if self.prepared.recipe.wise_ft_alpha is not None:
            self.interpolate(self.prepared.recipe.wise_ft_alpha)
            self.measure("interpolated")

    def interpolate(self, alpha: float) -> None:
        """Interpolate the weights between old (alpha 0) and new (1), except those of a new head."""
        done: set[int] = set()
        if self.prepared.task.from_scratch:
            body = {weight.data_ptr() for weight in self.prepared.adapter.encoder(self.model).state_dict().values()}
            done = {weight.data_ptr() for weight in self.model.state_dict().values()} - body
        for name, weight in self.model.state_dict().items():
            # Whisper's output layer is its embedding under a second name, and would move twice.
            if weight.is_floating_point() and weight.data_ptr() not in done:
                done.add(weight.data_ptr())
                weight.lerp_(self.before[name].to(weight.device), 1 - alpha)


def tuned(prepared: Prepared, model: Any) -> Prepared:
    """Return the training with what its task chooses by the validation split for this network, such as thresholds."""
    task = prepared.task
    if not task.tunes:
        return prepared
    windows, collator = prepared.windows("validation"), Collator(task.inference_adapter(prepared.adapter), task)
    outputs = outputs_of(model, task, collator, windows, describe="tuning")
    return replace(prepared, task=task.tuned(outputs, windows.places, prepared.targets["validation"]))


def score_split(prepared: Prepared, model: Any, split: str) -> Scored:
    """Predict and score one split of a training's data."""
    rows, seed = prepared.rows(split), prepared.recipe.seed
    return score_rows(model, prepared.task, prepared.adapter, rows, seed=seed, describe=f"scoring {split}")


def score_untuned(
    prepared: Prepared, model: Any, arguments: TrainingArguments, folder: Path, log: Callable[[str], None]
) -> Mapping[str, Score]:
    """Score the checkpoint on the test split before training, if it can transcribe already.

    Other processes and a resumed training read the scores from the file.
    """
    file = prepared.place(folder) / UNTUNED_FILE
    if not (prepared.task.scores_untuned and prepared.predicts_test):
        return {}
    with first_goes_first():
        if not file.is_file():
            model.to(arguments.device)
            scores = score_split(prepared, model, "test").scores
            write_json(file, as_json(scores))
            shown = ", ".join(f"{name} {score}" for name, score in scores.items() if not name.endswith("_rate"))
            log(f"untuned     {'the head is still random: ' if prepared.task.from_scratch else ''}{shown}")
    return scores_from_dict(read_json(file))
