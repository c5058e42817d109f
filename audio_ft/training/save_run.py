"""After the last step: save the model as transformers does, score it once, check that it loads, and write run.json."""

from __future__ import annotations

import datetime
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.evaluation.baselines import baseline_predictions, read_baselines, write_baselines
from audio_ft.evaluation.by_source import scores_by_source
from audio_ft.evaluation.leaks import FINGERPRINTS_FILE, save_sides, scores_without_leaks, side_of
from audio_ft.evaluation.predictions import tabulated
from audio_ft.file_io import file_digest, remove, replacing
from audio_ft.run import (
    BASELINES_FILE,
    CHAIN_FILE,
    MODEL_FOLDER,
    PREDICTIONS_FILE,
    PROBE_FILE,
    RECIPE_FILE,
    UNTUNED_FILE,
    Run,
)
from audio_ft.system.machine import describe, versions
from audio_ft.training.parity_check import CleanProcess, ask_clean_process, check_parity
from audio_ft.training.run_folder import CHECKPOINTS, PRETRAINING, STARTED_FILE, data_digest
from audio_ft.training.weights.retention import score_split, tuned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from audio_ft.data.leaks.certify import Side
    from audio_ft.evaluation.scoring import Scored
    from audio_ft.metrics import Score
    from audio_ft.training.loop import Fitted
    from audio_ft.training.run_folder import Clock
    from audio_ft.training.setup import Prepared


logger = logging.getLogger(__name__)

# Also where training and its validation are in bf16: of 1,223 clips of digits and emotion_de a wav2vec2-mini gave 4
# another label in bf16 (probabilities moved by .013 at most), and two of four accuracies changed.
SCORED_IN = "float32"


def finish(
    prepared: Prepared, fitted: Fitted, folder: Path, clock: Clock, process: CleanProcess, *, smoke: bool = False
) -> Run:
    """Save and score a fitted network, check it in a clean process, and return the run.

    Raises:
        AudioFTError: the saved model does not load, or its outputs differ from the trained one.
    """
    from audio_ft.metrics import resampling

    prepared = tuned(prepared, fitted.model)
    recipe, adapter, target = prepared.recipe, prepared.adapter, prepared.task.target
    model_folder = folder / MODEL_FOLDER
    save_model(prepared, fitted, model_folder)
    asked = ask_clean_process(prepared, model_folder, process)
    # Score the saved model, as users will load it, rather than the network in memory.
    model: Any = prepared.task.load(adapter, model_folder)
    model.to(fitted.model.device)
    scored = {split: score_split(prepared, model, split) for split in ("validation", "test")}
    write_predictions(prepared, scored, folder / PREDICTIONS_FILE)
    test, baselines = prepared.rows("test"), score_baselines(prepared, fitted, folder)
    save_sides(_compared(prepared), folder / FINGERPRINTS_FILE)
    check_parity(prepared, model, asked, model_folder, process)
    run = Run(
        folder=folder,
        recipe=recipe,
        kind=target.kind,
        labels=target.names,
        data=data_facts(prepared),
        splits={split: split_facts(prepared, split) for split in prepared.cleaned},
        scores={split: found.scores for split, found in scored.items()},
        baselines={**baselines, **({"untuned": fitted.untuned} if fitted.untuned else {})},
        retention=fitted.retention,
        intervals=resampling(test.groups),
        best=fitted.best,
        history=fitted.history,
        parameters=fitted.parameters,
        training={**fitted.settings, **chosen_facts(prepared)},
        digests=digests_of(prepared, model_folder),
        versions=versions(),
        hardware=describe() | {"precision": fitted.precision, "scoring_precision": SCORED_IN},
        seconds=clock.seconds(),
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        smoke=smoke,
        leaks=prepared.certificate.to_dict(),
        without_leaks=scores_without_leaks(prepared.certificate, test, target, scored["test"].predictions, recipe.seed),
        **({"pretraining": prepared.pretrained.facts} if prepared.pretrained else {}),
        by=scores_by_source(
            test, target, scored["test"].predictions, recipe.seed, sources=bool(prepared.loaded.sources)
        ),
        **fitted.facts,
    )
    run.save()
    # The weights are in model/; checkpoints hold a second copy and twice their size of optimizer state.
    for name in (CHECKPOINTS, PRETRAINING, STARTED_FILE, UNTUNED_FILE, PROBE_FILE):
        remove(folder / name)
    return run


