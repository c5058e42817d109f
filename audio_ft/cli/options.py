"""Options that mean the same in every command that has them."""

from __future__ import annotations

import argparse


def add_set(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --set KEY=VALUE, a setting of the recipe; `what` says which ones matter to the command."""
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help=f"{what}; repeatable")


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add --task, which says what the targets are."""
    parser.add_argument("--task", metavar="TASK", help="classification (default) or transcription")


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add --where FILTER, which selects rows of the data."""
    parser.add_argument(
        "--where",
        metavar="FILTER",
        action="append",
        default=[],
        help='use only rows that meet it, "language=en" or "age>60"; repeatable',
    )


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --json: standard output then holds JSON and nothing else."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON instead of text")


def add_overwrite(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --overwrite; without it, no command replaces what is finished."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace {what}")
