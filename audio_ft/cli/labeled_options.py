"""The model and the labeled data of `evaluate` and `robustness`; columns and splits may be known from training."""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import say
from audio_ft.cli.data_options import DATA_HELP, local
from audio_ft.cli.options import add_set, add_where
from audio_ft.data.splits import SPLITS
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.data import Data
    from audio_ft.inference.predictor import Model
    from audio_ft.run import Run


@dataclass(frozen=True)
class Labeled:
    """Hold the data; `own` is true for the training data of the model, whose splits must all be made again."""

    data: Data
    own: bool

    @property
    def need(self) -> tuple[str, ...]:
        """Return the splits to make if the data has none."""
        return SPLITS if self.own else ()


def add_labeled_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name the model, the data and the split."""
    parser.add_argument("model", metavar="RUN_OR_MODEL", help="a run's folder, a model's folder or an id on the Hub")
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    parser.add_argument("--split", default="test", choices=SPLITS, help="default: test")
    add_set(parser, "a setting of the data: data.target=word, data.group=speaker")
    add_where(parser)


def labeled(arguments: argparse.Namespace, model: Model) -> Labeled:
    """Return the data that the arguments name, with columns and splits of the training if it is the training data.

    Raises:
        InputError: --set of something else than the data.
    """
    from audio_ft.data import Data
    from audio_ft.data.prepare import raw_data
    from audio_ft.recipe import Recipe
    from audio_ft.run import RECIPE_FILE

    for assignment in arguments.set:
        if not assignment.startswith("data."):
            raise InputError(f"--set {assignment}: only the data can be set here; write --set data.KEY=VALUE.")
    recipe = Recipe.load(model.folder / RECIPE_FILE)
    named_alike = is_namesake(recipe.data, arguments.data) and not Path(arguments.model).expanduser().exists()
    trained_on = named_alike or same_place(recipe.data, arguments.data)
    if named_alike:
        say(f"{arguments.data} has the name of the training data of {arguments.model} and is treated as that.")
    here = Data(path=local(arguments.data))
    raw = raw_data(Path(recipe.data.path).expanduser())
    if raw is not None and not trained_on and same_place(raw, arguments.data):
        say(f"{recipe.data.path} was prepared from {arguments.data}, so the splits are those of the training.")
        recipe, trained_on = dataclasses.replace(recipe, data=raw), True
    known = dataclasses.replace(recipe.data, path=here.path) if trained_on else here
    data = dataclasses.replace(recipe, data=known).override(arguments.set).data
    return Labeled(dataclasses.replace(data, where=(*data.where, *arguments.where)), trained_on)


def run_of(model: Model) -> Run | None:
    """Return the finished run that holds a model; None for a model's folder alone, or one from the Hub."""
    from audio_ft.run import RUN_FILE, Run

    return Run.load(model.folder.parent) if (model.folder.parent / RUN_FILE).is_file() else None


def same_place(data: Data, path: str) -> bool:
    """Return whether a path leads to this data, whatever it is called there."""
    return data.path == path or Path(data.path).expanduser().resolve() == Path(path).expanduser().resolve()


def is_namesake(data: Data, path: str) -> bool:
    """Return whether a path ends in the name of the data: a pushed recipe has only the name of local data."""
    return Path(data.path).name == data.path == Path(path).expanduser().name
