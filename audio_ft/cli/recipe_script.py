"""Train a recipe as options change it: `audio-ft train`, and `main(recipe)`, the last line of a recipe file."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from audio_ft.cli.console import guarded, say, show
from audio_ft.cli.inputs import empty_recipe, local
from audio_ft.cli.options import FLAG, add_data_options, add_options, changed, for_task
from audio_ft.cli.parser import Parser
from audio_ft.cli.recipe_files import read_recipe
from audio_ft.errors import InputError
from audio_ft.system.machine import prepare_for_torch

if TYPE_CHECKING:
    from audio_ft.recipe import Recipe

# A smoke run uses this many clips of each split, for this many steps.
SMOKE_CLIPS, SMOKE_STEPS = 24, 4
SMOKE_TRAINING = {"max_steps": SMOKE_STEPS, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1}
MODEL = "checkpoint: a folder or an id on the Hub; or from scratch: linear, svm, forest, cnn, gru, crnn"
SMOKE = f"check that everything fits together: {SMOKE_STEPS} steps, {SMOKE_CLIPS} clips a split, in RUN-smoke"


def main(recipe: Recipe, argv: Sequence[str] | None = None) -> NoReturn:
    """Train a recipe as the command line says, and exit the program.

    The last lines of a recipe file: `if __name__ == "__main__": main(recipe)`.

    Raises:
        SystemExit: 0 done, 1 failed, 2 wrong arguments or data, 130 stopped.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    prepare_for_torch()
    file = Path(sys.argv[0])

    def work() -> None:
        parser = Parser(prog=f"python {file}", description=getattr(sys.modules["__main__"], "__doc__", None))
        add_recipe_options(parser)
        add_options(parser, "--debug", "--quiet")
        train_recipe(recipe, parser.parse(words), file.stem)

    sys.exit(guarded(work, debug="--debug" in words, quiet="--quiet" in words))


def add_recipe_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names a recipe file."""
    what = "a .py that sets `recipe`, or a .json or .yaml of settings; options change it"
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help=what)


def chosen(arguments: argparse.Namespace, command: str) -> tuple[Recipe, argparse.Namespace, str]:
    """Return the recipe that the arguments name, they themselves and the recipe's name, as `train_recipe` takes them.

    Raises:
        InputError: neither a recipe nor model and data.
    """
    if arguments.recipe:
        return read_recipe(Path(arguments.recipe)), arguments, Path(arguments.recipe).stem
    if arguments.model and arguments.data:
        return empty_recipe(), arguments, ""
    raise InputError(f"{command} needs a RECIPE, or --model and --data; --output-dir says where to save the run.")


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that change a recipe and its training."""
    parser.add_argument("--model", metavar="ID_OR_PATH", help=MODEL)
    add_options(parser, "--data")
    parser.add_argument("--output-dir", metavar="RUN", help="folder for the run (default: runs/ and the recipe's name)")
    add_data_options(parser, set="any other setting of recipe, data, text or training (audio-ft settings lists them)")
    parser.add_argument("--budget", metavar="TIME", help="wall time for everything, such as 30s, 10min or 1h")
    parser.add_argument("--smoke", **FLAG, help=SMOKE)
    add_options(parser, "--overwrite", "--code", overwrite="a finished run in the output folder")
    parser.add_argument(
        "--allow-leaks", **FLAG, help="train although test recordings are in train too; the card says so"
    )
    parser.add_argument("--push-to-hub", metavar="REPO", help="put checkpoints and the finished run on the Hub")


def train_recipe(
    recipe: Recipe, arguments: argparse.Namespace, name: str, work: Callable[..., Any] | None = None
) -> None:
    """Train a recipe as the options change it; `name` is the folder where neither option nor recipe names one.

    Without a name there is no recipe file, so nobody chose a task. `work` trains in another way than `train`.

    Raises:
        InputError: an option with a value that does not fit, or no folder for the run.
    """
    started = time.monotonic()
    from audio_ft.training.repeated.folds import cross_validate
    from audio_ft.training.train import train

    recipe, from_file = changed(recipe, arguments), bool(name)
    recipe = recipe.replace(allow_leaks=recipe.allow_leaks or arguments.allow_leaks)
    if arguments.budget:
        recipe = recipe.override([f"budget={arguments.budget}"])
    name = recipe.name or name
    if not (arguments.output_dir or name):
        raise InputError("where should the run be saved? Add --output-dir, for example --output-dir runs/first.")
    folder = Path(local(arguments.output_dir)) if arguments.output_dir else Path("runs") / name
    if arguments.smoke:
        training = {**recipe.training, **SMOKE_TRAINING}
        recipe = recipe.replace(data=recipe.data.with_limit(SMOKE_CLIPS), training=training, budget=None)
        folder = folder.with_name(f"{folder.name}-smoke")
    folds = recipe.data.folds is not None and recipe.data.test_fold is None
    work = work or (cross_validate if folds else partial(train, started=started))
    overwrite = arguments.overwrite or arguments.smoke

    def trained(task: str) -> None:
        work(recipe.replace(task=task), folder, overwrite=overwrite, smoke=arguments.smoke, log=say, report=show)

    for_task(arguments, trained, usual=recipe.task if from_file else None)
