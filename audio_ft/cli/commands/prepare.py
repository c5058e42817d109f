"""Clean a data set into a folder of recordings, features and lists."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import say, show
from audio_ft.cli.inputs import chosen_recipe, local
from audio_ft.cli.options import CHAINS, add_data_options, add_options, changed, for_task

if TYPE_CHECKING:
    from audio_ft.data.prepare import Prepared

STAGE = "data"
EPILOG = """examples:
  audio-ft prepare recordings prepared
  audio-ft prepare calls.csv prepared --target intent --group caller --seed 1
  audio-ft train --model facebook/wav2vec2-base --data prepared --output-dir runs/first

OUT/processed holds the clean recordings, OUT/features one .npy each, OUT/splits the lists. Raw files are only read.
A call that was stopped continues when it runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `prepare`."""
    add_options(parser, "data")
    parser.add_argument("output", metavar="OUT", help="folder to write")
    parser.add_argument("--model", metavar="ID_OR_PATH", help="features of this model's extractor instead of log-mel")
    add_options(parser, "--recipe", "--code")
    add_data_options(parser, set=CHAINS)
    parser.add_argument("--seed", type=int, help="seed of the splits, where the data has none (default: 0)")


def run(arguments: argparse.Namespace) -> None:
    """Prepare as the arguments say."""
    from audio_ft.data.model_input import ModelInput
    from audio_ft.data.prepare import prepare
    from audio_ft.models import load_adapter
    from audio_ft.tasks import targets_of

    recipe = changed(chosen_recipe(arguments.recipe), arguments)
    say(recipe.steps.describe())
    features = None
    if arguments.model is not None:
        adapter = load_adapter(recipe.model, recipe.revision)
        recipe.steps.require_rate(adapter.sample_rate)
        features = ModelInput(adapter, recipe.model)
    prepared = for_task(
        arguments,
        lambda task: prepare(
            recipe.data,
            recipe.steps,
            Path(local(arguments.output)),
            targets=targets_of(task),
            features=features,
            max_corrupt=recipe.max_corrupt,
        ),
        usual=recipe.task if arguments.recipe else None,
    )
    for warning in prepared.warnings:
        say(f"warning: {warning}")
    show(*as_text(prepared))


def as_text(prepared: Prepared) -> list[str]:
    """Return what was written, as lines of text."""
    from audio_ft.cleaning.to_files import summary

    report = prepared.report
    counts = ", ".join(f"{split} {number:,}" for split, number in prepared.clips.items())
    lines = [*summary(report), f"split:   {prepared.rule}", f"clips:   {counts}"]
    if report.errors:
        lines.append(f"excluded: {len(report.errors):,} recordings, listed in {prepared.folder / 'unreadable.csv'}")
    if report.already_done:
        lines.append(f"before:  {report.already_done:,} of {len(report.outcomes):,} were cleaned by an earlier call")
    return [*lines, f"written: {prepared.folder} (see README.txt there)"]
