"""Embed recordings: a vector for each, without labels."""

from __future__ import annotations

import argparse
from pathlib import Path

from audio_ft.cli.console import show
from audio_ft.cli.inputs import say_about, unlabeled
from audio_ft.cli.options import CHECKPOINT, add_options, add_unlabeled_options
from audio_ft.formatting import counted, format_size

STAGE = "use"
OUTPUT = "embeddings.parquet"
EPILOG = """examples:
  audio-ft embed facebook/wav2vec2-base recordings
  audio-ft embed runs/first calls --window 5 --output calls.parquet

The table has a row for each recording that can be read: file, path, start and end in seconds, group, the other columns
of the data, and in the column embedding mean and standard deviation over time of a hidden layer."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `embed`."""
    parser.add_argument("model", **CHECKPOINT)
    add_options(parser, "data")
    parser.add_argument("--output", metavar="FILE.parquet", default=OUTPUT, help=f"default: {OUTPUT}")
    add_unlabeled_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Embed all recordings and write the table."""
    from audio_ft.file_io import require_parent
    from audio_ft.hub.load import load_frozen
    from audio_ft.inference.embedding_table import embed

    data, output = unlabeled(arguments), Path(arguments.output).expanduser()
    require_parent(output)
    encoder = load_frozen(arguments.model)
    found = embed(encoder, data, layer=arguments.layer, window=arguments.window)
    say_about(found)
    found.to_parquet(output)
    rows, width = found.vectors.shape
    show(f"{counted(rows, 'vector')} of {width:,} values (layer {found.layer} of {arguments.model}), "
         f"{format_size(output.stat().st_size)}: {output}")  # fmt: skip
