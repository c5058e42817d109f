"""What the arguments of a command name: recordings, recipes, runs, models, and labeled data to score a model on."""

from __future__ import annotations

import argparse
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import say
from audio_ft.cli.recipe_files import read_recipe
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.data import Data
    from audio_ft.data.readers.tree import Tree
    from audio_ft.evaluation.anomaly import Detected
    from audio_ft.inference.embedding_table import Embeddings
    from audio_ft.inference.predictor import Model
    from audio_ft.recipe import Recipe
    from audio_ft.run import Run


def local(path: str) -> str:
    """Return a path with ~ replaced, which shells leave in `--data=~/recordings`."""
    return str(Path(path).expanduser()) if path.startswith("~") else path


def recordings_below(folder: Path) -> Tree:
    """List a folder with its sub-folders.

    Raises:
        InputError: there are no recordings in it.
    """
    from audio_ft.data.readers.tree import scan

    tree = scan(folder)
    if not tree.audio:
        raise InputError(f"{folder}: no recordings found; give a recording or a folder with recordings.")
    return tree


def empty_recipe(data: str = "none") -> Recipe:
    """Return the recipe of commands that need no model, or that get one from their options."""
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe

    return Recipe(model="none", data=Data(path=data))


def saved_recipe(folder: Path) -> Recipe | None:
    """Return the recipe of a run's or a model's folder, None where it has none."""
    from audio_ft.recipe import Recipe
    from audio_ft.run import MODEL_FOLDER, RECIPE_FILE

    files = (folder / MODEL_FOLDER / RECIPE_FILE, folder / RECIPE_FILE)
    return next((Recipe.load(file) for file in files if file.is_file()), None)


def chosen_recipe(source: str | None) -> Recipe:
    """Return the recipe of a file, a finished run or a saved model; for None, one with the default chain.

    Raises:
        InputError: none of these.
    """
    if source is None:
        return empty_recipe()
    path = Path(source).expanduser()
    if saved := saved_recipe(path):
        return saved
    if path.is_dir():
        raise InputError(f"{source} has no recipe.json; give a finished run, a recipe.json or a recipe's .py file.")
    return read_recipe(path)


def repository_of(place: str) -> str | None:
    """Return the repository on the Hub, without its revision; None if `place` is a local folder."""
    return None if Path(place).expanduser().is_dir() else place.partition("@")[0]


def finished(place: str, *, predictions: bool = False) -> Run:
    """Return the run in a folder, or that of a repository on the Hub, downloaded without its weights.

    `predictions` requires predictions.parquet too.

    Raises:
        InputError: no such folder and no such repository, no run.json in it, or no predictions where they are needed.
        AudioFTError: the Hub cannot be reached.
    """
    from audio_ft.hub.download import pull
    from audio_ft.run import PREDICTIONS_FILE, RUN_FILE, Run

    repository = repository_of(place)
    if repository is None:
        return Run.load(Path(place).expanduser())
    folder = pull(place, only=(RUN_FILE, "config.json", *((PREDICTIONS_FILE,) if predictions else ())))
    if not (folder / RUN_FILE).is_file():
        raise InputError(
            f"{place} has no {RUN_FILE}, so it is unknown how it was trained; `audio-ft push` uploads one."
        )
    if predictions and not (folder / PREDICTIONS_FILE).is_file():
        raise InputError(
            f"{place} has no {PREDICTIONS_FILE}, which this command needs: it was pushed without them, or not "
            f"downloaded while there was a network. The owner of the run can upload them with `audio-ft push RUN "
            f"{repository} --predictions`; `audio-ft evaluate {place} DATA` scores the model without them."
        )
    return Run.load(folder)


def run_of(model: Model) -> Run | None:
    """Return the finished run that holds a model; None for a model's folder alone, or one from the Hub."""
    from audio_ft.run import MODEL_FOLDER, RUN_FILE, Run

    if model.folder.name != MODEL_FOLDER:
        return None
    return Run.load(model.folder.parent) if (model.folder.parent / RUN_FILE).is_file() else None


def name_of(place: str, run: Run | None) -> str:
    """Return what a model is called: the name of its run, or where it is without folders of this machine."""
    from audio_ft.redaction import display_name

    return (run.recipe.name if run else "") or display_name(place)