def _compared(prepared: Prepared) -> dict[str, Side]:
    """Return what other data is compared with when the run is evaluated; of streamed clips there is too much."""
    chosen = [split for split in ("train", "validation") if not prepared.cleaned[split].shuffled]
    return {split: side_of(prepared.rows(split), prepared.task.target) for split in chosen}


def digests_of(prepared: Prepared, model_folder: Path) -> dict[str, str]:
    """Return the digests of what decided the weights, and of the weights."""
    return {
        "recipe": prepared.recipe.digest,
        "chain": prepared.recipe.steps.digest,
        "data": data_digest(prepared),
        "model": file_digest(model_folder / prepared.adapter.weights_file),
        **prepared.learned_from,
    }


def score_baselines(prepared: Prepared, fitted: Fitted, folder: Path) -> dict[str, Mapping[str, Score]]:
    """Score the baselines on the test split, those of the fitted network too, and write their predictions.

    Trainings that share a folder compute them once.
    """
    target, test, known = prepared.task.target, prepared.rows("test"), prepared.place(folder) / BASELINES_FILE
    predict_baselines(prepared, fitted.baselines, known)
    simple = read_baselines(known)
    if known.parent != folder:
        write_baselines(simple, folder / BASELINES_FILE)
    truth = target.encode(test.table.select(test.readable)["target"])
    seed = prepared.recipe.seed
    return {name: target.score(found, truth, test.groups, seed=seed) for name, found in simple.items()}


def predict_baselines(prepared: Prepared, others: Mapping[str, NDArray[Any]], file: Path) -> None:
    """Write what the baselines predict for the test clips, and `others` predicted, unless the file is there."""
    if not file.is_file():
        train, test, rate = prepared.rows("train"), prepared.rows("test"), prepared.adapter.sample_rate
        simple = baseline_predictions(prepared.task.target, train, test, rate, seed=prepared.recipe.seed)
        write_baselines({**simple, **others}, file)


def chosen_facts(prepared: Prepared) -> dict[str, Any]:
    """Return what the task chose by the validation split, as settings with their origin."""
    chosen = prepared.task.chosen.items()
    return {name: {"value": value, "origin": "default: best on the validation split"} for name, value in chosen}


def write_predictions(prepared: Prepared, scored: Mapping[str, Scored], file: Path) -> None:
    """Write one row a clip of validation and test: target, prediction, and what the recording is."""
    import pandas

    target = prepared.task.target
    frames = [tabulated(split, prepared.rows(split), target, found.predictions) for split, found in scored.items()]
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
        "reading": loaded.reading,
        "warnings": list(loaded.warnings),
        "pseudo_labels": loaded.pseudo,
        "rights": {name: dict(counts) for name, counts in loaded.rights.items()},
        "window_seconds": prepared.adapter.window,
        **({"sources": {name: dict(facts) for name, facts in loaded.sources.items()}} if loaded.sources else {}),
    }


def split_facts(prepared: Prepared, split: str) -> dict[str, Any]:
    """Return the counts of one split."""
    cleaned, rows = prepared.cleaned[split], prepared.rows(split)
    targets = rows.table.select(rows.readable)["target"]
    return {
        "clips": cleaned.clips,
        "windows": len(prepared.windows(split)),
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
    logger.debug("saving the model")
    # Restore the checkpoint's mask settings, for ours were fitted to the training clips, and what Trainer turns off.
    for name in (*prepared.resolved.head.mask, "use_cache"):
        if hasattr(prepared.adapter.config, name):
            setattr(fitted.model.config, name, getattr(prepared.adapter.config, name))
    with replacing(folder) as unfinished:
        fitted.model.save_pretrained(unfinished)
        prepared.task.save(prepared.task.inference_adapter(prepared.adapter), unfinished)
        prepared.recipe.steps.save(unfinished / CHAIN_FILE)
        prepared.recipe.save(unfinished / RECIPE_FILE)
        # safetensors writes files that only their owner can read, whatever the umask is.
        for weights in unfinished.glob("*.safetensors"):
            shutil.copymode(unfinished / RECIPE_FILE, weights)
