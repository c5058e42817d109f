"""After the last step: save an ordinary transformers repository, score it once, prove that it loads, record it."""

from __future__ import annotations

import datetime
import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.evaluation.evaluate import predict_split, readable, score_split
from audio_ft.evaluation.predictions import tabulated
from audio_ft.file_io import file_digest, replacing
from audio_ft.run import CHAIN_FILE, MODEL_FOLDER, PREDICTIONS_FILE, RECIPE_FILE, UNTUNED_FILE, Run
from audio_ft.system import describe, versions
from audio_ft.training.parity_check import prove
from audio_ft.training.run_folder import CHECKPOINTS, STARTED_FILE, data_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.metrics import Score
    from audio_ft.training.loop import Fitted
    from audio_ft.training.setup import Prepared
    from audio_ft.training.timing import Clock

logger = logging.getLogger(__name__)
SCORED = ("validation", "test")


def finish(prepared: Prepared, fitted: Fitted, folder: Path, clock: Clock) -> Run:
    """Save and score a fitted network and return its record, once a clean process has loaded it and agreed.

    Raises:
        AudioFTError: the saved model does not load, or answers otherwise than the trained one.
    """
    from audio_ft.metrics import resampling

    model_folder = folder / MODEL_FOLDER
    save_model(prepared, fitted, model_folder)
    # Scored is what was saved, not what was trained: read back in float32, the way a user will.
    model: Any = prepared.task.load(prepared.adapter, model_folder)
    model.to(fitted.model.device)
    predictions = {split: predict_split(prepared, model, split) for split in SCORED}
    scores = {split: score_split(prepared, split, predictions[split]) for split in SCORED}
    write_predictions(prepared, predictions, folder / PREDICTIONS_FILE)
    prove(prepared, model, model_folder)
    run = Run(
        folder=folder,
        recipe=prepared.recipe,
        kind=prepared.task.kind,
        labels=prepared.task.labels,
        data=data_facts(prepared),
        splits={split: split_facts(prepared, split) for split in prepared.cleaned},
        scores=scores,
        baselines=baselines(prepared, fitted),
        retention=fitted.retention,
        intervals=resampling(prepared.groups("test")),
        best=fitted.best,
        history=fitted.history,
        parameters=fitted.parameters,
        training=fitted.settings,
        digests={
            "recipe": prepared.recipe.digest,
            "chain": prepared.recipe.steps.digest,
            "data": data_digest(prepared),
            "model": file_digest(model_folder / "model.safetensors"),
        },
        versions=versions(),
        hardware=describe() | {"precision": fitted.precision},
        seconds=clock.seconds(),
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    )
    run.save()
    # The weights are in model/ now; checkpoints hold them again together with twice their size of optimizer state.
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    for name in (STARTED_FILE, UNTUNED_FILE):
        (folder / name).unlink(missing_ok=True)
    return run


def baselines(prepared: Prepared, fitted: Fitted) -> dict[str, dict[str, Score]]:
    """Score on the test split what the result has to beat: methods without a network, and the untuned checkpoint."""
    train, test = readable(prepared, "train"), readable(prepared, "test")
    features = {split: mfcc_of(prepared, split) for split in ("train", "test")}
    answers = prepared.task.baselines(features["train"], prepared.targets["train"][train], features["test"])
    groups = prepared.groups("test")
    chosen = [groups[clip] for clip in test] if groups else None
    scores = {
        name: prepared.task.score(answer, prepared.targets["test"][test], chosen, prepared.recipe.seed)
        for name, answer in answers.items()
    }
    return scores | ({"untuned": dict(fitted.untuned)} if fitted.untuned else {})


def mfcc_of(prepared: Prepared, split: str) -> NDArray[np.float32]:
    """Return each readable clip's MFCC statistics (clips, k), computed when it was cleaned."""
    rows = prepared.cleaned[split].rows.select_columns(["clip", "start", "mfcc"]).to_pandas()
    firsts = rows[rows["start"] == 0].sort_values("clip")
    return np.stack(firsts["mfcc"].to_list())


def write_predictions(prepared: Prepared, predictions: dict[str, NDArray[Any]], file: Path) -> None:
    """Write one row a clip of validation and test: what was asked, answered and right, and what the recording is."""
    import pandas

    frames = [
        tabulated(split, prepared.loaded.splits[split], prepared.cleaned[split], prepared.task, values)
        for split, values in predictions.items()
    ]
    with replacing(file) as unfinished:
        pandas.concat(frames, ignore_index=True).to_parquet(unfinished, index=False)


def data_facts(prepared: Prepared) -> dict[str, Any]:
    """Return where the data came from, how it was split and what was noticed."""
    loaded = prepared.loaded
    return {
        "path": prepared.recipe.data.path,
        "target": loaded.target,
        "group": loaded.group,
        "rule": loaded.rule,
        "warnings": list(loaded.warnings),
        "window_seconds": prepared.adapter.window,
    }


def split_facts(prepared: Prepared, split: str) -> dict[str, Any]:
    """Return the counts of one split."""
    cleaned = prepared.cleaned[split]
    present = readable(prepared, split)
    targets = prepared.loaded.splits[split].select(present)["target"]
    names = [name for target in targets for name in (target if isinstance(target, list) else [target])]
    return {
        "clips": cleaned.clips,
        "windows": len(cleaned.rows),
        "seconds_before": round(cleaned.seconds_before, 2),
        "seconds": round(cleaned.seconds, 2),
        "unreadable": [list(error) for error in cleaned.errors],
        "excluded": [list(pair) for pair in prepared.excluded.get(split, ())],
        "notes": dict(sorted(cleaned.notes.items())),
        "classes": dict(sorted(Counter(names).items())) if prepared.task.kind in ("single", "multi") else {},
    }


def save_model(prepared: Prepared, fitted: Fitted, folder: Path) -> None:
    """Write weights, configuration, feature extractor, chain.json and recipe.json into a folder that appears whole.

    The recipe is written with the window that was resolved, so that long recordings are cut the same way at prediction.
    """
    # The checkpoint's own masking comes back: ours was fitted to the training clips and is no business of the next
    # user's.
    for name in prepared.head.mask:
        setattr(fitted.model.config, name, getattr(prepared.adapter.config, name))
    with replacing(folder) as unfinished:
        fitted.model.save_pretrained(unfinished)
        prepared.task.save(prepared.task.hearing(prepared.adapter), unfinished)
        prepared.recipe.steps.save(unfinished / CHAIN_FILE)
        prepared.recipe.save(unfinished / RECIPE_FILE)
