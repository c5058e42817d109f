"""Suggest which recordings to label next; write pseudo-labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import say, show_result, table
from audio_ft.cli.inputs import recordings_below, run_of
from audio_ft.cli.options import add_options, number
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.evaluation.suggest import Suggested

COUNT, CONFIDENCE = 20, 0.95
STAGE = "data"
EPILOG = """examples:
  audio-ft suggest runs/first unlabeled --count 50
  audio-ft suggest runs/first unlabeled --pseudo-labels predicted.csv --confidence 0.98

Listed are recordings of which the model is unsure and which differ from each other. Confidence is calibrated on the
validation split of the run. Pseudo-labels are marked in a column (label_source=pseudo): add these rows to the training
table. They are counted in run.json and on the card, and refused in validation and test."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `suggest`."""
    add_options(parser, "model")
    parser.add_argument("folder", metavar="FOLDER", help="recordings without labels, with all sub-folders")
    count = number(int, lambda files: files >= 1, "a whole number of at least 1")
    parser.add_argument("--count", metavar="N", type=count, default=COUNT, help=f"how many to label (default: {COUNT})")
    pseudo = "write a table of the recordings of whose label the model is sure"
    parser.add_argument("--pseudo-labels", metavar="OUT.csv", help=pseudo)
    share = number(float, lambda value: 0 < value < 1, "between 0 and 1")
    sure = f"least calibrated confidence of a pseudo-label (default: {CONFIDENCE})"
    parser.add_argument("--confidence", metavar="P", type=share, default=CONFIDENCE, help=sure)
    add_options(parser, "--code", "--json", json="all recordings in this order")


def run(arguments: argparse.Namespace) -> None:
    """List what to label next, and write pseudo-labels where they are asked for."""
    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.evaluation.suggest import suggest
    from audio_ft.file_io import write_table
    from audio_ft.hub.load import load
    from audio_ft.run import PREDICTIONS_FILE

    folder = Path(arguments.folder).expanduser()
    tree = recordings_below(folder)
    files = [str(folder.resolve() / key) for key in sorted(tree.audio)]
    model = load(arguments.model)
    finished = run_of(model)
    known = finished is not None and (finished.folder / PREDICTIONS_FILE).is_file()
    validation = Predictions.of(finished).split("validation") if finished and known else None
    found = suggest(model, files, validation, arguments.count)
    for file, reason in found.unreadable:
        say(f"excluded: {file}: {reason}")
    show_result(arguments, content(found), as_lines(found, arguments.count, folder.resolve()))
    if arguments.pseudo_labels:
        if not found.calibrated:
            raise InputError(
                f"Pseudo-labels need a calibrated confidence, and this one is not: {found.calibration}. Give the "
                "folder of a run, whose validation split calibrates it."
            )
        column = str(finished.data["target"]) if finished else "label"
        rows = pseudo_rows(found, arguments.confidence, column)
        output = Path(arguments.pseudo_labels).expanduser()
        write_table(output, rows)
        written = f"are in {output}" if rows else "so no file was written"
        say(f"{len(rows):,} of {len(found.files):,} recordings have a confidence of at least {arguments.confidence:g}, "
            f"{written}.")  # fmt: skip


def content(found: Suggested) -> dict[str, Any]:
    """Return all recordings in the order in which to label them, as JSON values."""
    clips = [
        {
            "file": found.files[row],
            "prediction": found.predictions[row],
            "confidence": float(found.confidence[row]),
            "uncertainty": float(found.uncertainty[row]),
        }
        for row in found.order
    ]
    return {"recordings": clips, "calibration": found.calibration, "unreadable": found.unreadable}


def as_lines(found: Suggested, count: int, folder: Path) -> list[str]:
    """Return the recordings to label first as a table."""
    from audio_ft.file_io import as_cell

    rows = [("", "recording", "prediction", "confidence", "uncertainty")]
    for rank, row in enumerate(found.order[:count], start=1):
        file, label = found.files[row], as_cell(found.predictions[row], found.files[row])
        name = str(Path(file).relative_to(folder))
        rows.append((str(rank), name, label, f"{found.confidence[row]:.2f}", f"{found.uncertainty[row]:.2f}"))
    left = len(found.files) - count
    return [*table(rows), *([f"… and {left:,} more"] if left > 0 else []), "", found.calibration]


def pseudo_rows(found: Suggested, confidence: float, column: str) -> list[dict[str, Any]]:
    """Return the recordings whose prediction is sure enough as rows of a training table, marked as predicted."""
    from audio_ft.data.pseudo_labels import COLUMN, MARK
    from audio_ft.file_io import as_cell

    return [
        {
            "file_name": found.files[row],
            column: as_cell(found.predictions[row], found.files[row]),
            "confidence": f"{found.confidence[row]:.4f}",
            COLUMN: MARK,
        }
        for row, sure in enumerate(found.confidence)
        if sure >= confidence
    ]
