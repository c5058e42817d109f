"""The output folder of a training: which training it belongs to, and the checkpoint to resume from."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.file_io import read_json, remove_unfinished, write_json
from audio_ft.run import RUN_FILE, UNTUNED_FILE
from audio_ft.training.trackers import FOLDERS

if TYPE_CHECKING:
    from audio_ft.training.setup import Prepared

STARTED_FILE = "started.json"
CHECKPOINTS = "checkpoints"
METRICS_FILE = "metrics.jsonl"


def refuse_finished(folder: Path, overwrite: bool) -> None:
    """Check that a folder is free for a new run.

    Raises:
        InputError: it holds a finished run and `overwrite` is off, or it holds other files.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder for the run with --output-dir.")
    if (folder / RUN_FILE).is_file() and not overwrite:
        raise InputError(f"{folder} already holds a finished run; choose another --output-dir, or pass --overwrite.")
    others = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if others and STARTED_FILE not in others and RUN_FILE not in others:
        raise InputError(f"{folder} holds other files ({', '.join(sorted(others)[:3])}); choose an empty --output-dir.")


def begin(folder: Path, prepared: Prepared, overwrite: bool) -> Path | None:
    """Mark the folder as this training's, and return the checkpoint to resume from, or None.

    Raises:
        InputError: the folder holds an unfinished training with another recipe or other data.
    """
    digests = {"recipe": prepared.recipe.digest, "data": data_digest(prepared)}
    marker = folder / STARTED_FILE
    recorded: dict[str, Any] = {}
    if overwrite:
        shutil.rmtree(folder, ignore_errors=True)
    if marker.is_file():
        recorded = read_json(marker)
        changed = " and ".join(name for name in digests if digests[name] != recorded.get(name))
        if changed:
            raise InputError(
                f"{folder} holds an unfinished training with another {changed}; choose another --output-dir, "
                "or pass --overwrite to start again."
            )
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder)
    # `recorded` also holds the seconds of earlier starts.
    write_json(marker, recorded | digests)
    return last_checkpoint(folder / CHECKPOINTS)


def release(folder: Path) -> None:
    """Remove the files of a training that stopped before its first checkpoint."""
    if last_checkpoint(folder / CHECKPOINTS) is None:
        for name in (STARTED_FILE, METRICS_FILE, UNTUNED_FILE):
            (folder / name).unlink(missing_ok=True)
        for name in (CHECKPOINTS, *FOLDERS):
            shutil.rmtree(folder / name, ignore_errors=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest complete checkpoint, and remove incomplete ones."""
    found: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        if _is_complete(path):
            found.append((int(path.name.rpartition("-")[2]), path))
        else:
            shutil.rmtree(path)
    return max(found)[1] if found else None


def _is_complete(checkpoint: Path) -> bool:
    """Return whether a checkpoint has the whole of trainer_state.json, which Trainer writes last and not atomically."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return True


def data_digest(prepared: Prepared) -> str:
    """Return a digest of clean recordings, targets and splits, independent of paths."""
    seen = hashlib.sha256()
    for split, cleaned in prepared.cleaned.items():
        table = cleaned.rows.select_columns(["clip", "digest"]).to_pandas()
        seen.update(f"{split}\n".encode())
        seen.update("\n".join(f"{clip}:{digest}" for clip, digest in table.itertuples(index=False)).encode())
        seen.update(repr(prepared.targets[split].tolist()).encode())
    return seen.hexdigest()
