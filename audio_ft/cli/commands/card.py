"""Print or write the model card of a run."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from audio_ft.cli.console import show
from audio_ft.cli.inputs import finished, repository_of
from audio_ft.cli.options import add_options
from audio_ft.file_io import write_text

STAGE = "share"
EPILOG = """examples:
  audio-ft card runs/first
  audio-ft card me/doors --output README.md
  audio-ft card runs/first --repo-id me/doors --output README.md --set limits="English, close microphone."

The card is made from run.json. Three sentences only you can write: what the model is for, what it cannot do, and that
the speakers agreed (intended_use, limits and consent, in the recipe or with --set). Push sends this same card: without
tokens, and with local paths shortened to their last part."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `card`."""
    add_options(parser, "run")
    parser.add_argument("--output", metavar="FILE", help="write to this file instead of the screen")
    parser.add_argument("--repo-id", metavar="USER/NAME", help="the repository on the Hub that the card is for")
    add_options(
        parser, "--anonymize", "--set", set="text of the card: intended_use, limits, consent, license, data.license …"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print or write the card."""
    from audio_ft.hub import bundle
    from audio_ft.hub.repository import check_repo_id
    from audio_ft.reporting.anonymize import anonymized
    from audio_ft.reporting.card import override_card_fields, require_card_fields, with_gaps_marked

    if arguments.repo_id is not None:
        check_repo_id(arguments.repo_id)
    given = override_card_fields(finished(arguments.run), arguments.set)
    run = with_gaps_marked(given)
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.anonymize:
            run = anonymized(run, Path(scratch))
        card = bundle.card(run, arguments.repo_id or repository_of(arguments.run))
    if arguments.output is None:
        show(*card.removesuffix("\n").split("\n"))  # `> README.md` makes the very file that push sends
    else:
        file = Path(arguments.output).expanduser()
        write_text(file, card, make_parents=True)
        show(f"written: {file}")
    # What is there was shown, its gaps marked; what is missing is an error all the same.
    require_card_fields(given.recipe)
