"""Clean a recording or a folder, to hear what the model will get."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, FAILED, say, show
from audio_ft.cli.inputs import chosen_recipe, recordings_below
from audio_ft.cli.options import CHAINS, add_options
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.cleaning.chain import Chain

STAGE = "data"
EPILOG = """examples:
  audio-ft clean door.m4a door_clean.wav
  audio-ft clean recordings listen --set chain=Resample,Mono,Trim
  audio-ft clean recordings listen --recipe runs/first

Sub-folders and names are kept; the files are 16-bit wav. A cleaning that was stopped continues when it runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `clean`."""
    parser.add_argument("source", metavar="IN", help="a recording, or a folder of them (sub-folders included)")
    parser.add_argument("target", metavar="OUT", help="file (.wav, .flac, .ogg, .mp3) or folder to write")
    add_options(parser, "--recipe", "--code", "--set", set=CHAINS)


def run(arguments: argparse.Namespace) -> int:
    """Clean as the arguments say; the exit code is 1 when no recording can be read."""
    for assignment in arguments.set:
        if assignment.partition("=")[0].strip() != "chain":
            raise InputError(f"--set {assignment}: clean has one setting, chain=…")
    chain = chosen_recipe(arguments.recipe).override(arguments.set).steps
    source, target = Path(arguments.source).expanduser(), Path(arguments.target).expanduser()
    say(chain.describe())
    return (_folder if source.is_dir() else _file)(source, target, chain)


def _file(source: Path, target: Path, chain: Chain) -> int:
    """Clean one recording."""
    from audio_ft.audio.codec.encode import FORMATS
    from audio_ft.cleaning.to_files import Cleaning, Job, Report, summary

    if target.is_dir() or not target.suffix:
        target = target / f"{source.stem}.wav"
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"{target}: expected a name ending in {', '.join(FORMATS)}, or a folder.")
    if target.exists() and source.exists() and target.samefile(source):
        raise InputError(f"{target} is the recording itself, which is never overwritten; give another name.")
    outcome = Cleaning(chain)(Job(str(source), str(source), target))
    if outcome.error is not None:
        raise InputError(f"{source}: {outcome.error}")
    show(*summary(Report(chain, (outcome,), 0)), f"written: {target}")
    return DONE


def _folder(source: Path, target: Path, chain: Chain) -> int:
    """Clean a folder into another with the same sub-folders."""
    from audio_ft.audio.output_paths import check_no_overlap, output_names
    from audio_ft.cleaning.to_files import Cleaning, Job, clean_files, summary

    if target.is_file():
        raise InputError(f"{target} is a file and {source} is a folder; give a folder to write into.")
    check_no_overlap(source, target)
    tree = recordings_below(source)
    names = output_names(tree.below())
    jobs = [Job(key, str(source / key), target / f"{name}.wav") for key, name in names.items()]
    report = clean_files(jobs, Cleaning(chain), target)
    before = f", {report.already_done:,} of them by an earlier call" if report.already_done else ""
    show(*summary(report), *tree.left_out(), f"written: {len(report.written):,} files in {target}{before}")
    if report.written:
        return DONE
    say(f"None of {len(jobs):,} recordings can be read.")
    return FAILED
