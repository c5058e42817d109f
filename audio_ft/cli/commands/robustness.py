"""Score a model in noise, reverberation, telephone sound, clipping, other speeds and cut recordings."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import DONE, as_line, say, show
from audio_ft.cli.labeled_options import add_labeled_arguments, labeled, run_of
from audio_ft.cli.options import add_json, add_overwrite
from audio_ft.errors import InputError
from audio_ft.formatting import capitalized
from audio_ft.metrics import Score

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model

LIMIT = 200
EPILOG = """examples:
  audio-ft robustness runs/first recordings
  audio-ft robustness runs/first recordings --only babble --only reverberation --limit 50
  audio-ft robustness me/keywords recordings.csv --output robustness.json --json

perturbations: white_noise babble reverberation telephone mu_law opus mp3 gain clipping speed truncation

Each recording is changed before the model's own cleaning, and the same clips are used at every level. Finished levels
are saved in robustness.json in the run's folder (or in --output), and the same command continues after a stop. A
finished result of other clips or another model is replaced only with --overwrite."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `robustness`."""
    parser.epilog = EPILOG
    add_labeled_arguments(parser)
    parser.add_argument(
        "--only", metavar="PERTURBATION", action="append", default=[], help="this perturbation only; repeatable"
    )
    parser.add_argument(
        "--limit", metavar="N", type=int, default=LIMIT, help=f"at most N clips, stratified (default: {LIMIT})"
    )
    parser.add_argument("--output", metavar="FILE", help="default: robustness.json in the run's folder")
    add_overwrite(parser, "a finished result of other clips or another model")
    add_json(parser, "what robustness.json holds")


def run(arguments: argparse.Namespace) -> int:
    """Measure and return the exit code."""
    from audio_ft.evaluation.robustness import chosen_perturbations, measure
    from audio_ft.hub.load import load

    chosen_perturbations(arguments.only)
    model = load(arguments.model)
    asked = labeled(arguments, model)
    data = dataclasses.replace(asked.data, limit=min(arguments.limit, asked.data.limit or arguments.limit))
    file = place(arguments.output, model)
    found = measure(
        model, data, arguments.split, need=asked.need, only=arguments.only, file=file, overwrite=arguments.overwrite
    )
    show(as_line(found) if arguments.json else table(found, arguments.only))
    if file:
        say(f"saved in {file}.")
    return DONE


def place(output: str | None, model: Model) -> Path | None:
    """Return the file that holds the result: the one asked for, or robustness.json beside the run.

    Raises:
        InputError: it cannot be written; checked now and not after the first level.
    """
    from audio_ft.evaluation.robustness import ROBUSTNESS_FILE

    finished = run_of(model)
    file = Path(output).expanduser() if output else finished.folder / ROBUSTNESS_FILE if finished else None
    if file and not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        raise InputError(
            f"{file}: {file.parent} is not a folder that can be written to; give another file with --output."
        )
    return file


def table(found: Mapping[str, Any], only: list[str]) -> str:
    """Return a line for each perturbation, and a sentence about the worst level."""
    shown = [one for one in found["perturbations"] if not only or one["name"] in only]
    titles = [f"{one['title']}, {one['unit']}" if one["unit"] else one["title"] for one in shown]
    width = max(map(len, [*titles, "clean"])) + 2
    clean = Score.from_dict(found["clean"])
    lines = [f"{'clean':<{width}}{clean}  ({found['metric']}, {found['n']:,} clips of {found['split']})"]
    for title, one in zip(titles, shown, strict=True):
        cells = [cell(level, bool(one["unit"])) for level in one["levels"]]
        lines.append(f"{title:<{width}}{'  '.join(cells)}".rstrip())
    lines.append("* worse than clean by the 95 % interval of the difference on the same clips")
    return "\n".join([*lines, f"{capitalized(found['sentence'])}."])


def cell(level: Mapping[str, Any], named: bool) -> str:
    """Return one level as "10: 0.896*"."""
    value = "–" if level["score"] is None else f"{level['score']['value']:.3f}"
    mark = "*" if level["verdict"] == "worse" else " "
    return f"{level['level']:g}: {value}{mark}" if named else f"{value}{mark}"
