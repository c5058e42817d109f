"""Cut long recordings and their transcripts at pauses, for training."""

from __future__ import annotations

import argparse
from pathlib import Path

from audio_ft.cli.console import say
from audio_ft.cli.inputs import labeled
from audio_ft.cli.options import CHECKPOINT, DATA_SETTINGS, add_data_options, add_options, number
from audio_ft.formatting import counted, format_duration

STAGE = "data"
AGREEMENT = 0.5
EPILOG = """examples:
  audio-ft segment openai/whisper-tiny.en interviews.csv --output parts.csv
  audio-ft segment openai/whisper-small interviews.csv --output parts.csv --language fr --longest 20
  audio-ft train --task transcription --data parts.csv --model openai/whisper-tiny.en --output-dir runs/interviews

A cut lies in a pause between two words that the model recognizes as they are written. Transcripts stay as they are.
Each row of the table is a part of a file. Interrupted, it goes on where it was: recognized words stay in a file beside
the table until it is written."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `segment`."""
    parser.add_argument("model", **CHECKPOINT)
    add_options(parser, "data")
    parser.add_argument("--output", metavar="OUT.csv", required=True, help="the table of parts to write")
    seconds = number(float, lambda value: value > 0, "a number above 0")
    parser.add_argument("--longest", metavar="S", type=seconds, help="most seconds of a part (default: the window)")
    share = number(float, lambda value: 0 <= value <= 1, "a number from 0 to 1")
    least = f"share of the words of a part that have to be recognized as written (default: {AGREEMENT:g})"
    parser.add_argument("--agreement", metavar="SHARE", type=share, default=AGREEMENT, help=least)
    add_data_options(parser, set=DATA_SETTINGS)
    add_options(parser, "--language", "--code")


def run(arguments: argparse.Namespace) -> None:
    """Cut the recordings and write the table."""
    from audio_ft.errors import InputError
    from audio_ft.file_io import remove, write_table
    from audio_ft.hub.load import load, model_folder
    from audio_ft.inference.segment import segment

    output = Path(arguments.output).expanduser()
    if output.suffix.lower() != ".csv" or output.exists():
        reason = "exists already" if output.exists() else "does not end in .csv"
        raise InputError(f"{output}: {reason}; give another name for the table.")
    words = output.with_name(f"{output.name}.words.jsonl")
    model = load(arguments.model, language=arguments.language)
    data, _ = labeled(arguments, model_folder(arguments.model))
    found = segment(model, data, arguments.longest, agreement=arguments.agreement, words_file=words)
    for name, reason in found.excluded:
        say(f"excluded: {name}: {reason}")
    if not found.rows:
        raise InputError(f"{arguments.data}: not one part of a recording can be used; see the reasons above.")
    write_table(output, found.rows)
    remove(words)
    share = f"{format_duration(found.used)} of {format_duration(found.seconds)}"
    say(f"{counted(found.cut, 'long recording')} cut; {counted(len(found.rows), 'row')}, {share}, in {output}.")
