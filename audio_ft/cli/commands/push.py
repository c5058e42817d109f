"""Upload a finished run to the Hub, in one commit or not at all."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, say, show
from audio_ft.cli.options import add_set
from audio_ft.formatting import format_size

if TYPE_CHECKING:
    from audio_ft.hub.push import Pushed

EPILOG = """examples:
  audio-ft push runs/first me/keywords --dry-run
  audio-ft push runs/first me/keywords --private
  audio-ft push runs/first team/keywords --create-pr --set consent="All speakers agreed in writing."

Weights, configuration, chain, recipe, run.json, model card and scores are sent in one commit: all or nothing. Local
paths are shortened to their last part in what is sent; the run itself is not changed. If a push fails half-way, run
the same command again. The token comes from HF_TOKEN or `hf auth login`; HF_ENDPOINT names another Hub."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `push`."""
    parser.epilog = EPILOG
    parser.add_argument("run", metavar="RUN", help="the folder of a finished run")
    parser.add_argument("repository", metavar="REPO_ID", help="user/name on the Hub; created if it does not exist")
    parser.add_argument("--private", action="store_true", help="make a new repository private")
    parser.add_argument("--revision", metavar="BRANCH", help="push to this branch, which must exist (default: main)")
    parser.add_argument("--create-pr", action="store_true", help="open a pull request instead of writing to main")
    parser.add_argument(
        "--predictions",
        action="store_true",
        help="send predictions.parquet too: names of recordings, speakers, targets and predictions",
    )
    parser.add_argument("--dry-run", action="store_true", help="send nothing; list what would be sent")
    add_set(parser, "text of the card that the recipe lacks: intended_use=…, limits=…, consent=…, license=…")


def run(arguments: argparse.Namespace) -> int:
    """Push the run and return the exit code."""
    from audio_ft.hub.push import push
    from audio_ft.reporting.card import override_card_fields
    from audio_ft.run import Run

    run = override_card_fields(Run.load(Path(arguments.run).expanduser()), arguments.set)
    pushed = push(
        run,
        arguments.repository,
        private=arguments.private,
        revision=arguments.revision,
        create_pr=arguments.create_pr,
        predictions=arguments.predictions,
        dry_run=arguments.dry_run,
    )
    if arguments.dry_run:
        show(listed(pushed))
        say("This was a dry run: nothing was sent.")
        return DONE
    say(summary(pushed))
    show(pushed.url)
    return DONE


def listed(pushed: Pushed) -> str:
    """Return the files with their sizes, and their sum."""
    rows = [*pushed.files, (f"{len(pushed.files)} files for {pushed.repository}", total(pushed))]
    width = max(len(path) for path, _ in rows)
    return "\n".join(f"{path:<{width}}  {format_size(size):>10}" for path, size in rows)


def summary(pushed: Pushed) -> str:
    """Return in a line what was sent where."""
    if not pushed.changed:
        return f"{pushed.repository} has this run already; nothing was sent."
    return f"{len(pushed.files)} files, {format_size(total(pushed))}, are in {pushed.repository}."


def total(pushed: Pushed) -> int:
    """Return the bytes of all files."""
    return sum(size for _, size in pushed.files)
