"""Train small models and probe checkpoints, in one table."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, FAILED, columns, say, show_result
from audio_ft.cli.inputs import empty_recipe, local
from audio_ft.cli.options import add_data_options, add_options, changed, for_task

if TYPE_CHECKING:
    from audio_ft.training.small.baselines import Baselines

STAGE = "train"
FOLDER = "runs/baselines"
EPILOG = """examples:
  audio-ft baselines recordings --models svm crnn facebook/wav2vec2-base
  audio-ft baselines calls.csv --target intent --group caller --csv baselines.csv

Without --models: linear, svm and forest on statistics of each clip, cnn, gru and crnn on its log-mel spectrogram. A
checkpoint is not trained; a linear model learns from its frozen layers. All have the same splits, and each is an
ordinary run, to compare, report or predict with. What is finished is kept when the same command runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `baselines`."""
    add_options(parser, "data")
    parser.add_argument("--models", metavar="NAME", nargs="+", help="linear, svm, forest, cnn, gru, crnn, checkpoints")
    parser.add_argument("--output-dir", metavar="FOLDER", default=FOLDER, help=f"for the runs (default: {FOLDER})")
    add_data_options(parser, set="another setting of recipe, data or training")
    add_options(parser, "--json", "--code", json="the table")
    parser.add_argument("--csv", metavar="FILE", help="write the table to a file, too")


def run(arguments: argparse.Namespace) -> int:
    """Train and compare as the arguments say; the exit code is 1 if one of them could not be trained."""
    from audio_ft.file_io import table_text, write_text
    from audio_ft.models.scratch import FROM_SCRATCH
    from audio_ft.training.small.baselines import baselines

    folder, models = Path(local(arguments.output_dir)), list(map(local, arguments.models or FROM_SCRATCH))
    recipe = changed(empty_recipe(), argparse.Namespace(**vars(arguments) | {"model": models[0]}))
    found = for_task(arguments, lambda task: baselines(recipe.replace(task=task), folder, models, log=say))
    if arguments.csv:
        write_text(Path(local(arguments.csv)), table_text(found.cells()))
    show_result(arguments, found.to_dict(), as_text(found))
    return FAILED if any(row.why for row in found.rows) else DONE


def as_text(found: Baselines) -> list[str]:
    """Return the table as lines of text."""
    rows: list[tuple[str, ...]] = [("model", *found.metrics, "seconds", "parameters")]
    for row in found.rows:
        if not row.why:
            size = "" if row.parameters is None else f"{row.parameters:,}"
            seconds = "" if row.seconds is None else f"{row.seconds:,.0f}"
            rows.append((row.name, *(str(row.scores.get(name, "–")) for name in found.metrics), seconds, size))
    left = [f"left out: {row.name}: {row.why}" for row in found.rows if row.why]
    return ["", *columns(rows), f"test split; 95 % intervals, {found.intervals.partition(': ')[2] or found.intervals}",
            *left]  # fmt: skip
