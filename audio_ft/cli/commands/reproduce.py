"""Train again from run.json, and check whether the scores agree."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, FAILED, say, show_result, table
from audio_ft.cli.inputs import finished, local, repository_of
from audio_ft.cli.options import add_options

if TYPE_CHECKING:
    from audio_ft.training.reproduce import Reproduction

STAGE = "train"
EPILOG = """examples:
  audio-ft reproduce runs/first
  audio-ft reproduce me/keywords --data recordings --model facebook/wav2vec2-base --json

Exit code 0: every headline score of the test split is within its first 95 % interval; 1: at least one is not.
Versions, hardware and data that differ are listed. A reproduction that was stopped continues when the same command runs
again."""
WORDS = {"exactly": "the same", "within": "within the interval", "outside": "OUTSIDE the interval"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `reproduce`."""
    add_options(parser, "run")
    parser.add_argument("--output-dir", metavar="OUT", help="folder for the new run (default: RUN-again)")
    parser.add_argument("--model", metavar="ID_OR_PATH", help="the checkpoint, if it has moved")
    parser.add_argument("--data", metavar="DATA", help="the data, if it has moved")
    add_options(
        parser, "--overwrite", "--code", "--json", overwrite="a finished reproduction in OUT", json="the comparison"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train again, compare, and return 0 where the scores agree, else 1."""
    from audio_ft.training.reproduce import reproduce

    output, repository = arguments.output_dir, repository_of(arguments.run)
    if repository and not output:
        # The new run must not be saved in the Hub's cache.
        output = Path("runs", f"{Path(repository).name}-again")
    found = reproduce(
        finished(arguments.run),
        output and local(str(output)),
        model=arguments.model and local(arguments.model),
        data=arguments.data and local(arguments.data),
        overwrite=arguments.overwrite,
        log=say,
    )
    show_result(arguments, found.to_dict(), as_text(found))
    return DONE if found.agrees else FAILED


def as_text(found: Reproduction) -> list[str]:
    """Return a reproduction as lines of text."""
    rows = [(name, str(pair.then), str(pair.now), WORDS[pair.verdict]) for name, pair in found.scores.items()]
    lines = table([("test split", "then", "now", ""), *rows])
    lines += [f"differs: {difference}" for difference in found.differences]
    if not found.differences:
        lines.append("versions, hardware and data are the same")
    lines.append("the weights are the same" if found.same_weights else "the weights are not the same")
    verdict = "yes, every score is" if found.agrees else "no, not every score is"
    lines.append(f"reproduced: {verdict} within its first interval; the new run is in {found.second.folder}")
    return lines
