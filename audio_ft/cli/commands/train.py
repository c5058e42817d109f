"""Fine-tune a model, as options or a recipe file say."""

from __future__ import annotations

import argparse

from audio_ft.cli.recipe_script import add_recipe_argument, add_recipe_options, chosen, train_recipe

STAGE = "train"
EPILOG = """examples:
  audio-ft train --model facebook/wav2vec2-base --data recordings --output-dir runs/first
  audio-ft train recipes/wav2vec2_keywords.py --group speaker --set learning_rate=1e-4
  audio-ft train recipe.yaml --code my_steps.py
  audio-ft train --model openai/whisper-tiny --data calls.csv --where language=en --output-dir runs/calls

A training that was stopped continues from its last checkpoint when the same command runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    add_recipe_argument(parser)
    add_recipe_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Train as the arguments say."""
    train_recipe(*chosen(arguments, "train"))
