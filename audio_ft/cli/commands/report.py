"""Write a run, or two side by side, as one HTML page."""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import show, step
from audio_ft.cli.inputs import finished, repository_of
from audio_ft.cli.options import FLAG, add_options, number
from audio_ft.errors import InputError
from audio_ft.file_io import write_text
from audio_ft.formatting import format_size

if TYPE_CHECKING:
    from audio_ft.run import Run

STAGE = "judge"
EPILOG = """examples:
  audio-ft report runs/first
  audio-ft report runs/first --output first.html --errors 50
  audio-ft report runs/first --no-audio
  audio-ft report me/keywords --output keywords.html
  audio-ft report runs/first runs/second --output both.html

The page opens offline and needs no other file. It holds scores with intervals beside baselines, the worst errors with
players and spectrograms, confusions, calibration, slices, learning curves and what cleaning did. Of two runs it holds
their paired comparison, both confusion matrices, the settings that differ, and the clips that only one of them has
right; the second is judged against the first. Nothing is trained, and the model runs for the map and --explain alone.
Recordings are read from the run's data; where they are missing, the page has no players. Whoever gets the page gets the
recordings in it: --no-audio leaves them out. A model on the Hub needs to be pushed with --predictions."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`."""
    add_options(parser, "run")
    parser.add_argument("other", metavar="RUN_B", nargs="?", help="a second run with the same test split")
    default = "default: report.html, or report-against-FIRST.html, in the run's folder; of a model on the Hub, here"
    parser.add_argument("--output", metavar="FILE.html", help=default)
    count = number(int, lambda errors: errors >= 0, "a number of errors; give 0 or more")
    errors = "worst errors, or clips that one of the runs has right, with player (default: 24)"
    parser.add_argument("--errors", metavar="N", type=count, help=errors)
    add_options(parser, "--anonymize")
    parser.add_argument("--no-audio", **FLAG, help="leave all recordings out of the page")
    parser.add_argument("--no-map", **FLAG, help="leave out the map of the recordings, for which the model embeds them")
    why = "show and play what the N worst errors rest on (see audio-ft explain)"
    parser.add_argument("--explain", metavar="N", type=count, default=0, help=why)
    parser.add_argument("--csv", metavar="FILE", help="also write all errors of one run as a table")


def run(arguments: argparse.Namespace) -> None:
    """Write the page, and print where it is and how large."""
    from audio_ft.hub.load import load
    from audio_ft.reporting.anonymize import anonymized, anonymized_pair
    from audio_ft.reporting.html import ERRORS, errors_of, report

    if arguments.csv and arguments.other:
        raise InputError("--csv writes the errors of one run; leave out the second one, or --csv.")
    if arguments.explain and (arguments.other or arguments.anonymize or arguments.no_audio):
        raise InputError(
            "--explain is for the page of one run with its recordings; leave it out, or the other options."
        )
    errors = ERRORS if arguments.errors is None else arguments.errors
    places = [arguments.run, *([arguments.other] if arguments.other else [])]
    runs = [finished(place, predictions=True) for place in places]
    output = Path(arguments.output).expanduser() if arguments.output else _output(places, runs, arguments.anonymize)
    with tempfile.TemporaryDirectory() as scratch:
        runs = [_writable(run, place, Path(scratch, str(number)))
                for number, (run, place) in enumerate(zip(runs, places, strict=True))]  # fmt: skip
        if arguments.anonymize:
            folder = Path(scratch, "anonymized")
            folder.mkdir()
            runs = [anonymized(runs[0], folder)] if len(runs) == 1 else anonymized_pair(runs[0], runs[1], folder)
        step("writing the page")
        second, audio = runs[1] if len(runs) > 1 else None, not (arguments.no_audio or arguments.anonymize)
        repository = None if arguments.anonymize else repository_of(arguments.run)
        why = {"explained_by": load(arguments.run), "explained": arguments.explain} if arguments.explain else {}
        file = report(runs[0], second, output, errors=errors, audio=audio, embeddings=not arguments.no_map,
                      repository=repository, **why)  # fmt: skip
        if arguments.csv:
            write_text(Path(arguments.csv).expanduser(), errors_of(runs[0]), make_parents=True)
    show(f"{file} ({format_size(file.stat().st_size)})")


def _output(places: list[str], runs: list[Run], anonymize: bool) -> Path:
    """Return the file to write where none is named: in the folder of the last run, or here for one from the Hub."""
    from audio_ft.reporting.html import file_name

    repository, name = repository_of(places[-1]), file_name(*runs)
    if anonymize:
        name = "report-anonymized.html" if len(runs) == 1 else "report-of-two-anonymized.html"
    if repository is None:
        return runs[-1].folder / name
    return Path(f"{Path(repository).name}.html" if len(runs) == 1 else name)


def _writable(run: Run, place: str, folder: Path) -> Run:
    """Return a run in a folder that may be written into, as the report does: never in the Hub's cache."""
    from audio_ft.run import PREDICTIONS_FILE

    if repository_of(place) is None:
        return run
    folder.mkdir()
    shutil.copy(run.folder / PREDICTIONS_FILE, folder)
    return dataclasses.replace(run, folder=folder)
