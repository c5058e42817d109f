"""Cross-validation: one training a fold, and one score over the predictions of all of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

from audio_ft.data import load
from audio_ft.errors import InputError
from audio_ft.file_io import read_json, remove, write_json
from audio_ft.folder_lock import LOCK_FILE, owned
from audio_ft.recipe import Recipe
from audio_ft.run import Run
from audio_ft.tasks import targets_of
from audio_ft.training.messages import of_folds, progress
from audio_ft.training.processes import check_division, first_goes_first, require_processes
from audio_ft.training.repeated.pooling import pooled, require_same_labels
from audio_ft.training.repeated.several import each_trained, released_if_empty
from audio_ft.training.resolving.arguments import check_training
from audio_ft.training.run_folder import STARTED_FILE, refuse_finished
from audio_ft.training.train import train

logger = logging.getLogger(__name__)


def cross_validate(
    recipe: Recipe,
    output_dir: str | Path,
    *,
    overwrite: bool = False,
    smoke: bool = False,
    log: Callable[[str], None] = progress,
    report: Callable[[str], None] | None = None,
) -> Run:
    """Train once for each fold of `recipe.data.folds`, test on that fold, and score all predictions together.

    Runs are written to `output_dir`/fold-NAME, and the run that is returned, which has their names in `folds` and their
    test predictions together, to `output_dir`. Called again, finished folds are kept and a stopped one resumes. The
    arguments are those of `train`.

    Raises:
        InputError: no folds, settings or data that cannot be used, or a folder with another training in it.
    """
    from accelerate import PartialState

    # It decides how processes find each other, so before it each would think it is the first.
    check_division(recipe)
    check_training(recipe)
    require_processes()
    folder, first = Path(output_dir), PartialState().is_main_process
    if recipe.seeds > 1:
        raise InputError(f"seeds={recipe.seeds} is for one split of the data, and data.folds={recipe.data.folds} makes "
                         "several; leave one of them out, or set data.test_fold.")  # fmt: skip
    if recipe.budget is not None:
        raise InputError("budget is for one training, and every fold is one; leave it out, or set data.test_fold.")
    if recipe.push_to_hub:
        raise InputError("push_to_hub is for one model, and every fold trains its own; push the run that you choose.")
    refuse_finished(folder, overwrite)
    log = log if first else logger.debug
    with owned(folder) if first else nullcontext():
        with first_goes_first():
            names = _begin(recipe, folder, overwrite, log, writes=first)
        with released_if_empty(folder) if first else nullcontext():
            runs = _trained(recipe, _places(folder, names), smoke, log)
        with first_goes_first():
            if first:
                pooled(recipe, folder, runs).save()
                remove(folder / STARTED_FILE)
            found = Run.load(folder)
    if first:
        for line in of_folds(found):
            (report or log)(line)
    return found


def _trained(recipe: Recipe, places: Mapping[str, Path], smoke: bool, log: Callable[[str], None]) -> dict[str, Run]:
    """Return the run of each fold, trained where it is not finished."""

    def train_in(name: str, place: Path) -> Run:
        own = recipe.replace(data=recipe.data.replace(test_fold=name))
        return train(own, place, smoke=smoke, log=log, report=log)

    return each_trained(places, train_in, log, "fold")


def _begin(
    recipe: Recipe, folder: Path, overwrite: bool, log: Callable[[str], None], *, writes: bool
) -> tuple[str, ...]:
    """Return the names of the folds; the process that `writes` marks the folder as this cross-validation's."""
    loaded = load(recipe.data, targets=targets_of(recipe.task))
    # What no fold can be trained on is refused before the first is.
    for name in loaded.folds:
        fold = load(recipe.data.replace(test_fold=name), targets=targets_of(recipe.task))
        require_same_labels({loaded.folds[0]: loaded.target.names, name: fold.target.names})
    digests = {"recipe": recipe.digest, "data": loaded.fingerprint}
    if writes:
        refuse_finished(folder, overwrite)  # again: another process may have finished there before this one owned it
        if overwrite:
            for path in folder.iterdir():
                if path.name != LOCK_FILE:
                    remove(path)
        marker = folder / STARTED_FILE
        recorded = read_json(marker) if marker.is_file() else digests
        if changed := " and ".join(name for name in digests if digests[name] != recorded.get(name)):
            raise InputError(f"{folder} holds an unfinished cross-validation with another {changed}; choose another "
                             "--output-dir, or pass --overwrite to start again.")  # fmt: skip
        write_json(marker, digests)
    log(f"folds       {len(loaded.folds)}: {', '.join(loaded.folds)}")
    return loaded.folds


def _places(folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """Return the folder of each fold; names that files cannot have are numbered."""
    plain = {name: re.sub(r"[^\w.-]+", "_", name)[:80] for name in names}
    unique = len({one.lower() for one in plain.values()}) == len(names)
    return {name: folder / f"fold-{plain[name] if unique else number}" for number, name in enumerate(names, start=1)}
