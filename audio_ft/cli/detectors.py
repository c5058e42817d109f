"""Predictions of a detector of anomalies: how unlike normal recordings each file is, and whether that is too much."""

from __future__ import annotations

import argparse
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, columns, say, show
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.evaluation.anomaly import Detected, Detector

FORMS = ("text", "json", "csv")
# Options of predict that are about networks with a task.
OTHERS = ("output_dir", "top_k", "language", "lm")


def judge_files(arguments: argparse.Namespace, files: Sequence[str], form: str) -> int:
    """Write the score of each file by each method, and whether it is above the threshold; the exit code is returned.

    Raises:
        InputError: an option or a format that a detector has no use for, or no file can be read.
    """
    import pandas

    from audio_ft.evaluation.anomaly import detect
    from audio_ft.file_io import json_text, table_text, write_text
    from audio_ft.training.unlabeled.detector import load_detector

    unused = [f"--{name.replace('_', '-')}" for name in OTHERS if getattr(arguments, name, None) is not None]
    unused += [f"--format {form}"] * (form not in FORMS) + ["standard input (-)"] * ("-" in files)
    if unused:
        raise InputError(f"{unused[0]}: {arguments.model} is a detector of anomalies, of which predict writes scores "
                         "as text, --json or --csv; leave it out.")  # fmt: skip
    detector = load_detector(arguments.model)
    given = {os.path.abspath(file): file for file in files}
    found = detect(detector, pandas.DataFrame({"file_name": list(given)}))
    found = dataclasses.replace(found, files=[given[os.path.abspath(file)] for file in found.files])
    for file, reason in found.unreadable:
        say(f"warning: {given[os.path.abspath(file)]} cannot be read: {reason}")
    if form == "json":
        rows = found.to_dict()["recordings"]
        lines = [json_text({name: value for name, value in row.items() if name != "anomaly"}) for row in rows]
    elif form == "csv":
        lines = table_text(found.rows(range(len(found.files)))).splitlines()
    else:
        lines = _lines(detector, found)
    if arguments.output is None:
        show(*lines)
    else:
        write_text(Path(arguments.output), "\n".join([*lines, ""]))
    return DONE


def _lines(detector: Detector, found: Detected) -> list[str]:
    """Return a line for each recording: whether it is unusual, and by which score."""
    titles = [f"{name} (above {limit:.4g})" for name, limit in detector.thresholds.items()]
    rows: list[tuple[str, ...]] = [("recording", "unusual", *titles)]
    for row, file in enumerate(found.files):
        by = [name for name in found.scores if found.alarms[name][row]]
        values = (f"{found.scores[name][row]:.4g}" for name in detector.thresholds)
        rows.append((file, f"yes: {', '.join(by)}" if by else "no", *values))
    return columns(rows)
