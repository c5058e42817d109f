"""`audio-ft train`: a recipe file, or a recipe made of flags, becomes a run."""

from __future__ import annotations

import argparse
import dataclasses
import re
import runpy
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import DONE, nearest, say, show
from audio_ft.errors import AudioFTError, InputError

if TYPE_CHECKING:
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe

# A smoke run sees this many clips of each split, for this many steps.
SMOKE_CLIPS, SMOKE_STEPS = 24, 4
SMOKE_TRAINING = {"max_steps": SMOKE_STEPS, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1}
EPILOG = """examples:
  audio-ft train --model facebook/wav2vec2-base --data recordings --output-dir runs/first
  audio-ft train recipes/wav2vec2_keywords.py --set learning_rate=1e-4 --set data.group=speaker
  audio-ft train --model openai/whisper-tiny --data calls.csv --where language=en --output-dir runs/calls

A training that was stopped goes on where it was when the same command runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    parser.epilog = EPILOG
    parser.add_argument("recipe", nargs="?", metavar="RECIPE.py", help="a file with a `recipe`; flags go above it")
    add_recipe_arguments(parser)


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that a recipe can be changed with, here and when a recipe file runs as a program."""
    parser.add_argument("--model", metavar="ID_OR_PATH", help="checkpoint: a folder or an id on the Hub")
    parser.add_argument("--data", metavar="DATA", help="folder, manifest (csv, tsv, jsonl, parquet) or id on the Hub")
    parser.add_argument("--output-dir", metavar="RUN", help="folder for the run (default: runs/ and the recipe's name)")
    parser.add_argument("--task", metavar="TASK", help="what to learn (default: classification)")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="any field of Recipe, of its data (data.target=…) or of transformers' TrainingArguments; repeatable",
    )
    parser.add_argument(
        "--where",
        metavar="FILTER",
        action="append",
        default=[],
        help='use only rows that meet it, "language=en"; repeatable',
    )
    parser.add_argument(
        "--smoke",
        action="store_true",
        help=f"see whether everything fits together: {SMOKE_STEPS} steps, {SMOKE_CLIPS} clips a split, into RUN-smoke",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a run that lies in the output folder")
    parser.add_argument("--push-to-hub", metavar="REPO", help="put checkpoints and the finished run on the Hub")


def run(arguments: argparse.Namespace) -> int:
    """Train as the arguments say and return the exit code."""
    if arguments.recipe:
        return train_recipe(read_recipe(Path(arguments.recipe)), arguments, Path(arguments.recipe).stem)
    if not (arguments.model and arguments.data):
        raise InputError("train takes a RECIPE.py, or --model and --data; --output-dir says where the run goes.")
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe

    return train_recipe(Recipe(model=arguments.model, data=Data(path=local(arguments.data))), arguments, "")


def train_recipe(recipe: Recipe, arguments: argparse.Namespace, name: str) -> int:
    """Train a recipe with flags above it; `name` names the output folder where neither flag nor recipe does."""
    from audio_ft.training.train import train

    recipe = adjusted(recipe, arguments)
    folder = output_folder(arguments, recipe.name or name)
    if arguments.smoke:
        recipe, folder = smoke(recipe), folder.with_name(f"{folder.name}-smoke")
    train(recipe, folder, overwrite=arguments.overwrite or arguments.smoke, tell=say, report=show)
    if arguments.smoke:
        say("This was a smoke run: everything fits together, and the scores mean nothing.")
    return DONE


def adjusted(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return the recipe with the flags above it.

    Raises:
        InputError: a flag whose value cannot be.
    """
    if arguments.model:
        recipe = dataclasses.replace(recipe, model=arguments.model, revision=None)
    if arguments.data:
        data = moved(recipe.data, arguments.data)
        # Who agreed to what is true of the recipe's own recordings; others need a sentence of their own.
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


def moved(data: Data, path: str) -> Data:
    """Return the same wishes for data at another place; what is true of the old place only is dropped."""
    if path == data.path:
        return data
    told_of_it: dict[str, Any] = dict.fromkeys(
        ("name", "revision", "audio", "target", "splits", "license", "source", "language")
    )
    return dataclasses.replace(data, path=local(path), **told_of_it)


def local(path: str) -> str:
    """Return a path with ~ replaced, which shells leave in `--data=~/recordings`."""
    return str(Path(path).expanduser()) if path.startswith("~") else path


def output_folder(arguments: argparse.Namespace, name: str) -> Path:
    """Return the folder of the run.

    Raises:
        InputError: neither flag nor recipe says where.
    """
    if not (arguments.output_dir or name):
        raise InputError("where should the run go? Add --output-dir, for example --output-dir runs/first.")
    return Path(local(arguments.output_dir)) if arguments.output_dir else Path("runs") / name


def smoke(recipe: Recipe) -> Recipe:
    """Return the recipe cut down to what shows in under a minute that data, model and settings fit together."""
    limit = min(recipe.data.limit or SMOKE_CLIPS, SMOKE_CLIPS)
    return dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, limit=limit),
        training={**recipe.training, **SMOKE_TRAINING},
        push_to_hub=None,
    )


def read_recipe(file: Path) -> Recipe:
    """Run a recipe file and return its `recipe`.

    Raises:
        InputError: no such file, a mistake in it, or no `recipe`.
    """
    from audio_ft.recipe import Recipe

    if not file.is_file():
        hint = " For a model and data without a recipe: --model and --data." if not file.suffix else ""
        raise InputError(f"There is no recipe file {file}.{hint}")
    try:
        found = runpy.run_path(str(file), run_name="audio_ft_recipe").get("recipe")
    except AudioFTError:
        raise
    except (SyntaxError, ValueError, TypeError, NameError, AttributeError, ImportError, KeyError, OSError) as error:
        raise InputError(f"{file}{_line(file, error)}: {error}{_field_hint(error)}") from error
    if not isinstance(found, Recipe):
        raise InputError(f"{file} has no `recipe`; a recipe file sets `recipe = Recipe(…)`.")
    return found


def _line(file: Path, error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its message has the line
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f", line {lines[-1]}" if lines else ""


def _field_hint(error: Exception) -> str:
    """Return the closest field where a dataclass was given one that it does not have."""
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe

    match = re.match(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", str(error))
    cls = {"Recipe": Recipe, "Data": Data}.get(match[1]) if match else None
    if match is None or cls is None:
        return ""
    return "." + nearest(match[2], [field.name for field in dataclasses.fields(cls)])
