"""Cross-validation: one training a fold, and one score over the predictions of all of them."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from audio_ft.data import load
from audio_ft.errors import InputError
from audio_ft.evaluation.predictions import Predictions
from audio_ft.file_io import FORMAT, read_json, remove, replacing, write_json
from audio_ft.metrics import Score
from audio_ft.recipe import Recipe
from audio_ft.run import PREDICTIONS_FILE, RUN_FILE, Run
from audio_ft.settings.rules import as_json
from audio_ft.tasks import targets_of
from audio_ft.training.messages import of_folds
from audio_ft.training.run_folder import STARTED_FILE, refuse_finished
from audio_ft.training.train import train

logger = logging.getLogger(__name__)

FOLDS_FILE = "folds.json"


@dataclass(frozen=True)
class CrossValidation:
    """Hold the runs of all folds.

    Attributes:
        folder: where they are, with folds.json and the predictions of all folds.
        runs: the run that was tested on each fold.
        scores: the scores of all test predictions together; each clip was predicted once, by a network that it did not
            train.
        intervals: what the intervals resample.
    """

    folder: Path
    runs: Mapping[str, Run]
    scores: Mapping[str, Score]
    intervals: str


def cross_validate(
    recipe: Recipe,
    output_dir: str | Path,
    *,
    overwrite: bool = False,
    smoke: bool = False,
    log: Callable[[str], None] = logger.info,
    report: Callable[[str], None] | None = None,
) -> CrossValidation:
    """Train once for each fold of `recipe.data.folds`, test on that fold, and score all predictions together.

    Runs are written to `output_dir`/fold-NAME. Called again, finished folds are kept and a stopped one resumes. The
    arguments are those of `train`.

    Raises:
        InputError: no folds, settings or data that cannot be used, or a folder with another training in it.
    """
    from accelerate import PartialState

    folder, first = Path(output_dir), PartialState().is_main_process
    if recipe.push_to_hub:
        raise InputError("push_to_hub is for one model, and every fold trains its own; push the run that you choose.")
    if (folder / FOLDS_FILE).is_file() and not overwrite:
        raise InputError(f"{folder} already holds a finished cross-validation; choose another --output-dir, or pass "
                         "--overwrite.")  # fmt: skip
    with PartialState().main_process_first():
        names = _begin(recipe, folder, overwrite and first, log if first else logger.debug)
    runs = {}
    for number, (name, place) in enumerate(_places(folder, names).items(), start=1):
        own = recipe.replace(data=recipe.data.replace(test_fold=name))
        finished = (place / RUN_FILE).is_file()
        if first:
            log(f"fold        {name} ({number} of {len(names)}){': finished earlier' if finished else ''}")
        runs[name] = Run.load(place) if finished else train(own, place, smoke=smoke, log=log, report=log)
    found = _pooled(folder, runs)
    if first:
        _save(found)
        (report or log)(of_folds(found.runs, found.scores, found.intervals, folder / FOLDS_FILE))
    return found


def _begin(recipe: Recipe, folder: Path, overwrite: bool, log: Callable[[str], None]) -> tuple[str, ...]:
    """Return the names of the folds, and mark the folder as this cross-validation's."""
    if overwrite and ((folder / FOLDS_FILE).is_file() or (folder / STARTED_FILE).is_file()):
        shutil.rmtree(folder)
    refuse_finished(folder, overwrite=False)
    loaded = load(recipe.data, targets=targets_of(recipe.task))
    digests = {"recipe": recipe.digest, "data": loaded.fingerprint}
    marker = folder / STARTED_FILE
    recorded = read_json(marker) if marker.is_file() else digests
    if changed := " and ".join(name for name in digests if digests[name] != recorded.get(name)):
        raise InputError(f"{folder} holds an unfinished cross-validation with another {changed}; choose another "
                         "--output-dir, or pass --overwrite to start again.")  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    write_json(marker, digests)
    log(f"folds       {len(loaded.folds)}: {', '.join(loaded.folds)}")
    return loaded.folds


def _places(folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """Return the folder of each fold; names that files cannot have are numbered."""
    plain = {name: re.sub(r"[^\w.-]+", "_", name)[:80] for name in names}
    unique = len(set(plain.values())) == len(names)
    return {name: folder / f"fold-{plain[name] if unique else number}" for number, name in enumerate(names, start=1)}


def _pooled(folder: Path, runs: Mapping[str, Run]) -> CrossValidation:
    """Return the score over the test predictions of all folds.

    Raises:
        InputError: the folds trained on different labels.
    """
    import pandas

    from audio_ft.metrics import resampling

    one = next(iter(runs.values()))
    for name, run in runs.items():
        if apart := set(run.labels) ^ set(one.labels):
            raise InputError(f"fold {name} has other labels than the first ({', '.join(sorted(apart)[:5])}); remove "
                             "labels that are in a single fold.")  # fmt: skip
    tables = [Predictions.of(run).split("test").table.assign(fold=name) for name, run in runs.items()]
    pooled = Predictions(pandas.concat(tables, ignore_index=True), one.target, one.recipe.seed)
    with replacing(folder / PREDICTIONS_FILE) as unfinished:
        pooled.table.to_parquet(unfinished, index=False)
    return CrossValidation(folder, runs, pooled.score(), resampling(pooled.groups))


def _save(found: CrossValidation) -> None:
    """Write folds.json, whose presence says that all folds are done."""
    folds = {name: {"folder": run.folder.name, "scores": run.scores["test"]} for name, run in found.runs.items()}
    write_json(found.folder / FOLDS_FILE, {"format": FORMAT, **as_json(
        {"folds": folds, "scores": found.scores, "intervals": found.intervals})})  # fmt: skip
    remove(found.folder / STARTED_FILE)
