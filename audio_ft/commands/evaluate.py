"""`audio-ft evaluate`: a model's scores on a labelled split."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.console import DONE, say, show

if TYPE_CHECKING:
    from audio_ft.data import Data
    from audio_ft.evaluation import Evaluation

EPILOG = """examples:
  audio-ft evaluate runs/first recordings --split test
  audio-ft evaluate me/keywords other_recordings.csv --set target=word --set group=speaker --json

Where DATA is what the model was trained on, columns and splits are those of the training, so the test split is the one
it has not heard. Other data without splits is scored as a whole."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    parser.epilog = EPILOG
    parser.add_argument("model", metavar="RUN_OR_MODEL", help="a run's folder, a model's folder or an id on the Hub")
    parser.add_argument("data", metavar="DATA", help="folder, manifest (csv, tsv, jsonl, parquet) or id on the Hub")
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"), help="default: test")
    parser.add_argument("--json", action="store_true", help='print {"scores": {name: {value, low, high, n}}} only')
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="a setting of the data, target=word; repeatable"
    )
    parser.add_argument(
        "--where",
        metavar="FILTER",
        action="append",
        default=[],
        help='score only rows that meet it, "age>60"; repeatable',
    )


def run(arguments: argparse.Namespace) -> int:
    """Score the model and return the exit code."""
    from audio_ft.data.splits import SPLITS
    from audio_ft.evaluation import evaluate
    from audio_ft.predict import load
    from audio_ft.recipe import Recipe
    from audio_ft.training.saving import RECIPE_FILE

    model = load(arguments.model)
    recipe = Recipe.load(model.folder / RECIPE_FILE)
    trained_on = same_place(recipe.data, arguments.data)
    settings = [f"data.{item}" for item in arguments.set]
    recipe = dataclasses.replace(recipe, data=recipe.data if trained_on else wishes(arguments.data)).override(settings)
    data = dataclasses.replace(recipe.data, where=(*recipe.data.where, *arguments.where))
    evaluation = evaluate(model, data, arguments.split, need=SPLITS if trained_on else ())
    for warning in evaluation.warnings:
        say(f"warning: {warning}")
    for file, reason in evaluation.unreadable:
        say(f"set aside: {file}: {reason}")
    if arguments.json:
        show(json.dumps(evaluation.to_dict(), allow_nan=False))
    else:
        show(table(evaluation))
    return DONE


def wishes(path: str) -> Data:
    """Return the data at a place, with nothing wished of it."""
    from audio_ft.data import Data

    return Data(path=str(Path(path).expanduser()) if path.startswith("~") else path)


def same_place(data: Data, path: str) -> bool:
    """Return whether a path leads to data that was named otherwise."""
    return data.path == path or Path(data.path).expanduser().resolve() == Path(path).expanduser().resolve()


def table(evaluation: Evaluation) -> str:
    """Return the scores as lines of text."""
    width = max(map(len, evaluation.scores)) + 2
    lines = [f"{evaluation.split + ' split':<{width}}{evaluation.n:,} clips ({evaluation.rule})"]
    lines += [f"{name:<{width}}{score}" for name, score in evaluation.scores.items()]
    lines.append(f"95 % intervals, {evaluation.resampling.partition(': ')[2]}")
    if evaluation.unreadable:
        lines.append(f"{len(evaluation.unreadable):,} unreadable recordings were set aside and are not in the scores.")
    return "\n".join(lines)
