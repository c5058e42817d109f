"""The options that change a recipe, of `audio-ft train` and of a recipe file that runs as a program."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, say, show
from audio_ft.cli.data_options import DATA_HELP, local, moved
from audio_ft.cli.options import add_overwrite, add_set, add_task, add_where
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe

# A smoke run uses this many clips of each split, for this many steps.
SMOKE_CLIPS, SMOKE_STEPS = 24, 4
SMOKE_TRAINING = {"max_steps": SMOKE_STEPS, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1}


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that change a recipe."""
    parser.add_argument("--model", metavar="ID_OR_PATH", help="checkpoint: a folder or an id on the Hub")
    parser.add_argument("--data", metavar="DATA", help=DATA_HELP)
    parser.add_argument("--output-dir", metavar="RUN", help="folder for the run (default: runs/ and the recipe's name)")
    add_task(parser)
    add_set(parser, "any field of Recipe, of its data (data.target=…) or of transformers' TrainingArguments")
    add_where(parser)
    parser.add_argument(
        "--smoke",
        action="store_true",
        help=f"check that everything fits together: {SMOKE_STEPS} steps, {SMOKE_CLIPS} clips a split, in RUN-smoke",
    )
    add_overwrite(parser, "a finished run in the output folder")
    parser.add_argument("--push-to-hub", metavar="REPO", help="put checkpoints and the finished run on the Hub")


def train_recipe(recipe: Recipe, arguments: argparse.Namespace, name: str) -> int:
    """Train a recipe as the options change it; `name` is the folder where neither option nor recipe names one."""
    from audio_ft.training.train import train

    recipe = adjusted(recipe, arguments)
    folder = output_folder(arguments, recipe.name or name)
    if arguments.smoke:
        recipe, folder = smoke(recipe), folder.with_name(f"{folder.name}-smoke")
    train(recipe, folder, overwrite=arguments.overwrite or arguments.smoke, tell=say, report=show)
    if arguments.smoke:
        say("This was a smoke run: data, model and settings fit together. Its scores mean nothing.")
    return DONE


def adjusted(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return the recipe as the options change it.

    Raises:
        InputError: an option with a value that does not fit.
    """
    if arguments.model:
        recipe = dataclasses.replace(recipe, model=arguments.model, revision=None)
    if arguments.data:
        data = moved(recipe.data, arguments.data)
        # The consent was given for the recipe's own recordings; others need a sentence of their own.
        consent = recipe.consent if data.path == recipe.data.path else ""
        recipe = dataclasses.replace(recipe, data=data, consent=consent)
    if arguments.task:
        recipe = dataclasses.replace(recipe, task=arguments.task)
    recipe = recipe.override(arguments.set)
    if arguments.where:
        recipe = dataclasses.replace(
            recipe, data=dataclasses.replace(recipe.data, where=(*recipe.data.where, *arguments.where))
        )
    if arguments.push_to_hub:
        recipe = dataclasses.replace(recipe, push_to_hub=arguments.push_to_hub)
    return recipe


def output_folder(arguments: argparse.Namespace, name: str) -> Path:
    """Return the folder of the run.

    Raises:
        InputError: neither option nor recipe names one.
    """
    if not (arguments.output_dir or name):
        raise InputError("where should the run be saved? Add --output-dir, for example --output-dir runs/first.")
    return Path(local(arguments.output_dir)) if arguments.output_dir else Path("runs") / name


def smoke(recipe: Recipe) -> Recipe:
    """Return the recipe shortened to check in under a minute that data, model and settings fit together."""
    limit = min(recipe.data.limit or SMOKE_CLIPS, SMOKE_CLIPS)
    return dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, limit=limit),
        training={**recipe.training, **SMOKE_TRAINING},
        push_to_hub=None,
    )