def labeled(arguments: argparse.Namespace, folder: Path) -> tuple[Data, tuple[str, ...]]:
    """Return the data that the arguments name, and the splits to make if it has none; `folder` is that of the model.

    The training data of the model has the columns of the training, and all of its splits are made again.

    Raises:
        InputError: --set of something else than the data.
    """
    from audio_ft.data import Data
    from audio_ft.data.mixture import members
    from audio_ft.data.prepare import raw_data
    from audio_ft.data.splitting.splits import SPLITS
    from audio_ft.recipe import Recipe
    from audio_ft.run import RECIPE_FILE

    _require_data_settings(arguments.set)
    file = folder / RECIPE_FILE
    # A checkpoint of another tool has none.
    recipe = Recipe.load(file) if file.is_file() else empty_recipe()
    path, known = local(arguments.data), recipe.data
    # A pushed recipe has only the name of local data.
    is_name = Path(known.path).name == known.path == Path(path).name
    named_alike = is_name and not Path(arguments.model).expanduser().exists()
    trained_on = named_alike or _same_place(known, path)
    if own := tuple(one for one in members(known).values() if _same_place(one, path)) if known.sources else ():
        say(f"{arguments.data} is one of the sources of the training, and is read as there.")
        known, trained_on = known.replace(sources=own), True
    if named_alike:
        say(f"{arguments.data} has the name of the training data of {arguments.model} and is treated as that.")
    raw = raw_data(Path(known.path).expanduser())
    if raw is not None and not trained_on and _same_place(raw, path):
        say(f"{known.path} was prepared from {arguments.data}, so the splits are those of the training.")
        known, trained_on = raw, True
    data = (known if known.sources else known.replace(path=path)) if trained_on else Data(path=path)
    data = recipe.replace(data=data).override(arguments.set).data
    return with_columns(data, arguments), SPLITS if trained_on else ()


def unlabeled(arguments: argparse.Namespace) -> Data:
    """Return the data that the arguments name, of which no targets are needed.

    Raises:
        InputError: --set of something else than the data.
    """
    _require_data_settings(arguments.set)
    return with_columns(empty_recipe(local(arguments.data)).override(arguments.set).data, arguments)


def say_about(found: Embeddings | Detected) -> None:
    """Say how recordings were read, and which ones could not be."""
    for note in found.notes:
        say(f"note: {note}")
    for file, reason in found.unreadable:
        say(f"excluded: {file}: {reason}")


def _require_data_settings(assignments: Sequence[str]) -> None:
    """Refuse to set anything but the data."""
    from audio_ft.recipe import Recipe

    for assignment in assignments:
        if not Recipe.full_name(assignment.partition("=")[0]).startswith("data."):
            raise InputError(f"--set {assignment}: only the data can be set here; write --set data.KEY=VALUE.")


def with_columns(data: Data, arguments: argparse.Namespace) -> Data:
    """Return the data with the columns and filters that the options name, which come before --set."""
    named = {name: value for name in ("target", "group") if (value := getattr(arguments, name, None)) is not None}
    return data.replace(**named, where=(*data.where, *arguments.where))


def _same_place(data: Data, path: str) -> bool:
    """Return whether a path leads to this data, whatever it is called there."""
    return data.path == path or Path(data.path).expanduser().resolve() == Path(path).resolve()


def recordings_found(patterns: Sequence[str]) -> list[str]:
    """Return the files that paths, folders and patterns name, each once, in order; a missing file stays in the list.

    Raises:
        InputError: a folder without recordings, or a pattern that nothing matches.
    """
    files: dict[str, None] = {}
    for pattern in patterns:
        path = os.path.expanduser(pattern)
        # A name may contain brackets and stars: what exists under that very name is not a pattern.
        is_pattern = glob.has_magic(path) and not os.path.lexists(path)
        matches = sorted(glob.glob(path, recursive=True)) if is_pattern else [path]
        if not matches:
            raise InputError(f"Nothing matches {pattern!r}; give recordings, folders or patterns.")
        for match in matches:
            own = _in_folder(match) if os.path.isdir(match) else [match]
            if not own and match == path:
                raise InputError(f"The folder {pattern} has no recordings (.wav, .flac, .mp3, .m4a, …).")
            files.update(dict.fromkeys(own))
    return list(files)


def _in_folder(folder: str) -> list[str]:
    from audio_ft.audio.clip import AUDIO_SUFFIXES

    def left_out(error: OSError) -> None:
        say(f"warning: folder {error.filename} left out: it cannot be listed ({error.strerror})")

    paths = (os.path.join(here, name) for here, _, names in os.walk(folder, onerror=left_out) for name in names)
    return sorted(path for path in paths if os.path.splitext(path)[1].lower() in AUDIO_SUFFIXES)
