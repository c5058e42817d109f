"""Clean a data set into a folder of processed recordings, features and split lists."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.chain_options import add_chain_arguments
from audio_ft.cli.console import DONE, say, show
from audio_ft.cli.data_options import DATA_HELP, add_column_arguments, local, moved, with_columns
from audio_ft.cli.recipe_file import chosen_recipe

if TYPE_CHECKING:
    from audio_ft.data.model_input import ModelInput
    from audio_ft.data.prepare import Prepared
    from audio_ft.recipe import Recipe

EPILOG = """examples:
  audio-ft prepare recordings prepared
  audio-ft prepare calls.csv prepared --target intent --group caller --seed 1
  audio-ft train --model facebook/wav2vec2-base --data prepared --output-dir runs/first

OUT/processed holds the clean recordings, OUT/features one .npy each, OUT/splits the lists. Raw files are only read.
A call that was stopped continues when it runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `prepare`."""
    parser.epilog = EPILOG
    parser.add_argument("data", metavar="DATA", help=DATA_HELP)
    parser.add_argument("output", metavar="OUT", help="folder to write")
    parser.add_argument("--model", metavar="ID_OR_PATH", help="features of this model's extractor instead of log-mel")
    add_chain_arguments(parser)
    add_column_arguments(parser)
    parser.add_argument("--seed", type=int, help="seed of the splits, where the data has none (default: 0)")


def run(arguments: argparse.Namespace) -> int:
    """Prepare as the arguments say and return the exit code."""
    from audio_ft.data.prepare import prepare
    from audio_ft.tasks import targets_of

    recipe = adjusted(chosen_recipe(arguments.recipe), arguments).override(arguments.set)
    say(recipe.steps.describe())
    folder = Path(local(arguments.output))
    prepared = prepare(
        recipe.data,
        recipe.steps,
        folder,
        targets=targets_of(arguments.task or recipe.task),
        features=own_features(recipe) if arguments.model is not None else None,
        max_corrupt=recipe.max_corrupt,
    )
    for warning in prepared.warnings:
        say(f"warning: {warning}")
    show(summary_of(prepared))
    return DONE


def own_features(recipe: Recipe) -> ModelInput:
    """Return the features of the recipe's own checkpoint.

    Raises:
        InputError: a checkpoint that cannot be read, or that needs another sample rate than the chain makes.
    """
    from audio_ft.data.model_input import ModelInput
    from audio_ft.models import load_adapter

    adapter = load_adapter(recipe.model, recipe.revision)
    recipe.steps.require_rate(adapter.sample_rate)
    return ModelInput(adapter, recipe.model)


def adjusted(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return the recipe with the data, the columns and the model that the arguments name."""
    data = with_columns(moved(recipe.data, arguments.data), arguments)
    if arguments.seed is not None:
        data = dataclasses.replace(data, seed=arguments.seed)
    return dataclasses.replace(recipe, data=data, model=arguments.model or recipe.model)


def summary_of(prepared: Prepared) -> str:
    """Return what was written, as lines of text."""
    from audio_ft.cleaning.to_files import summary

    counts = ", ".join(f"{split} {number:,}" for split, number in prepared.clips.items())
    lines = [*summary(prepared.report), f"split:   {prepared.rule}", f"clips:   {counts}"]
    if prepared.report.errors:
        lines.append(
            f"excluded: {len(prepared.report.errors):,} recordings, listed in {prepared.folder / 'unreadable.csv'}"
        )
    if prepared.report.already_done:
        report = prepared.report
        lines.append(f"before:  {report.already_done:,} of {len(report.outcomes):,} were cleaned by an earlier call")
    return "\n".join([*lines, f"written: {prepared.folder} (see README.txt there)"])
