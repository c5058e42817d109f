"""Measure what fine-tuning made the checkpoint forget, and interpolate between old and new weights.

Networks on the straight line between the checkpoint's weights and the fine-tuned ones learn most of the new task and
forget little of the old one (Wortsman et al. 2022, WiSE-FT).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.data import load
from audio_ft.errors import AudioFTError
from audio_ft.evaluation.scoring import Rows, Scored, score_rows
from audio_ft.file_io import read_json, write_json
from audio_ft.run import UNTUNED_FILE, scores_from_dict, scores_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import torch
    from transformers import PreTrainedModel, TrainingArguments

    from audio_ft.metrics import Score
    from audio_ft.training.setup import Prepared

# The names under which a run holds the scores of the test split and of the second set.
OWN, OTHER = "test", "extra_eval"


class Retention:
    """Score a network before and after training on the test split and a second set, and interpolate its weights."""

    def __init__(self, prepared: Prepared, model: PreTrainedModel) -> None:
        self.prepared, self.model = prepared, model
        share = prepared.recipe.wise_ft_alpha
        self.before: dict[str, torch.Tensor] = {}
        if share is not None:
            self.before = {name: weight.detach().cpu().clone() for name, weight in model.state_dict().items()}
        self.scores: dict[str, dict[str, Mapping[str, Score]]] = {}

    @property
    def wanted(self) -> bool:
        """Return whether the recipe asks for a second set or for interpolated weights."""
        return self.prepared.recipe.extra_eval is not None or bool(self.before)

    def measure(self, state: str, known: Mapping[str, Score] | None = None) -> None:
        """Score the network and store the scores under a name; `known` are its test scores, if computed already."""
        if not self.wanted:
            return
        own = known or score_split(self.prepared, self.model, OWN).scores
        self.scores.setdefault(OWN, {})[state] = own
        if self.prepared.recipe.extra_eval is not None:
            self.scores.setdefault(OTHER, {})[state] = score_other(self.prepared, self.model)

    def interpolate(self) -> bool:
        """Interpolate the weights between old (alpha 0) and new (1) as the recipe says, except those of a new head."""
        share = self.prepared.recipe.wise_ft_alpha
        if share is None:
            return False
        fresh = fresh_weights(self.prepared, self.model)
        moved: set[int] = set()
        for name, weight in self.model.state_dict().items():
            # Whisper's output layer is its embedding under a second name, and would move twice.
            if weight.is_floating_point() and name not in fresh and weight.data_ptr() not in moved:
                moved.add(weight.data_ptr())
                weight.lerp_(self.before[name].to(weight.device), 1 - share)
        return True


def fresh_weights(prepared: Prepared, model: PreTrainedModel) -> set[str]:
    """Return the names of the weights that the checkpoint does not have, those of a new head."""
    if not prepared.task.from_scratch:
        return set()
    body = {weight.data_ptr() for weight in prepared.adapter.encoder(model).state_dict().values()}
    return {name for name, weight in model.state_dict().items() if weight.data_ptr() not in body}


def score_split(prepared: Prepared, model: Any, split: str) -> Scored:
    """Predict and score one split of a training's data."""
    rows, seed = prepared.rows(split), prepared.recipe.seed
    return score_rows(model, prepared.task, prepared.adapter, rows, seed=seed, describe=f"scoring {split}")


def score_other(prepared: Prepared, model: Any) -> Mapping[str, Score]:
    """Score a network on the test split of the second set, cleaned in the same way."""
    task, adapter, data = prepared.task, prepared.adapter, prepared.recipe.extra_eval
    if data is None:
        raise AudioFTError("The recipe has no second set to score; set extra_eval.path.")
    loaded = load(data, need=(OWN,), known=task.target)
    cleaner = Cleaner(prepared.recipe.steps.remaining(loaded.chain), adapter.sample_rate, adapter.window)
    rows = Rows(loaded.splits[OWN], clean(loaded.splits[OWN], cleaner, name="the second set"))
    return score_rows(model, task, adapter, rows, seed=prepared.recipe.seed, describe="scoring the second set").scores


def score_untuned(
    prepared: Prepared, model: Any, arguments: TrainingArguments, folder: Path, tell: Callable[[str], None]
) -> Mapping[str, Score]:
    """Score the checkpoint on the test split before training, if it can transcribe already.

    A resumed training reads the scores from the file.
    """
    file = folder / UNTUNED_FILE
    if not prepared.task.scores_untuned or arguments.process_index:
        return {}
    if file.is_file():
        return scores_from_dict(read_json(file))
    model.to(arguments.device)
    scores = score_split(prepared, model, "test").scores
    write_json(file, scores_to_dict(scores))
    shown = ", ".join(f"{name} {score}" for name, score in scores.items() if not name.endswith("_rate"))
    tell(f"untuned     {'the head is still random: ' if prepared.task.from_scratch else ''}{shown}")
    return scores
