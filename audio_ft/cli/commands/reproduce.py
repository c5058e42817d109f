"""Train again from run.json, and check whether the scores agree."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, FAILED, as_line, say, show
from audio_ft.cli.data_options import local
from audio_ft.cli.options import add_json, add_overwrite
from audio_ft.cli.run_options import HELP, RUN_OR_MODEL, finished, repository_of

if TYPE_CHECKING:
    from audio_ft.training.reproduce import Reproduction

EPILOG = """examples:
  audio-ft reproduce runs/first
  audio-ft reproduce me/keywords --data recordings --model facebook/wav2vec2-base --json

Exit code 0: every headline score of the test split is within its first 95 % interval; 1: at least one is not.
Versions, hardware and data that differ are listed. A reproduction that was stopped continues when the same command runs
again."""
WORDS = {"exactly": "the same", "within": "within the interval", "outside": "OUTSIDE the interval"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `reproduce`."""
    parser.epilog = EPILOG
    parser.add_argument("run", metavar=RUN_OR_MODEL, help=HELP)
    parser.add_argument("--output-dir", metavar="OUT", help="folder for the new run (default: RUN-again)")
    parser.add_argument("--model", metavar="ID_OR_PATH", help="the checkpoint, if it has moved")
    parser.add_argument("--data", metavar="DATA", help="the data, if it has moved")
    add_overwrite(parser, "a finished reproduction in OUT")
    add_json(parser, "the comparison")


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
        tell=say,
    )
    show(as_line(found.to_dict()) if arguments.json else as_text(found))
    return DONE if found.agrees else FAILED


def as_text(found: Reproduction) -> str:
    """Return a reproduction as lines of text."""
    width = max(map(len, ("test split", *found.scores))) + 2
    lines = [f"{'test split':<{width}}{'then':<24}{'now':<24}"]
    lines += [
        f"{name:<{width}}{pair.then!s:<24}{pair.now!s:<24}{WORDS[pair.verdict]}" for name, pair in found.scores.items()
    ]
    lines += [f"differs: {difference}" for difference in found.differences]
    if not found.differences:
        lines.append("versions, hardware and data are the same")
    lines.append("the weights are the same" if found.same_weights else "the weights are not the same")
    verdict = "yes" if found.agrees else "no"
    ends = "every score is" if found.agrees else "not every score is"
    lines.append(f"reproduced: {verdict}, {ends} within its first interval; the new run is in {found.second.folder}")
    return "\n".join(lines)
