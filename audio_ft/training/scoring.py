"""Predictions and scores of a whole split, before the first step and after the last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.batch import Collator
from audio_ft.inference import responses_of
from audio_ft.run import scores_from_dict, scores_to_dict, write_json
from audio_ft.training.workplace import UNTUNED_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import TrainingArguments

    from audio_ft.metrics import Score
    from audio_ft.training.preparation import Prepared


def predict_split(prepared: Prepared, model: Any, split: str) -> NDArray[Any]:
    """Return one prediction a clip; rows of recordings that could not be read hold what no responses give."""
    task, windows = prepared.task, prepared.windows(split)
    collator = Collator(task.hearing(prepared.family), task)
    responses = responses_of(model, task, collator, windows, describe=f"scoring {split}")
    return task.predictions(responses, windows.clips, len(prepared.targets[split]))


def readable(prepared: Prepared, split: str) -> NDArray[np.int64]:
    """Return the positions of the clips of a split that could be read."""
    return np.unique(prepared.windows(split).clips)


def score_split(prepared: Prepared, split: str, predictions: NDArray[Any]) -> dict[str, Score]:
    """Score one split's predictions over the clips that could be read."""
    present, groups = readable(prepared, split), prepared.groups(split)
    return prepared.task.score(
        predictions[present],
        prepared.targets[split][present],
        [groups[clip] for clip in present] if groups else None,
        prepared.recipe.seed,
    )


def score_untuned(
    prepared: Prepared, model: Any, arguments: TrainingArguments, folder: Path, tell: Callable[[str], None]
) -> Mapping[str, Score]:
    """Score the checkpoint on the test split before it learns anything, where it has answers to score.

    What a killed run scored already is read back, so that the same model is not scored twice.
    """
    file = folder / UNTUNED_FILE
    if not prepared.task.scores_untuned or arguments.process_index:
        return {}
    if file.is_file():
        return scores_from_dict(json.loads(file.read_text(encoding="utf-8")))
    model.to(arguments.device)
    scores = score_split(prepared, "test", predict_split(prepared, model, "test"))
    write_json(file, scores_to_dict(scores))
    shown = ", ".join(f"{name} {score}" for name, score in scores.items() if not name.endswith("_rate"))
    tell(f"untuned     {'a head that knows nothing yet: ' if prepared.task.from_scratch else ''}{shown}")
    return scores
