"""Search for better settings on validation, and train with them."""

from __future__ import annotations

import argparse
from functools import partial

from audio_ft.cli.options import REPEATABLE, number
from audio_ft.cli.recipe_script import add_recipe_argument, add_recipe_options, chosen, train_recipe

STAGE = "train"
TRIALS = 20
EPILOG = """examples:
  audio-ft tune --model facebook/wav2vec2-base --data recordings --output-dir runs/tuned
  audio-ft tune recipes/wav2vec2_keywords.py --trials 30 --minutes 60
  audio-ft tune recipe.yaml --search learning_rate=1e-5:1e-3:log --search "freeze=encoder|layers:6"

Searched are learning_rate, freeze, weighted_layers, augment and dropout, where the recipe leaves them open. Each trial
is judged on the validation split and ended early if it falls behind; the test split is scored once, with the best. RUN
is an ordinary run, with all trials in tune.json; `audio-ft train RUN/recipe.json` repeats it. A search that was stopped
goes on when the same command runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `tune`."""
    add_recipe_argument(parser)
    count = number(int, lambda trials: trials >= 1, "a whole number of at least 1")
    parser.add_argument("--trials", metavar="N", type=count, default=TRIALS, help=f"how many (default: {TRIALS})")
    above = number(float, lambda minutes: 0 < minutes < float("inf"), "a number of minutes above 0")
    parser.add_argument("--minutes", metavar="M", type=above, help="begin no trial that would end later")
    what = "what to search: NAME=LOW:HIGH, NAME=LOW:HIGH:log, NAME=A|B|C, or NAME=VALUE to fix it; repeatable"
    parser.add_argument("--search", metavar="NAME=VALUES", **REPEATABLE, help=what)
    add_recipe_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Search as the arguments say, and train with what was found."""
    from audio_ft.training.tuning.tune import tune

    work = partial(tune, trials=arguments.trials, minutes=arguments.minutes, search=arguments.search)
    train_recipe(*chosen(arguments, "tune"), work)
