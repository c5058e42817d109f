"""Rank the clips whose label is probably wrong."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import columns, say, show_result
from audio_ft.cli.inputs import labeled
from audio_ft.cli.options import add_options, number

if TYPE_CHECKING:
    from audio_ft.evaluation.doubts import Doubts

# Lines on the screen; more if more labels are estimated to be wrong.
COUNT, MOST = 20, 50
WIDEST = 44
EPILOG = """examples:
  audio-ft doubts openai/whisper-tiny.en recordings
  audio-ft doubts runs/first recordings --csv doubts.csv

The checkpoint stays as it is: linear probes on its layers predict each clip from the clips of other speakers, and
cleanlab ranks the clips by the probability of their label. A run is replaced by the checkpoint that it started from if
DATA is what it was trained on, because a fine-tuned network has learned wrong labels, too. All splits are checked.
Nothing is changed: listen, and correct the labels where they are kept."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doubts`."""
    model = "a run's folder, or any checkpoint: a folder or an id on the Hub"
    parser.add_argument("model", metavar="RUN_OR_CHECKPOINT", help=model)
    settings = "a setting of the data: data.target=word, data.group=speaker"
    add_options(parser, "data", "--set", "--where", set=settings)
    count = number(int, lambda clips: clips >= 1, "a whole number of at least 1")
    shown = f"show so many clips (default: {COUNT}, or as many as are estimated to be wrong, up to {MOST})"
    parser.add_argument("--count", metavar="N", type=count, help=shown)
    parser.add_argument("--csv", metavar="FILE", help="write all clips as a table, the most doubtful first")
    add_options(parser, "--json", json="all clips")


def run(arguments: argparse.Namespace) -> None:
    """Rank the clips and show the most doubtful ones."""
    from audio_ft.evaluation.doubts import label_doubts
    from audio_ft.file_io import write_table
    from audio_ft.hub.load import load_frozen, model_folder

    data, trained_on = labeled(arguments, model_folder(arguments.model))
    encoder = load_frozen(arguments.model, own_weights=not trained_on)
    if encoder.name != arguments.model:
        say(f"{arguments.model} was trained on these labels, so {encoder.name} is used, from which it started.")
    found = label_doubts(encoder, data)
    for warning in found.warnings:
        say(f"warning: {warning}")
    for key, reason in found.unreadable:
        say(f"excluded: {key}: {reason}")
    show_result(arguments, found.to_dict(), as_text(found, arguments.count))
    if arguments.csv:
        file = Path(arguments.csv).expanduser()
        write_table(file, table(found))
        say(f"{len(found.clips):,} clips are in {file}.")


def table(found: Doubts) -> list[dict[str, Any]]:
    """Return the clips as rows of a table."""
    return [
        {
            "rank": rank,
            "file_name": clip.file,
            "group": clip.group or "",
            found.column: _text(clip.target),
            "suggestion": _text(clip.suggestion),
            "confidence": "" if clip.confidence is None else f"{clip.confidence:.4f}",
            "quality": f"{clip.quality:.6f}",
        }
        for rank, clip in enumerate(found.clips, start=1)
    ]


def as_text(found: Doubts, count: int | None) -> list[str]:
    """Return the most doubtful clips as a table, with how they were found."""
    count = count or min(max(COUNT, found.estimated), MOST)
    rows = [("", "clip", found.column, "suggested", "confidence", "quality")]
    for rank, clip in enumerate(found.clips[:count], start=1):
        confidence = "–" if clip.confidence is None else f"{clip.confidence:.2f}"
        name = clip.file if len(clip.file) <= WIDEST else f"…{clip.file[1 - WIDEST :]}"
        rows.append((str(rank), name, _text(clip.target), _text(clip.suggestion), confidence, f"{clip.quality:.3f}"))
    lines = [*found.method, f"{found.estimated:,} of {len(found.clips):,} labels are estimated to be wrong."]
    left = len(found.clips) - count
    return [*columns(rows), *([f"… and {left:,} more"] if left > 0 else []), "", *lines]


def _text(target: Any) -> str:
    if isinstance(target, float):
        return f"{target:.4g}"
    return ";".join(target) if isinstance(target, list | tuple) else str(target)
