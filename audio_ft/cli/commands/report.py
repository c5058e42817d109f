"""Write a run as one HTML page: scores, curves, errors to listen to."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
from pathlib import Path

from audio_ft.cli.console import show, step
from audio_ft.cli.inputs import finished, repository_of
from audio_ft.cli.options import FLAG, add_options, number
from audio_ft.formatting import format_size

STAGE = "judge"
EPILOG = """examples:
  audio-ft report runs/first
  audio-ft report runs/first --output first.html --errors 50
  audio-ft report runs/first --no-audio
  audio-ft report me/keywords --output keywords.html

The page opens offline and needs no other file. It holds scores with intervals beside baselines, the worst errors with
players and spectrograms, confusions, calibration, slices, learning curves and what cleaning did. Nothing is trained or
predicted. Recordings are read from the run's data; where they are missing, the page has no players. Whoever gets the
page gets the recordings in it: --no-audio leaves them out. A model on the Hub needs to be pushed with --predictions."""


# The name of an anonymized page in the run's folder, beside the one with names.
ANONYMOUS = "report-anonymized.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`."""
    add_options(parser, "run")
    default = "default: report.html in the run's folder; of a model on the Hub, NAME.html here"
    parser.add_argument("--output", metavar="FILE.html", help=default)
    count = number(int, lambda errors: errors >= 0, "a number of errors; give 0 or more")
    errors = "worst errors with player and spectrogram (default: 24)"
    parser.add_argument("--errors", metavar="N", type=count, help=errors)
    add_options(parser, "--anonymize")
    parser.add_argument("--no-audio", **FLAG, help="leave all recordings out of the page")


def run(arguments: argparse.Namespace) -> None:
    """Write the page, and print where it is and how large."""
    from audio_ft.reporting.anonymize import anonymized
    from audio_ft.reporting.html import ERRORS, report
    from audio_ft.run import PREDICTIONS_FILE

    errors = ERRORS if arguments.errors is None else arguments.errors
    output = None if arguments.output is None else Path(arguments.output).expanduser()
    found, repository = finished(arguments.run, predictions=True), repository_of(arguments.run)
    with tempfile.TemporaryDirectory() as scratch:
        if repository:
            # report also saves what the page shows beside the run, which must not be the Hub's cache.
            shutil.copy(found.folder / PREDICTIONS_FILE, scratch)
            found = dataclasses.replace(found, folder=Path(scratch))
            output = output or Path(f"{Path(repository).name}.html")
        if arguments.anonymize:
            output = output or found.folder / ANONYMOUS
            copy = Path(scratch) / "anonymized"
            copy.mkdir()
            found = anonymized(found, copy)
        step("writing the page")
        file = report(found, output, errors=errors, audio=not (arguments.no_audio or arguments.anonymize))
    show(f"{file} ({format_size(file.stat().st_size)})")
