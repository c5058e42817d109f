"""Score a model on a split, with 95 % intervals, slices, calibration and speed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from audio_ft.cli.beam_options import add_beam_arguments, beam_of
from audio_ft.cli.console import DONE, as_line, say, show
from audio_ft.cli.evaluate_table import table
from audio_ft.cli.labeled_options import add_labeled_arguments, labeled, run_of
from audio_ft.cli.options import add_json

if TYPE_CHECKING:
    from audio_ft.evaluation.evaluate import Evaluation
    from audio_ft.inference.predictor import Model
    from audio_ft.run import Run

EPILOG = """examples:
  audio-ft evaluate runs/first recordings --split test
  audio-ft evaluate me/keywords other_recordings.csv --set data.target=word --set data.group=speaker --json
  audio-ft evaluate runs/first recordings --slice voice --slice duration

If DATA is the training data of the model, columns and splits are those of the training, so the test split is the one
it was not trained on. Other data without splits is scored as a whole.

--json also holds "per_class", "slices", "calibration", "selective" (accuracy against the share of clips kept) and
"speed"; README.md describes them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    parser.epilog = EPILOG
    add_labeled_arguments(parser)
    parser.add_argument(
        "--slice",
        metavar="COLUMN",
        action="append",
        help="slice only by this: a column of the data, class, group, duration, loudness, SNR or rate; repeatable",
    )
    add_json(parser, 'everything, {"scores": {name: {value, low, high, n}}, …},')
    add_beam_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Score the model and return the exit code."""
    from audio_ft.evaluation.evaluate import evaluate
    from audio_ft.evaluation.summary import describe
    from audio_ft.hub.load import load

    model = load(arguments.model, beam=beam_of(arguments))
    asked = labeled(arguments, model)
    evaluation = evaluate(model, asked.data, arguments.split, need=asked.need, columns=arguments.slice or ())
    for warning in evaluation.warnings:
        say(f"warning: {warning}")
    for file, reason in evaluation.unreadable:
        say(f"excluded: {file}: {reason}")
    finished = scored_run(model)
    facts = described(evaluation, finished, arguments.slice)
    if finished and asked.own and not (arguments.where or arguments.set):
        # slices.json in the folder of the run, for its report and its card.
        describe(finished)
    speed = timed(model, evaluation)
    if arguments.json:
        show(as_line(evaluation.to_dict() | facts | {"speed": speed}))
    else:
        show(table(evaluation, facts, speed))
    return DONE


def scored_run(model: Model) -> Run | None:
    """Return the finished run of a model, None if there is none or it has no predictions.parquet."""
    from audio_ft.run import PREDICTIONS_FILE

    run = run_of(model)
    return run if run and (run.folder / PREDICTIONS_FILE).is_file() else None


def described(evaluation: Evaluation, finished: Run | None, columns: list[str] | None) -> dict[str, Any]:
    """Return classes, slices, calibration and selective accuracy.

    The temperature is fitted on the run's own validation clips, whatever data is evaluated; a run without
    predictions.parquet has none.
    """
    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.evaluation.summary import description

    validation = Predictions.of(finished).split("validation") if finished else None
    return description(evaluation.predictions, validation, evaluation.scores, split=evaluation.split, columns=columns)


def timed(model: Model, evaluation: Evaluation) -> dict[str, Any]:
    """Return how fast the model predicts on this machine, on an even sample of the clips scored."""
    from audio_ft.inference.benchmark import measure

    return measure(model, evaluation.sources).to_dict()
