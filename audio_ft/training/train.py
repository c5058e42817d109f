"""Recipe -> Run: read, split, clean, fine-tune, save, score once, and check the saved model."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from audio_ft.errors import AudioFTError, InputError
from audio_ft.folder_lock import owned
from audio_ft.hub import push as hub
from audio_ft.recipe import Recipe
from audio_ft.redaction import as_path
from audio_ft.run import Run
from audio_ft.system.machine import prepare_for_torch
from audio_ft.training.messages import progress, results
from audio_ft.training.processes import check_division, first_goes_first, require_processes
from audio_ft.training.repeated.seeds import check_seeds, train_seeds
from audio_ft.training.resolving.arguments import check_training
from audio_ft.training.run_folder import Clock, begin, clips_before, refuse_finished
from audio_ft.training.setup import prepare
from audio_ft.training.single import train_prepared

logger = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    output_dir: str | Path,
    *,
    overwrite: bool = False,
    smoke: bool = False,
    log: Callable[[str], None] = progress,
    report: Callable[[str], None] | None = None,
    started: float | None = None,
) -> Run:
    """Fine-tune as a recipe says and return the finished run, which is written to `output_dir`.

    Called again with the same recipe and data, a killed training resumes from its last checkpoint. `log` receives each
    line of progress, `report` the final scores (None: `log`). With `push_to_hub` in the recipe, checkpoints go to a
    branch of the repository during training, and the finished run to its main branch. `smoke` marks the run as one that
    only checks that everything fits together; whether it could be pushed is checked, and nothing is. With several
    `seeds` in the recipe, each has a run in a sub-folder, and the one that is returned says how their scores spread. A
    `budget` in the recipe counts from `started`, as `time.monotonic` counts (None: from now).

    Raises:
        InputError: settings or data that cannot be used, too many unreadable recordings, or a folder that holds another
            run or in which another process works.
        AudioFTError: a loss that is not finite, a saved model whose outputs differ from the trained one, or a Hub that
            refuses it.
    """
    started = time.monotonic() if started is None else started
    work = train_seeds if recipe.seeds > 1 else partial(_train, clock=Clock(started))
    return in_folder(work, recipe, output_dir, overwrite=overwrite, smoke=smoke, log=log, report=report)


def in_folder(
    work: Callable[..., Run],
    recipe: Recipe,
    output_dir: str | Path,
    *,
    overwrite: bool,
    smoke: bool,
    log: Callable[[str], None],
    report: Callable[[str], None] | None,
) -> Run:
    """Check a recipe, let `work` train it in a folder that this process owns, and report and push its run.

    Raises:
        InputError: see `train`.
        AudioFTError: see `train`.
    """
    prepare_for_torch()  # before anything imports torch
    from accelerate import PartialState

    folder = Path(output_dir)
    recipe = _with_marked_paths(recipe)
    if recipe.data.folds is not None and recipe.data.test_fold is None:
        raise InputError(f"data.folds={recipe.data.folds} is a training for each fold: call cross_validate instead, or "
                         "set data.test_fold to train one model and test it on that fold.")  # fmt: skip
    check_division(recipe)
    check_training(recipe)
    check_seeds(recipe)
    require_processes()
    if recipe.budget is not None and PartialState().num_processes > 1:
        raise InputError("budget: several processes may not agree on when it ends; train in one, or leave budget out.")
    # Under torchrun or `accelerate launch` every process runs this; only the first one cleans, saves and logs.
    first = PartialState().is_main_process
    log = log if first else logger.debug
    refuse_finished(folder, overwrite)
    if recipe.push_to_hub and first:
        hub.check_before_training(recipe, recipe.push_to_hub, create=not smoke)
    if recipe.push_to_hub and smoke:
        log(f"push        could go to {recipe.push_to_hub}; this is a smoke run, so nothing is pushed")
        recipe = recipe.replace(push_to_hub=None)
    with owned(folder) if first else nullcontext():
        run = work(recipe, folder, overwrite=overwrite, smoke=smoke, log=log)
        if first:
            for line in results(run):
                (report or log)(line)
            if recipe.push_to_hub:
                (report or log)(f"pushed      {_publish(run, recipe.push_to_hub)}")
    return run


def _train(
    recipe: Recipe, folder: Path, *, overwrite: bool, smoke: bool, log: Callable[[str], None], clock: Clock
) -> Run:
    """Train into a folder that belongs to this process."""
    from accelerate import PartialState

    with first_goes_first():
        prepared = prepare(recipe, log, None if overwrite else clips_before(folder))
        if PartialState().is_main_process:
            begin(folder, prepared, overwrite, clock)
    return train_prepared(prepared, folder, clock, log, smoke=smoke)


def _with_marked_paths(recipe: Recipe) -> Recipe:
    """Return the recipe with local folders marked as paths, because a card may be rendered where they do not exist."""
    data = recipe.data.with_paths(as_path)
    extra = recipe.extra_eval and recipe.extra_eval.with_paths(as_path)
    pretrain = recipe.pretrain and as_path(recipe.pretrain)
    return dataclasses.replace(recipe, model=as_path(recipe.model), data=data, extra_eval=extra, pretrain=pretrain)


def _publish(run: Run, repository: str) -> str:
    """Push a run that has just finished and return the commit's address."""
    try:
        return hub.push(run, repository, private=hub.is_private(run.recipe)).url
    except AudioFTError as error:
        raise AudioFTError(
            f"The training is done and the run in {run.folder} is complete, but it is not on the Hub. {error} "
            f"(To push it later: audio-ft push {run.folder} {repository}.)"
        ) from error
