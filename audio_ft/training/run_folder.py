"""The output folder of a training: which training it belongs to, its checkpoints, and the time of all its starts."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.errors import InputError
from audio_ft.file_io import read_json, remove, remove_unfinished, write_json
from audio_ft.folder_lock import LOCK_FILE
from audio_ft.run import PROBE_FILE, RUN_FILE, UNTUNED_FILE
from audio_ft.training.resolving.resolve import clips_of
from audio_ft.training.steps.trackers import PLACES

if TYPE_CHECKING:
    from audio_ft.training.setup import Prepared

STARTED_FILE = "started.json"
CHECKPOINTS = "checkpoints"
METRICS_FILE = "metrics.jsonl"
# The checkpoint whose pretraining goes on before the fine-tuning.
PRETRAINING = "pretraining"
# What a training with a budget has done so far, among its checkpoints.
BUDGET_FILE = "budget.json"
CLIPS = "clips_per_step"


def refuse_finished(folder: Path, overwrite: bool) -> None:
    """Check that a folder is free for a new run.

    Raises:
        InputError: it holds a finished run and `overwrite` is off, or it holds other files.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the run with --output-dir.")
    if (folder / RUN_FILE).is_file() and not overwrite:
        raise InputError(f"{folder} already holds a finished run; choose another --output-dir, or pass --overwrite.")
    others = [path.name for path in folder.iterdir() if path.name != LOCK_FILE] if folder.is_dir() else []
    if others and STARTED_FILE not in others and RUN_FILE not in others:
        raise InputError(f"{folder} holds other files ({', '.join(sorted(others)[:3])}); choose an empty --output-dir.")


def begin(folder: Path, prepared: Prepared, overwrite: bool, clock: Clock) -> None:
    """Mark the folder as this training's, and let the clock count there.

    Raises:
        InputError: the folder holds an unfinished training with another recipe or other data.
    """
    refuse_finished(folder, overwrite)  # again: another process may have finished there since, before this one owned it
    digests = {"recipe": prepared.recipe.digest, "data": data_digest(prepared), **prepared.learned_from}
    marker = folder / STARTED_FILE
    if overwrite:
        for path in folder.iterdir():
            if path.name != LOCK_FILE:
                remove(path)
    recorded = read_json(marker) if marker.is_file() else digests
    if changed := " and ".join(name for name in digests if digests[name] != recorded.get(name)):
        raise InputError(
            f"{folder} holds an unfinished training with another {changed}; choose another --output-dir, "
            "or pass --overwrite to start again."
        )
    remove_unfinished(folder)
    # `recorded` also holds the seconds of earlier starts.
    write_json(marker, recorded | digests | {CLIPS: clips_of(prepared.resolved.training)})
    clock.open(marker)


@contextmanager
def released_on_failure(folder: Path, clock: Clock) -> Iterator[None]:
    """Save the time of a training that fails, and remove its files if it has no checkpoint yet."""
    try:
        yield
    except BaseException:
        clock.save()
        worth = (folder / CHECKPOINTS / BUDGET_FILE, folder / PRETRAINING)
        if last_checkpoint(folder) is None and not any(path.exists() for path in worth):
            for name in (STARTED_FILE, METRICS_FILE, UNTUNED_FILE, PROBE_FILE, CHECKPOINTS, *PLACES):
                remove(folder / name)
        raise


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint of a training, and remove incomplete ones."""
    complete: dict[int, Path] = {}
    for path in (folder / CHECKPOINTS).glob("checkpoint-*"):
        try:
            # Trainer writes this file last, and not atomically.
            json.loads((path / "trainer_state.json").read_bytes())
        except (FileNotFoundError, ValueError):
            shutil.rmtree(path)
        else:
            complete[int(path.name.rpartition("-")[2])] = path
    return complete[max(complete)] if complete else None


def clips_before(folder: Path) -> int | None:
    """Return how many clips the steps of an interrupted training took, None if none goes on here."""
    marker = folder / STARTED_FILE
    return read_json(marker).get(CLIPS) if marker.is_file() and last_checkpoint(folder) else None


def data_digest(prepared: Prepared) -> str:
    """Return a digest of clean recordings, targets and splits, independent of paths."""
    seen = hashlib.sha256()
    for split, cleaned in prepared.cleaned.items():
        seen.update(f"{split}\n".encode())
        digests = zip(cleaned.used, cleaned.column("digest"), strict=True)
        seen.update("\n".join(f"{clip}:{digest}" for clip, digest in digests).encode())
        seen.update(repr(prepared.targets[split].tolist()).encode())
    return seen.hexdigest()


class Clock:
    """Count the seconds of each stage, including those of earlier starts once `open` has read them.

    A killed start loses the time since its last call of `save`. `started` is when this start began, as
    `time.monotonic` counts; None: now.
    """

    def __init__(self, started: float | None = None) -> None:
        self._spent: dict[str, float] = {"cleaning": 0.0, "training": 0.0, "scoring": 0.0}
        self._stage = "cleaning"
        self._since = time.monotonic() if started is None else started
        self._file: Path | None = None

    def enter(self, stage: str) -> None:
        """End the current stage and begin another: "cleaning", "training" or "scoring"."""
        self._add()
        self._stage = stage
        self.save()

    def open(self, file: Path) -> None:
        """Add the seconds of earlier starts in started.json, and write the count there from now on."""
        for stage, seconds in read_json(file).get("seconds", {}).items():
            self._spent[stage] += seconds
        self._file = file
        self.save()

    def save(self) -> None:
        """Write the count for the next start; does nothing before `open`, or when the file is gone."""
        if self._file is not None and self._file.is_file():
            self._add()
            write_json(self._file, read_json(self._file) | {"seconds": self._spent})

    def take(self, stage: str, seconds: float) -> None:
        """Take so many seconds for a stage, in place of those counted."""
        self._add()
        self._spent[stage] = seconds

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each stage so far, and their total."""
        self._add()
        stages = {stage: round(seconds, 1) for stage, seconds in self._spent.items()}
        return stages | {"total": round(sum(self._spent.values()), 1)}

    def _add(self) -> None:
        now = time.monotonic()
        self._spent[self._stage] += now - self._since
        self._since = now
