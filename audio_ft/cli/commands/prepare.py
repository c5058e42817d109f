"""`audio-ft prepare`: raw recordings become the tree of the textbooks: processed, features and split lists."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.commands.clean import add_chain_arguments, chosen_recipe
from audio_ft.cli.commands.train import local, moved
from audio_ft.cli.console import DONE, say, show

if TYPE_CHECKING:
    from audio_ft.data import Data
    from audio_ft.data.model_input import ModelInput
    from audio_ft.data.prepare import Prepared
    from audio_ft.recipe import Recipe

EPILOG = """examples:
  audio-ft prepare recordings prepared
  audio-ft prepare calls.csv prepared --target intent --group caller --seed 1
  audio-ft train --model facebook/wav2vec2-base --data prepared --output-dir runs/first

OUT/processed holds the clean recordings, OUT/features one .npy each, OUT/splits the lists. Raw files are only read.
A call that was stopped goes on when it runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `prepare`."""
    parser.epilog = EPILOG
    parser.add_argument("data", metavar="DATA", help="folder, manifest (csv, tsv, jsonl, parquet) or id on the Hub")
    parser.add_argument("output", metavar="OUT", help="folder for the tree")
    parser.add_argument("--model", metavar="ID_OR_PATH", help="features by this model's own extractor, not log-mel")
    add_chain_arguments(parser)
    add_data_arguments(parser)
    parser.add_argument("--seed", type=int, help="seed of the splits, where they are made here (default: 0)")


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which columns and rows of the data count."""
    parser.add_argument("--task", metavar="TASK", help="classification (default) or transcription")
    parser.add_argument("--target", metavar="COLUMN", help="column of the labels, numbers or transcripts")
    parser.add_argument("--group", metavar="COLUMN", help="column whose rows stay on one side of a split; '' for none")
    parser.add_argument(
        "--where",
        metavar="FILTER",
        action="append",
        default=[],
        help='only rows that meet it, "language=en"; repeatable',
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare as the arguments say and return the exit code."""
    from audio_ft.data.prepare import prepare

    recipe = wished(chosen_recipe(arguments.recipe), arguments).override(arguments.set)
    say(recipe.steps.describe())
    folder = Path(local(arguments.output))
    prepared = prepare(
        recipe.data,
        recipe.steps,
        folder,
        task=arguments.task or recipe.task,
        features=own_features(recipe) if arguments.model is not None else None,
        max_corrupt=recipe.max_corrupt,
    )
    for warning in prepared.warnings:
        say(f"warning: {warning}")
    show(told(prepared))
    return DONE


def own_features(recipe: Recipe) -> ModelInput:
    """Return the features of the recipe's own checkpoint.

    Raises:
        InputError: a checkpoint that cannot be read, or that the chain cannot feed.
    """
    from audio_ft.data.model_input import ModelInput
    from audio_ft.models import load_adapter

    adapter = load_adapter(recipe.model, recipe.revision)
    recipe.steps.require_rate(adapter.sample_rate)
    return ModelInput(adapter, recipe.model)


def wished(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """Return the recipe with the data, the columns and the model that the arguments name."""
    data = with_columns(moved(recipe.data, arguments.data), arguments)
    if arguments.seed is not None:
        data = dataclasses.replace(data, seed=arguments.seed)
    return dataclasses.replace(recipe, data=data, model=arguments.model or recipe.model)


def with_columns(data: Data, arguments: argparse.Namespace) -> Data:
    """Return the data with the columns and filters that the arguments name."""
    changes = {name: value for name in ("target", "group") if (value := getattr(arguments, name)) is not None}
    return dataclasses.replace(data, where=(*data.where, *arguments.where), **changes)


def told(prepared: Prepared) -> str:
    """Return what was made, for a person."""
    from audio_ft.cleaning.to_files import summary

    counts = ", ".join(f"{split} {number:,}" for split, number in prepared.clips.items())
    lines = [*summary(prepared.report), f"split:   {prepared.rule}", f"clips:   {counts}"]
    if prepared.report.errors:
        lines.append(
            f"aside:   {len(prepared.report.errors):,} recordings, listed in {prepared.folder / 'unreadable.csv'}"
        )
    if prepared.report.found:
        lines.append(
            f"before:  {prepared.report.found:,} of {len(prepared.report.outcomes):,} recordings were done already"
        )
    return "\n".join([*lines, f"written: {prepared.folder} (README.txt there explains it)"])
