"""`audio-ft clean`: one recording or a folder through the chain, to hear what training will hear."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, FAILED, say, show
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.cleaning.chain import Chain
    from audio_ft.recipe import Recipe

EPILOG = """examples:
  audio-ft clean door.m4a door_clean.wav
  audio-ft clean recordings listen --set chain=Resample,Mono,Trim
  audio-ft clean recordings listen --recipe runs/first

A folder keeps its shape and its names, as 16-bit wav. A cleaning that was stopped goes on when it runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `clean`."""
    parser.epilog = EPILOG
    parser.add_argument("source", metavar="IN", help="a recording, or a folder of them (subfolders included)")
    parser.add_argument("target", metavar="OUT", help="file (.wav, .flac, .ogg, .mp3) or folder to write")
    add_chain_arguments(parser)


def add_chain_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose the chain."""
    parser.add_argument(
        "--recipe", metavar="R.py|recipe.json|RUN", help="clean as this recipe or run does (default: the default chain)"
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help='chain=Resample,Mono,Trim or chain=[{"step": "Trim", "top_db": 30}, …]',
    )


def run(arguments: argparse.Namespace) -> int:
    """Clean as the arguments say; exit code 1 when not one recording can be read."""
    for assignment in arguments.set:
        if assignment.partition("=")[0].strip() != "chain":
            raise InputError(f"clean has one setting, chain=…, and got --set {assignment}.")
    chain = chosen_recipe(arguments.recipe).override(arguments.set).steps
    source, target = Path(arguments.source).expanduser(), Path(arguments.target).expanduser()
    say(chain.describe())
    if source.is_dir():
        return _folder(source, target, chain)
    return _file(source, target, chain)


def chosen_recipe(source: str | None) -> Recipe:
    """Return the recipe of a file, of a finished run or of a saved model; without one, a recipe with the default chain.

    Raises:
        InputError: none of these.
    """
    from audio_ft.cli.commands.train import read_recipe
    from audio_ft.data import Data
    from audio_ft.recipe import Recipe
    from audio_ft.run import MODEL_FOLDER, RECIPE_FILE

    if source is None:
        return Recipe(model="none", data=Data(path="none"))
    path = Path(source).expanduser()
    for file in (path / MODEL_FOLDER / RECIPE_FILE, path / RECIPE_FILE):
        if file.is_file():
            return Recipe.load(file)
    if path.is_dir():
        raise InputError(f"{source} holds no {RECIPE_FILE}; give a finished run, a recipe.json or a recipe's .py file.")
    return Recipe.load(path) if path.suffix == ".json" and path.is_file() else read_recipe(path)


def _file(source: Path, target: Path, chain: Chain) -> int:
    """Clean one recording."""
    from audio_ft.audio.codec.encode import FORMATS
    from audio_ft.cleaning.to_files import Cleaning, Job, Report, summary

    if target.is_dir() or not target.suffix:
        target = target / f"{source.stem}.wav"
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"{target}: expected a name ending in {', '.join(FORMATS)}, or a folder.")
    if target.exists() and source.exists() and target.samefile(source):
        raise InputError(f"{target} is the recording itself, which must stay as it is; give another name.")
    outcome = Cleaning(chain)(Job(str(source), str(source), target))
    if outcome.error is not None:
        raise InputError(f"{source}: {outcome.error}")
    show("\n".join([*summary(Report(chain, (outcome,), 0)), f"written: {target}"]))
    return DONE


def _folder(source: Path, target: Path, chain: Chain) -> int:
    """Clean a folder into another of the same shape."""
    from audio_ft.audio.output_paths import names_for, refuse_overlap
    from audio_ft.cleaning.to_files import Cleaning, Job, clean_files, summary
    from audio_ft.data.tree import left_out, scan

    if target.is_file():
        raise InputError(f"{target} is a file and {source} is a folder; give a folder to write into.")
    refuse_overlap(source, target)
    tree = scan(source)
    keys = tree.below("")
    if not keys:
        raise InputError(f"{source}: no recordings there; give a recording or a folder that holds some.")
    names = names_for(keys)
    jobs = [Job(key, str(source / key), target / f"{names[key]}.wav") for key in keys]
    report = clean_files(jobs, Cleaning(chain), target)
    there = f", {report.found:,} of them done before" if report.found else ""
    show("\n".join([*summary(report), *left_out(tree), f"written: {len(report.written):,} files in {target}{there}"]))
    if report.written:
        return DONE
    say(f"Not one of {len(jobs):,} recordings can be read.")
    return FAILED
