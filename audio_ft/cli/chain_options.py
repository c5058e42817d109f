"""The options that choose the cleaning, of `audio-ft clean` and `audio-ft prepare`."""

from __future__ import annotations

import argparse

from audio_ft.cli.options import add_set


def add_chain_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose the chain."""
    parser.add_argument(
        "--recipe", metavar="R.py|recipe.json|RUN", help="clean as this recipe or run does (default: the default chain)"
    )
    add_set(parser, 'chain=Resample,Mono,Trim or chain=[{"step": "Trim", "top_db": 30}, …]')
