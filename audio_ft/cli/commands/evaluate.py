"""`audio-ft evaluate`: a model's scores on a labeled split, and where, how surely and how fast it earns them."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from audio_ft.cli.beam_options import add_beam_arguments, beam_of
from audio_ft.cli.console import DONE, say, show
from audio_ft.cli.data_options import Labeled, add_data_arguments, labeled, run_of
from audio_ft.cli.evaluate_table import table

if TYPE_CHECKING:
    from audio_ft.evaluation.evaluate import Evaluation
    from audio_ft.inference.predictor import Model
    from audio_ft.run import Run

EPILOG = """examples:
  audio-ft evaluate runs/first recordings --split test
  audio-ft evaluate me/keywords other_recordings.csv --set target=word --set group=speaker --json
  audio-ft evaluate runs/first recordings --slice voice --slice duration

Where DATA is what the model was trained on, columns and splits are those of the training, so the test split is the one
it has not heard. Other data without splits is scored as a whole.

--json holds, beside "scores": "per_class", "slices", "calibration", "selective" (accuracy against share answered) and
"speed"; README.md describes them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    parser.epilog = EPILOG
    add_data_arguments(parser)
    parser.add_argument(
        "--slice",
        metavar="COLUMN",
        action="append",
        help="slice by this only: a column of the data, class, group, duration, loudness, SNR or rate; repeatable",
    )
    parser.add_argument(
        "--json", action="store_true", help='print one JSON object only: {"scores": {name: {value, low, high, n}}, …}'
    )
    add_beam_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Score the model and return the exit code."""
    from audio_ft.evaluation.evaluate import evaluate
    from audio_ft.hub.load import load

    model = load(arguments.model, beam=beam_of(arguments))
    asked = labeled(arguments, model)
    evaluation = evaluate(model, asked.data, arguments.split, need=asked.need, columns=arguments.slice or ())
    for warning in evaluation.warnings:
        say(f"warning: {warning}")
    for file, reason in evaluation.unreadable:
        say(f"set aside: {file}: {reason}")
    beside = run_of(model)
    told = described(evaluation, beside, arguments.slice)
    keep(beside, asked, arguments)
    speed = timed(model, evaluation)
    if arguments.json:
        show(json.dumps(evaluation.to_dict() | told | {"speed": speed}, allow_nan=False, ensure_ascii=False))
    else:
        show(table(evaluation, told, speed))
    return DONE


def described(evaluation: Evaluation, beside: Run | None, columns: list[str] | None) -> dict[str, Any]:
    """Return classes, slices, calibration and selective accuracy.

    The temperature is fitted on the run's own validation clips, whatever data is evaluated; a run that was copied
    without its predictions has none.
    """
    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.evaluation.summary import description
    from audio_ft.run import PREDICTIONS_FILE

    kept = beside is not None and (beside.folder / PREDICTIONS_FILE).is_file()
    validation = Predictions.of(beside).split("validation") if beside and kept else None
    return description(evaluation.predictions, validation, evaluation.scores, split=evaluation.split, columns=columns)


def keep(beside: Run | None, asked: Labeled, arguments: argparse.Namespace) -> None:
    """Leave slices.json beside a run whose own data was evaluated, for its report and its card."""
    from audio_ft.evaluation.summary import describe
    from audio_ft.run import PREDICTIONS_FILE

    kept = beside is not None and (beside.folder / PREDICTIONS_FILE).is_file()
    if beside and kept and asked.own and not (arguments.where or arguments.set):
        describe(beside)


def timed(model: Model, evaluation: Evaluation) -> dict[str, Any]:
    """Return what answers cost on this machine, on an even sample of the clips scored."""
    from audio_ft.inference.benchmark import measure

    return measure(model, evaluation.sources).to_dict()
