"""The data that a command is given, and the options that say which columns and rows of it count."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cli.options import add_task, add_where

if TYPE_CHECKING:
    from audio_ft.data import Data

DATA_HELP = "folder, table (csv, tsv, jsonl, parquet) or id on the Hub"


def add_column_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the columns and select the rows of the data."""
    add_task(parser)
    parser.add_argument("--target", metavar="COLUMN", help="column of the labels, numbers or transcripts")
    parser.add_argument(
        "--group", metavar="COLUMN", help="column of speakers or sessions, kept in one split; '' for none"
    )
    add_where(parser)


def with_columns(data: Data, arguments: argparse.Namespace) -> Data:
    """Return the data with the columns and filters that the arguments name."""
    changes = {name: value for name in ("target", "group") if (value := getattr(arguments, name)) is not None}
    return dataclasses.replace(data, where=(*data.where, *arguments.where), **changes)


def moved(data: Data, path: str) -> Data:
    """Return the same settings for data at another place; what is true of the old place only is dropped."""
    if path == data.path:
        return data
    of_the_old_place: dict[str, Any] = dict.fromkeys(
        ("name", "revision", "audio", "target", "splits", "license", "source", "language")
    )
    return dataclasses.replace(data, path=local(path), **of_the_old_place)


def local(path: str) -> str:
    """Return a path with ~ replaced, which shells leave in `--data=~/recordings`."""
    return str(Path(path).expanduser()) if path.startswith("~") else path
