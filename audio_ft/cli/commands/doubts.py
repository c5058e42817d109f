"""Rank the clips whose label is probably wrong."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import columns, say, show_result
from audio_ft.cli.inputs import labeled, saved_recipe
from audio_ft.cli.options import (
    CHECKPOINT,
    DATA_SETTINGS,
    add_data_options,
    add_options,
    for_task,
    number,
    require_page,
)
from audio_ft.formatting import format_size

if TYPE_CHECKING:
    from audio_ft.evaluation.doubts import Doubts

# Lines on the screen; more if more targets are estimated to be wrong.
COUNT, MOST = 20, 50
WIDEST = 44
STAGE = "data"
EPILOG = """examples:
  audio-ft doubts openai/whisper-tiny.en recordings
  audio-ft doubts runs/first recordings --csv doubts.csv --html doubts.html
  audio-ft doubts openai/whisper-tiny recordings --task transcription --language fr

The checkpoint stays as it is: linear probes on its layers predict each clip from the clips of other speakers, and
cleanlab ranks the clips by the probability of their label. A run is replaced by the checkpoint that it started from if
DATA is what it was trained on, because a fine-tuned network has learned wrong labels, too. Transcripts are ranked by
their probability in a model that transcribes. All splits are checked, and nothing is changed. To correct labels,
listen, write accept, exclude or keep into the column decision of the csv (a suggestion may be edited first), and run
audio-ft inspect recordings --fix good.csv --doubts doubts.csv."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doubts`."""
    parser.add_argument("model", **CHECKPOINT)
    add_options(parser, "data")
    add_data_options(parser, set=DATA_SETTINGS)
    count = number(int, lambda clips: clips >= 1, "a whole number of at least 1")
    shown = f"show so many clips (default: {COUNT}, or as many as are estimated to be wrong, up to {MOST})"
    parser.add_argument("--count", metavar="N", type=count, help=shown)
    parser.add_argument("--csv", metavar="FILE", help="write all clips as a table, the most doubtful first")
    parser.add_argument("--html", metavar="FILE", help="write a page with players of the clips that are shown")
    add_options(parser, "--anonymize", "--language", "--code", "--json", json="all clips")


def run(arguments: argparse.Namespace) -> None:
    """Rank the clips and show the most doubtful ones."""
    from audio_ft.file_io import write_table
    from audio_ft.reporting.anonymize import DATA
    from audio_ft.reporting.anonymous_data import anonymized_doubts
    from audio_ft.reporting.html.doubts import write_doubts

    require_page(arguments)
    found = _ranked(arguments)
    for warning in found.warnings:
        say(f"warning: {warning}")
    for key, reason in found.unreadable:
        say(f"excluded: {key}: {reason}")
    count = arguments.count or min(max(COUNT, found.estimated), MOST)
    show_result(arguments, found.to_dict(), as_text(found, count))
    if arguments.csv:
        file = Path(arguments.csv).expanduser()
        write_table(file, table(found))
        say(f"{len(found.clips):,} clips are in {file}.")
    if arguments.html:
        shown, name = (anonymized_doubts(found), DATA) if arguments.anonymize else (found, arguments.data)
        page = write_doubts(shown, Path(arguments.html).expanduser(), name, count, audio=not arguments.anonymize)
        say(f"{page} ({format_size(page.stat().st_size)})")


def _ranked(arguments: argparse.Namespace) -> Doubts:
    """Return the clips, by a transcriber if the targets are transcripts, otherwise by probes."""
    from audio_ft.evaluation.doubts import doubts
    from audio_ft.evaluation.transcript_doubts import transcript_doubts
    from audio_ft.hub.load import load, load_frozen, model_folder
    from audio_ft.targets import Transcript
    from audio_ft.tasks import targets_of

    folder = model_folder(arguments.model)
    data, trained_on = labeled(arguments, folder)
    saved = saved_recipe(folder)

    def ranked(task: str) -> Doubts:
        if Transcript in targets_of(task):
            return transcript_doubts(load(arguments.model, language=arguments.language), data, arguments.model)
        encoder = load_frozen(arguments.model, own_weights=not trained_on)
        if encoder.name != arguments.model:
            say(f"{arguments.model} was trained on these labels, so {encoder.name} is used, from which it started.")
        return doubts(encoder, data, targets=targets_of(task))

    return for_task(arguments, ranked, usual=saved.task if saved else None)


def table(found: Doubts) -> list[dict[str, Any]]:
    """Return the clips as rows of a table."""
    from audio_ft.doctor.decisions import COLUMN, SUGGESTION
    from audio_ft.file_io import as_cell

    return [
        {
            "rank": rank,
            "file_name": clip.file,
            "group": clip.group or "",
            found.column: as_cell(clip.target, clip.file),
            SUGGESTION: as_cell(clip.suggestion, clip.file),
            COLUMN: "",
            "confidence": "" if clip.confidence is None else f"{clip.confidence:.4f}",
            "quality": f"{clip.quality:.6f}",
            **{name: f"{value:.4f}" for name, value in clip.measures.items()},
            "reason": clip.reason,
        }
        for rank, clip in enumerate(found.clips, start=1)
    ]


def as_text(found: Doubts, count: int) -> list[str]:
    """Return the most doubtful clips as a table, with how they were found."""
    from audio_ft.reporting.html.doubts import in_words

    rows = [("", "clip", found.column, "suggested", "quality", "")]
    for rank, clip in enumerate(found.clips[:count], start=1):
        name = clip.file if len(clip.file) <= WIDEST else f"…{clip.file[1 - WIDEST :]}"
        target, suggestion = (_short(in_words(one)) for one in (clip.target, clip.suggestion))
        rows.append((str(rank), name, target, suggestion, f"{clip.quality:.3f}", clip.reason))
    lines = [*found.method, f"{found.estimated:,} of {len(found.clips):,} targets are estimated to be wrong."]
    left = len(found.clips) - count
    return [*columns(rows), *([f"… and {left:,} more"] if left > 0 else []), "", *lines]


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"
