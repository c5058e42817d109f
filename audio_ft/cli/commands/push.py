"""Upload a finished run to the Hub, in one commit or not at all."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from audio_ft.cli.console import columns, say, show, step
from audio_ft.cli.options import FLAG, add_options, number
from audio_ft.errors import InputError
from audio_ft.formatting import counted, format_size

STAGE = "share"
EPILOG = """examples:
  audio-ft push runs/first me/keywords --dry-run
  audio-ft push runs/first me/keywords --private --sample-audio 4
  audio-ft push runs/first team/keywords --create-pr --set consent="All speakers agreed in writing."

Weights, configuration, chain, recipe, run.json, model card and scores are sent in one commit: all or nothing. Then the
files on the branch are listed and compared with what was sent. Local paths are shortened to their last part in what is
sent; the run itself is not changed. If a push fails half-way, run the same command again. The token comes from HF_TOKEN
or `hf auth login`; HF_ENDPOINT names another Hub."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `push`."""
    parser.add_argument("run", metavar="RUN", help="the folder of a finished run")
    parser.add_argument("repository", metavar="REPO_ID", help="user/name on the Hub; created if it does not exist")
    parser.add_argument("--private", **FLAG, help="make a new repository private")
    parser.add_argument("--revision", metavar="BRANCH", help="push to this branch, which must exist (default: main)")
    parser.add_argument("--create-pr", **FLAG, help="open a pull request instead of writing to main")
    predictions = "send predictions.parquet too: names of recordings, speakers, targets and predictions"
    parser.add_argument("--predictions", **FLAG, help=predictions)
    samples = "publish N test clips, which the page on the Hub offers to try; their speakers must have agreed to that"
    whole = number(int, lambda count: count > 0, "a whole number above 0")
    parser.add_argument("--sample-audio", metavar="N", type=whole, default=0, help=samples)
    parser.add_argument("--smoke", **FLAG, help="push a smoke run although its scores mean nothing; its card says so")
    parser.add_argument("--dry-run", **FLAG, help="send nothing; list what would be sent, and what is missing")
    add_options(parser, "--anonymize")
    text = "text of the card that the recipe lacks: intended_use=…, limits=…, consent=…, license=…"
    add_options(parser, "--set", set=text)


def run(arguments: argparse.Namespace) -> None:
    """Push the run, or list what would be sent."""
    from audio_ft.hub.push import push
    from audio_ft.reporting.anonymize import anonymized
    from audio_ft.reporting.card import override_card_fields, require_card_fields, with_gaps_marked
    from audio_ft.run import Run
    from audio_ft.serving.examples import write_examples

    if arguments.anonymize and arguments.sample_audio:
        raise InputError("--sample-audio publishes recordings, which --anonymize leaves out; give one of them.")
    given = override_card_fields(Run.load(Path(arguments.run).expanduser()), arguments.set)
    run = with_gaps_marked(given) if arguments.dry_run else given
    options = ("private", "revision", "create_pr", "predictions", "dry_run", "smoke")
    with tempfile.TemporaryDirectory() as scratch:
        samples: list[tuple[str, Path]] = []
        if arguments.sample_audio:
            step("reading sample audio")
            samples = write_examples(run, Path(scratch), arguments.sample_audio)
            say(f"sample audio  {counted(len(samples), 'test clip')}, published under the consent that the card states")
        if arguments.anonymize:
            run = anonymized(run, Path(scratch))
        pushed = push(
            run, arguments.repository, samples=samples, **{name: getattr(arguments, name) for name in options}
        )
    total = sum(size for _, size in pushed.files)
    if arguments.dry_run:
        rows = [*pushed.files, (f"{len(pushed.files)} files for {pushed.repository}", total)]
        show(*columns([(path, format_size(size)) for path, size in rows], right=True))
        say("This was a dry run: nothing was sent.")
        require_card_fields(given.recipe)
        return
    if pushed.changed:
        say(f"{len(pushed.files)} files, {format_size(total)}, are in {pushed.repository}.")
    else:
        say(f"{pushed.repository} has this run already; nothing was sent.")
    show(pushed.url)
