"""A saved model and a labeled split -> scores with intervals, through the model's own cleaning and the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.data import load
from audio_ft.data.splits import SPLITS
from audio_ft.errors import InputError
from audio_ft.evaluation.predictions import Predictions, tabulated
from audio_ft.evaluation.slice_columns import check_columns, known_columns
from audio_ft.file_io import read_json, write_json
from audio_ft.inference.batching import Collator, Windows
from audio_ft.inference.forward import responses_of
from audio_ft.metrics import resampling
from audio_ft.run import UNTUNED_FILE, scores_from_dict, scores_to_dict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from transformers import TrainingArguments

    from audio_ft.data import Data
    from audio_ft.inference.predictor import Model
    from audio_ft.metrics import Score
    from audio_ft.training.setup import Prepared

# Recordings kept at hand for whoever times or plays some.
SAMPLED = 20


@dataclass(frozen=True)
class Evaluation:
    """Hold the scores of one model on one split.

    Attributes:
        split: name of the split.
        scores: each score with its 95 % interval.
        n: clips that were scored.
        unreadable: key and reason of each recording that was set aside.
        resampling: what the intervals resample, and why.
        rule: how the split came about.
        warnings: what a reader should know about the data.
        predictions: the answers beside the truth, one row a clip.
        sources: an even sample of the recordings, as `Model` takes them.
    """

    split: str
    scores: Mapping[str, Score]
    n: int
    unreadable: tuple[tuple[str, str], ...]
    resampling: str
    rule: str
    warnings: tuple[str, ...]
    predictions: Predictions
    sources: tuple[str | bytes, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return {"scores": {name: {value, low, high, n}}}, a shape that stays stable."""
        return {"scores": scores_to_dict(self.scores)}


def evaluate(
    model: Model,
    data: Data,
    split: str = "test",
    *,
    need: Sequence[str] = (),
    seed: int = 0,
    columns: Sequence[str] = (),
) -> Evaluation:
    """Score a model on one split of labeled data.

    Args:
        model: what `audio_ft.load` returned.
        data: recordings with targets that the model knows.
        split: train, validation or test.
        need: splits to make where the data gives none: all three for data that the model was trained on, so that its
            training recordings stay out of the test; empty takes data without splits as the split asked for.
        seed: seed of the resamples.
        columns: what the answers are to be sliced by, refused before the model is asked where it is not there.

    Raises:
        InputError: data that cannot be read, labels that the model does not know, a column that the data does not have,
            or not one readable recording.
    """
    if split not in SPLITS:
        raise InputError(f"split is one of {', '.join(SPLITS)}, not {split!r}.")
    labels = model.task.labels if model.task.kind in ("single", "multi") else None
    model.chain.require_rate(model.adapter.sample_rate)
    loaded = load(data, task=model.task.reads, need=tuple(need) or (split,), labels=labels, kind=model.task.kind)
    table = loaded.splits[split]
    if columns:
        check_columns(columns, known_columns(model.task.kind, table["group"], table["meta"]))
    cleaned = clean(table, Cleaner(model.chain.remaining(loaded.chain), model.adapter, features=True), name=split)
    if not cleaned.clips:
        raise InputError(f"Not one recording of the {split} split can be read (first: {': '.join(cleaned.errors[0])}).")
    references = model.task.encode(table["target"])
    windows = Windows(cleaned.rows, references)
    responses = responses_of(model.network, model.task, Collator(model.adapter, model.task), windows)
    predictions = model.task.predictions(responses, windows.clips, len(references))
    present = np.unique(windows.clips)
    column = list(table["group"])
    groups = [column[clip] for clip in present] if any(group is not None for group in column) else None
    return Evaluation(
        split=split,
        scores=model.task.score(predictions[present], references[present], groups, seed),
        n=len(present),
        unreadable=cleaned.errors,
        resampling=resampling(groups),
        rule=loaded.rule,
        warnings=loaded.warnings,
        predictions=Predictions(
            tabulated(split, table, cleaned, model.task, predictions),
            model.task.kind,
            model.task.labels,
            seed,
            model.task.language,
        ),
        sources=tuple(_source(table[int(place)]["audio"]) for place in present[:: max(1, len(present) // SAMPLED)]),
    )


def _source(audio: Mapping[str, Any]) -> str | bytes:
    """Return a recording of a table, which is stored there or named by its path."""
    return audio["path"] if audio.get("bytes") is None else audio["bytes"]


def predict_split(prepared: Prepared, model: Any, split: str) -> NDArray[Any]:
    """Return one prediction a clip; rows of recordings that could not be read hold what no responses give."""
    task, windows = prepared.task, prepared.windows(split)
    collator = Collator(task.hearing(prepared.adapter), task)
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
        return scores_from_dict(read_json(file))
    model.to(arguments.device)
    scores = score_split(prepared, "test", predict_split(prepared, model, "test"))
    write_json(file, scores_to_dict(scores))
    shown = ", ".join(f"{name} {score}" for name, score in scores.items() if not name.endswith("_rate"))
    tell(f"untuned     {'a head that knows nothing yet: ' if prepared.task.from_scratch else ''}{shown}")
    return scores
