"""Recipe -> Run: read, split, clean, fine-tune, score once, save, and prove that what was saved loads and agrees."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from audio_ft.quiet import quiet_transformers
from audio_ft.recipe import Recipe
from audio_ft.run import Run
from audio_ft.training.briefing import results
from audio_ft.training.finish import finish
from audio_ft.training.fitting import fit
from audio_ft.training.preparation import prepare
from audio_ft.training.workplace import CHECKPOINTS, begin, last_checkpoint, refuse_finished, withdraw

logger = logging.getLogger(__name__)


def train(
    recipe: Recipe,
    output_dir: str | Path,
    *,
    overwrite: bool = False,
    tell: Callable[[str], None] = logger.info,
    report: Callable[[str], None] | None = None,
) -> Run:
    """Fine-tune as a recipe says and return the finished run, also left in `output_dir`.

    A killed training goes on from its last checkpoint when called again with the same recipe and data. `tell` receives
    what is said on the way, `report` the scores at the end (None: `tell` does).

    Raises:
        InputError: settings or data that cannot be used, too many unreadable recordings, or a folder with another run
        in it. AudioFTError: a loss that is not finite, or a saved model that does not answer as the trained one did.
    """
    from accelerate import PartialState

    clock = [time.monotonic()]
    recipe.check()
    # Under torchrun or `accelerate launch` every process comes through here; the first one cleans, saves and speaks.
    first = PartialState().is_main_process
    tell = tell if first else logger.debug
    folder = Path(output_dir)
    refuse_finished(folder, overwrite)
    with PartialState().main_process_first():
        prepared = prepare(recipe, tell)
    clock.append(time.monotonic())
    with PartialState().main_process_first():
        resume = begin(folder, prepared, overwrite) if first else last_checkpoint(folder / CHECKPOINTS)
    with quiet_transformers():
        try:
            fitted = fit(prepared, folder, resume, tell)
        except BaseException:
            if first:
                withdraw(folder)
            raise
        clock.append(time.monotonic())
        with PartialState().main_process_first():
            run = finish(prepared, fitted, folder, clock) if first else Run.load(folder)
    if first:
        (report or tell)(results(run))
    return run
