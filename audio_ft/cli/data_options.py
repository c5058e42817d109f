"""The labeled data that `evaluate` and `robustness` score a model on: given as arguments, or known from training."""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import say
from audio_ft.data.splits import SPLITS

if TYPE_CHECKING:
    from audio_ft.data import Data
    from audio_ft.inference.predictor import Model
    from audio_ft.run import Run


@dataclass(frozen=True)
class Labeled:
    """Hold the data asked for; `own` says that the model was trained on it, so that all its splits must be made."""

    data: Data
    own: bool

    @property
    def need(self) -> tuple[str, ...]:
        """Return the splits to make where the data gives none."""
        return SPLITS if self.own else ()


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which labeled data is meant."""
    parser.add_argument("model", metavar="RUN_OR_MODEL", help="a run's folder, a model's folder or an id on the Hub")
    parser.add_argument("data", metavar="DATA", help="folder, manifest (csv, tsv, jsonl, parquet) or id on the Hub")
    parser.add_argument("--split", default="test", choices=SPLITS, help="default: test")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="a setting of the data, target=word; repeatable"
    )
    parser.add_argument(
        "--where",
        metavar="FILTER",
        action="append",
        default=[],
        help='score only rows that meet it, "age>60"; repeatable',
    )


def labeled(arguments: argparse.Namespace, model: Model) -> Labeled:
    """Return the data that the arguments name, with the columns and splits of the training where that is its data."""
    from audio_ft.data.prepare import raw_data
    from audio_ft.recipe import Recipe
    from audio_ft.run import RECIPE_FILE

    recipe = Recipe.load(model.folder / RECIPE_FILE)
    named_alike = is_namesake(recipe.data, arguments.data) and not Path(arguments.model).expanduser().exists()
    trained_on = named_alike or same_place(recipe.data, arguments.data)
    if named_alike:
        say(f"{arguments.data} is taken for the data that {arguments.model} was trained on, whose name it has.")
    here = wishes(arguments.data)
    raw = raw_data(Path(recipe.data.path).expanduser())
    if raw is not None and not trained_on and same_place(raw, arguments.data):
        say(f"{arguments.data} is what {recipe.data.path} was prepared from, so the splits are those of the training.")
        recipe, trained_on = dataclasses.replace(recipe, data=raw), True
    settings = [f"data.{item}" for item in arguments.set]
    known = dataclasses.replace(recipe.data, path=here.path) if trained_on else here
    data = dataclasses.replace(recipe, data=known).override(settings).data
    return Labeled(dataclasses.replace(data, where=(*data.where, *arguments.where)), trained_on)


def run_of(model: Model) -> Run | None:
    """Return the finished run that a model lies in, or None: a model's folder alone, or one from the Hub."""
    from audio_ft.run import RUN_FILE, Run

    return Run.load(model.folder.parent) if (model.folder.parent / RUN_FILE).is_file() else None


def wishes(path: str) -> Data:
    """Return the data at a place, with nothing wished of it."""
    from audio_ft.data import Data

    return Data(path=str(Path(path).expanduser()) if path.startswith("~") else path)


def same_place(data: Data, path: str) -> bool:
    """Return whether a path leads to data that was named otherwise."""
    return data.path == path or Path(data.path).expanduser().resolve() == Path(path).expanduser().resolve()


def is_namesake(data: Data, path: str) -> bool:
    """Return whether a path ends in the name of the data; of local data a pushed recipe tells the name alone."""
    return Path(data.path).name == data.path == Path(path).expanduser().name
