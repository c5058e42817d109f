"""After the last step: save the model as transformers does, score it once, check that it loads, and write run.json."""

from __future__ import annotations

import datetime
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.evaluation.baselines import baseline_scores
from audio_ft.evaluation.predictions import tabulated
from audio_ft.file_io import file_digest, replacing
from audio_ft.run import CHAIN_FILE, MODEL_FOLDER, PREDICTIONS_FILE, RECIPE_FILE, UNTUNED_FILE, Run
from audio_ft.system import describe, versions
from audio_ft.training.parity_check import check_parity
from audio_ft.training.retention import score_split
from audio_ft.training.run_folder import CHECKPOINTS, STARTED_FILE, data_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audio_ft.evaluation.scoring import Scored
    from audio_ft.metrics import Score
    from audio_ft.training.loop import Fitted
    from audio_ft.training.setup import Prepared
    from audio_ft.training.timing import Clock

logger = logging.getLogger(__name__)
SCORED = ("validation", "test")


def finish(prepared: Prepared, fitted: Fitted, folder: Path, clock: Clock) -> Run:
    """Save and score a fitted network, check it in a clean process, and return the run.

    Raises:
        AudioFTError: the saved model does not load, or its outputs differ from the trained one.
    """
    from audio_ft.metrics import resampling

    model_folder = folder / MODEL_FOLDER
    save_model(prepared, fitted, model_folder)
    # Score the saved model in float32, as users will load it, rather than the network in memory.
    model: Any = prepared.task.load(prepared.adapter, model_folder)
    model.to(fitted.model.device)
    scored = {split: score_split(prepared, model, split) for split in SCORED}
    write_predictions(prepared, scored, folder / PREDICTIONS_FILE)
    check_parity(prepared, model, model_folder)
    run = Run(
        folder=folder,
        recipe=prepared.recipe,
        kind=prepared.task.target.kind,
        labels=prepared.task.target.names,
        data=data_facts(prepared),
        splits={split: split_facts(prepared, split) for split in prepared.cleaned},
        scores={split: found.scores for split, found in scored.items()},
        baselines=baselines(prepared, fitted),
        retention=fitted.retention,
        intervals=resampling(prepared.rows("test").groups),
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
    # The weights are in model/; checkpoints hold a second copy and twice their size of optimizer state.
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    for name in (STARTED_FILE, UNTUNED_FILE):
        (folder / name).unlink(missing_ok=True)
    return run


def baselines(prepared: Prepared, fitted: Fitted) -> dict[str, Mapping[str, Score]]:
    """Return the test scores of methods without a network, and of the untuned checkpoint."""
    target, rate, seed = prepared.task.target, prepared.adapter.sample_rate, prepared.recipe.seed
    found = baseline_scores(target, prepared.rows("train"), prepared.rows("test"), rate, seed=seed)
    return {**found, **({"untuned": fitted.untuned} if fitted.untuned else {})}


def write_predictions(prepared: Prepared, scored: Mapping[str, Scored], file: Path) -> None:
    """Write one row a clip of validation and test: target, prediction, and what the recording is."""
    import pandas

    frames = [
        tabulated(split, prepared.rows(split), prepared.task.target, found.predictions)
        for split, found in scored.items()
    ]
    with replacing(file) as unfinished:
        pandas.concat(frames, ignore_index=True).to_parquet(unfinished, index=False)


def data_facts(prepared: Prepared) -> dict[str, Any]:
    """Return the source of the data, the split rule and the warnings."""
    loaded = prepared.loaded
    return {
        "path": prepared.recipe.data.path,
        "target": loaded.column,
        "group": loaded.group,
        "rule": loaded.rule,
        "warnings": list(loaded.warnings),
        "window_seconds": prepared.adapter.window,
    }


def split_facts(prepared: Prepared, split: str) -> dict[str, Any]:
    """Return the counts of one split."""
    cleaned = prepared.cleaned[split]
    rows = prepared.rows(split)
    targets = rows.table.select(rows.readable)["target"]
    return {
        "clips": cleaned.clips,
        "windows": len(cleaned.rows),
        "seconds_before": round(cleaned.seconds_before, 2),
        "seconds": round(cleaned.seconds, 2),
        "unreadable": [list(error) for error in cleaned.errors],
        "excluded": [list(pair) for pair in prepared.excluded.get(split, ())],
        "notes": dict(sorted(cleaned.notes.items())),
        "classes": prepared.task.target.summary(targets).get("classes", {}),
    }


def save_model(prepared: Prepared, fitted: Fitted, folder: Path) -> None:
    """Write weights, configuration, feature extractor, chain.json and recipe.json, atomically.

    The recipe has the resolved window, so that prediction cuts long recordings in the same way.
    """
    # Restore the checkpoint's mask settings: ours were fitted to the training clips.
    for name in prepared.resolved.head.mask:
        setattr(fitted.model.config, name, getattr(prepared.adapter.config, name))
    with replacing(folder) as unfinished:
        fitted.model.save_pretrained(unfinished)
        prepared.task.save(prepared.task.inference_adapter(prepared.adapter), unfinished)
        prepared.recipe.steps.save(unfinished / CHAIN_FILE)
        prepared.recipe.save(unfinished / RECIPE_FILE)
