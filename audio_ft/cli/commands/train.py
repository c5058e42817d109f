"""Fine-tune a model, as options or a recipe file say."""

from __future__ import annotations

import argparse
from pathlib import Path

from audio_ft.cli.inputs import empty_recipe
from audio_ft.cli.recipe_files import read_recipe
from audio_ft.cli.recipe_script import add_recipe_options, train_recipe
from audio_ft.errors import InputError

STAGE = "train"
EPILOG = """examples:
  audio-ft train --model facebook/wav2vec2-base --data recordings --output-dir runs/first
  audio-ft train recipes/wav2vec2_keywords.py --group speaker --set learning_rate=1e-4
  audio-ft train recipe.yaml --code my_steps.py
  audio-ft train --model openai/whisper-tiny --data calls.csv --where language=en --output-dir runs/calls

A training that was stopped continues from its last checkpoint when the same command runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    what = "a .py that sets `recipe`, or a .json or .yaml of settings; options change it"
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help=what)
    add_recipe_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train as the arguments say."""
    if arguments.recipe:
        train_recipe(read_recipe(Path(arguments.recipe)), arguments, Path(arguments.recipe).stem)
    elif arguments.model and arguments.data:
        train_recipe(empty_recipe(), arguments, "")
    else:
        raise InputError("train needs a RECIPE, or --model and --data; --output-dir says where to save the run.")
