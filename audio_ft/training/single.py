"""One network of prepared data: fit it, save it, score it once and check it, in a folder that this process owns."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.models.load import quiet_transformers
from audio_ft.run import Run
from audio_ft.system.memory import freed_memory_kept
from audio_ft.training.loop import fit
from audio_ft.training.parity_check import clean_process
from audio_ft.training.processes import first_goes_first
from audio_ft.training.run_folder import released_on_failure
from audio_ft.training.save_run import finish
from audio_ft.training.small.estimators import fit_estimator
from audio_ft.training.timed.budget import fit_within
from audio_ft.training.unlabeled.continued import pretrained

if TYPE_CHECKING:
    from audio_ft.training.run_folder import Clock
    from audio_ft.training.setup import Prepared


def train_prepared(
    prepared: Prepared, folder: Path, clock: Clock, log: Callable[[str], None], *, smoke: bool = False
) -> Run:
    """Return the finished run of a training that `begin` marked in a folder, from its last checkpoint if there is one.

    Raises:
        InputError: settings that TrainingArguments or the network refuse.
        AudioFTError: see `fit` and `finish`.
    """
    from accelerate import PartialState

    first = PartialState().is_main_process
    clock.enter("training")
    with quiet_transformers(), clean_process() as process, freed_memory_kept():
        with released_on_failure(folder, clock) if first else nullcontext():
            prepared = pretrained(prepared, folder, log, clock.save, smoke=smoke)
            if prepared.adapter.fitted_at_once:
                fitted = fit_estimator(prepared, folder, log, process.start)
            elif prepared.recipe.budget is None:
                fitted = fit(prepared, folder, log, clock.save, process.start)
            else:
                fitted = fit_within(prepared, folder, log, clock, process.start)
        clock.enter("scoring")
        with first_goes_first():
            run = finish(prepared, fitted, folder, clock, process, smoke=smoke) if first else Run.load(folder)
    if first:
        fitted.trackers.log_scores(fitted.model, run.scores["test"])
    return run
