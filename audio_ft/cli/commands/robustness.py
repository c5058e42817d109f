"""Score a model in noise, reverberation, telephone sound and more."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from audio_ft.cli.colors import marked
from audio_ft.cli.console import columns, say, show_result
from audio_ft.cli.inputs import labeled, run_of
from audio_ft.cli.options import REPEATABLE, add_labeled_options, add_options, require_task
from audio_ft.errors import InputError
from audio_ft.formatting import capitalized

LIMIT = 200
STAGE = "judge"
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
    add_labeled_options(parser)
    parser.add_argument("--only", metavar="PERTURBATION", **REPEATABLE, help="this perturbation only; repeatable")
    limit = f"at most N clips, stratified (default: {LIMIT})"
    parser.add_argument("--limit", metavar="N", type=int, default=LIMIT, help=limit)
    parser.add_argument("--output", metavar="FILE", help="default: robustness.json in the run's folder")
    finished = "a finished result of other clips or another model"
    add_options(parser, "--overwrite", "--json", overwrite=finished, json="what robustness.json holds")


def run(arguments: argparse.Namespace) -> None:
    """Measure, and save every finished level."""
    from audio_ft.evaluation.robustness import ROBUSTNESS_FILE, chosen_perturbations, robustness
    from audio_ft.hub.load import load

    only = arguments.only
    chosen_perturbations(only)
    model = load(arguments.model)
    require_task(arguments, model)
    data, need = labeled(arguments, model.folder)
    data = data.replace(limit=min(arguments.limit, data.limit or arguments.limit))
    finished = run_of(model)
    file = finished.folder / ROBUSTNESS_FILE if finished else None
    if arguments.output:
        file = Path(arguments.output).expanduser()
    # Checked now and not after the first level.
    if file and not (file.parent.is_dir() and os.access(file.parent, os.W_OK)):
        raise InputError(
            f"{file}: {file.parent} is not a folder that can be written to; give another file with --output."
        )
    found = robustness(model, data, arguments.split, need=need, only=only, file=file, overwrite=arguments.overwrite)
    show_result(arguments, found, as_text(found, only))
    if file:
        say(f"saved in {file}.")


def as_text(found: Mapping[str, Any], only: list[str]) -> list[str]:
    """Return a line for each perturbation, and a sentence about the worst level."""
    from audio_ft.metrics import Score

    clean = Score.from_dict(found["clean"])
    rows: dict[str, list[str]] = {}
    for one in found["perturbations"]:
        if not only or one["name"] in only:
            title = f"{one['title']}, {one['unit']}" if one["unit"] else one["title"]
            rows[title] = [_cell(level, bool(one["unit"])) for level in one["levels"]]
    # Levels below each other, one space apart: five of them are as wide as a terminal.
    widths = [max(map(len, cells)) for cells in zip_longest(*rows.values(), fillvalue="")]
    first = marked(f"clean {clean}  ({found['metric']}, {found['n']:,} clips of {found['split']})")
    lines = [(title, " ".join(map(str.ljust, cells, widths))) for title, cells in rows.items()]
    note = "* worse than clean by the 95 % interval of the difference on the same clips"
    return [first, *(columns(lines) if lines else ()), note, f"{capitalized(found['sentence'])}."]


def _cell(level: Mapping[str, Any], named: bool) -> str:
    """Return one level as "10: 0.896*"."""
    value = "–" if level["score"] is None else f"{level['score']['value']:.3f}"
    mark = "*" if level["verdict"] == "worse" else " "
    return f"{level['level']:g}: {value}{mark}".rstrip() if named else f"{value}{mark}"
