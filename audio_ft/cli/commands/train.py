"""Fine-tune a model as a recipe file or options say."""

from __future__ import annotations

import argparse
from pathlib import Path

from audio_ft.cli.data_options import local
from audio_ft.cli.recipe_file import read_recipe
from audio_ft.cli.recipe_options import add_recipe_arguments, train_recipe
from audio_ft.errors import InputError

EPILOG = """examples:
  audio-ft train --model facebook/wav2vec2-base --data recordings --output-dir runs/first
  audio-ft train recipes/wav2vec2_keywords.py --set learning_rate=1e-4 --set data.group=speaker
  audio-ft train --model openai/whisper-tiny --data calls.csv --where language=en --output-dir runs/calls

A training that was stopped continues from its last checkpoint when the same command runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    parser.epilog = EPILOG
    parser.add_argument("recipe", nargs="?", metavar="RECIPE.py", help="a file that sets `recipe`; options change it")
    add_recipe_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train as the arguments say and return the exit code."""
    if arguments.recipe:
        return train_recipe(read_recipe(Path(arguments.recipe)), arguments, Path(arguments.recipe).stem)
    if not (arguments.model and arguments.data):
        raise InputError("train needs a RECIPE.py, or --model and --data; --output-dir says where to save the run.")
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe

    return train_recipe(Recipe(model=arguments.model, data=Data(path=local(arguments.data))), arguments, "")
