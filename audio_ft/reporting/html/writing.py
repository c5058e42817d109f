"""A run -> report.html: everything gathered, recordings found and heard, one file written in one move."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from audio_ft.errors import InputError
from audio_ft.file_io import write_bytes
from audio_ft.reporting.html.gathering import gather
from audio_ft.reporting.html.page import render

if TYPE_CHECKING:
    from audio_ft.run import Run

Item = TypeVar("Item")
REPORT_FILE = "report.html"
# Errors with a player and a spectrogram each: what somebody may listen to in a sitting, in two or three megabytes.
ERRORS = 24


def write_report(
    run: Run, output: str | os.PathLike[str] | None = None, *, errors: int = ERRORS, audio: bool = True
) -> Path:
    """Write a run as one HTML file that needs no network and no other file, and return its path.

    Nothing is trained or predicted: scores and answers are those of the run. Recordings are read again from its data
    for players, spectrograms and what cleaning did; where they are gone, the page says so and is made without them.

    Args:
        run: a finished run.
        output: file to write; report.html in the run's folder where None.
        errors: how many of the worst errors get a player and a spectrogram.
        audio: whether the page holds recordings; without, it can be passed on where they cannot.

    Raises:
        InputError: the run has lost its predictions, or the place cannot be written.
    """
    target = run.folder / REPORT_FILE if output is None else Path(output)
    if not target.parent.is_dir():
        raise InputError(f"{target}: no such folder to write into: {target.parent}; make it, or give another place.")
    # Asked first: the page takes minutes, and nobody wants to hear this after them.
    if not os.access(target.parent, os.W_OK):
        raise InputError(f"{target}: nothing can be written into {target.parent}; give another place with --output.")
    # A file name may hold what no encoding has; a page must be whole UTF-8.
    write_bytes(target, render(gather(run, errors, audio, follow)).encode("utf-8", "replace"))
    return target


def follow(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Go through items with a bar on a terminal once it takes over two seconds."""
    from tqdm.auto import tqdm

    return tqdm(items, desc=what, unit="recording", delay=2, leave=False, disable=None)
