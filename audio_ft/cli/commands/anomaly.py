"""Learn what is normal, and find recordings that are not."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import blocks, columns, say, show, show_result
from audio_ft.cli.inputs import say_about, unlabeled
from audio_ft.cli.options import CHECKPOINT, DATA_SETTINGS, INCLUDED_MODEL, add_layer_option, add_options, number
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.evaluation.anomaly import Detected

COUNT, NORMAL = 20, "normal"
STAGE = "use"
EPILOG = """examples:
  audio-ft anomaly pump/train --output detectors/pump
  audio-ft anomaly detectors/pump --data pump/test
  audio-ft anomaly recordings --where label=neutral --output detectors/neutral
  audio-ft anomaly detectors/neutral --data recordings --normal neutral

Two methods: the distance of an embedding to those of normal recordings, and the error of an autoencoder of log-mel
frames. Their thresholds are calibrated on normal recordings that are held out. Where a column says which recordings are
normal, AUC, and pAUC up to a false-alarm rate of 0.1, are as in DCASE task 2, with 95 % intervals."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `anomaly`."""
    source = "normal recordings to learn from, or the folder of a detector"
    parser.add_argument("source", metavar="NORMAL_OR_DETECTOR", help=source)
    parser.add_argument("--output", metavar="DIR", help="folder of the new detector")
    model = f"{CHECKPOINT['help']} (default: a small one that is included)"
    parser.add_argument("--model", metavar=CHECKPOINT["metavar"], help=model)
    add_layer_option(parser)
    rate = "false-alarm rate of the thresholds (default: 0.1)"
    share = number(float, lambda value: 0 < value < 1, "between 0 and 1")
    parser.add_argument("--false-alarms", metavar="RATE", type=share, default=0.1, help=rate)
    parser.add_argument("--data", metavar="DATA", help="recordings to judge with the detector")
    parser.add_argument("--target", metavar="COLUMN", help="column that says which of them are normal (default: label)")
    values = f"value of that column that is normal; repeatable (default: {NORMAL})"
    parser.add_argument("--normal", metavar="VALUE", action="append", help=values)
    parser.add_argument("--csv", metavar="FILE", help="write all recordings as a table, the most unusual first")
    add_options(parser, "--overwrite", "--group", "--where", "--set", "--code", "--json", overwrite="the detector",
                set=DATA_SETTINGS, json="all recordings")  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Train a detector, or judge recordings with one."""
    if arguments.data is None:
        _train(arguments)
    else:
        _judge(arguments)


def _train(arguments: argparse.Namespace) -> None:
    """Train a detector on normal recordings, and save it."""
    from audio_ft.training.unlabeled.detector import train_detector

    if arguments.output is None:
        raise InputError("add --output DIR to learn from normal recordings, or --data DATA to judge with a detector.")
    folder = Path(arguments.output).expanduser()
    if folder.exists() and not arguments.overwrite:
        raise InputError(f"{folder} exists; choose another --output, or add --overwrite.")
    data = unlabeled(argparse.Namespace(**{**vars(arguments), "data": arguments.source, "target": None}))
    detector = train_detector(data, arguments.model or str(INCLUDED_MODEL), layer=arguments.layer,
                              false_alarms=arguments.false_alarms)  # fmt: skip
    detector.save(folder)
    show_result(arguments, detector.settings(), [line for line in detector.card_lines()[2:] if line])
    say(f"written: {folder}")


def _judge(arguments: argparse.Namespace) -> None:
    """Judge recordings, and score the detector where the data says which ones are normal."""
    from audio_ft.evaluation.anomaly import detect
    from audio_ft.file_io import write_table
    from audio_ft.training.unlabeled.detector import load_detector

    detector = load_detector(arguments.source)
    # The column of the labels is no setting of data that is read without labels.
    data = unlabeled(argparse.Namespace(**{**vars(arguments), "target": None}))
    found = detect(detector, data, target=arguments.target, normal=arguments.normal or [NORMAL])
    say_about(found)
    show_result(arguments, found.to_dict(), as_lines(found))
    if arguments.csv:
        rows = found.rows(found.order())
        write_table(Path(arguments.csv).expanduser(), rows)
        show(f"{len(rows):,} recordings: {arguments.csv}")


def as_lines(found: Detected) -> list[str]:
    """Return the scores of the methods, and the most unusual recordings."""
    scores: list[tuple[str, ...]] = [("", "AUC", "pAUC", "false alarms", "anomalies found")]
    for name, measured in found.measured.items():
        scores.append((name, *(str(measured[key]) for key in ("auc", "pauc", "false_alarms", "found"))))
    rows: list[tuple[str, ...]] = [("", "recording", *found.scores, "above the threshold")]
    for rank, row in enumerate(found.order()[:COUNT], start=1):
        values = [f"{values[row]:.4g}" for values in found.scores.values()]
        above = ", ".join(name for name in found.scores if found.alarms[name][row]) or "–"
        rows.append((str(rank), found.files[row], *values, above))
    left = len(found.files) - COUNT
    more = [f"… and {left:,} more"] if left > 0 else []
    counts = [
        f"{name}: {int(alarms.sum()):,} of {len(alarms):,} above the threshold" for name, alarms in found.alarms.items()
    ]
    return blocks([columns(scores) if found.measured else [], [*columns(rows), *more], counts])
