"""Which clips a network can learn from: those whose target fits their audio, in one piece where the task needs it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.task import Task

if TYPE_CHECKING:
    from datasets import Dataset

    from audio_ft.clean import Cleaned
    from audio_ft.family import Family


def without_unfit(
    cleaned: Cleaned, split: Dataset, task: Task, family: Family
) -> tuple[Cleaned, tuple[tuple[str, str], ...]]:
    """Return a split without the clips that cannot be learnt from, and key and reason of each of those."""
    if type(task).fault is Task.fault and not task.whole:
        return cleaned, ()
    columns = cleaned.rows.with_format("numpy")
    clips, lengths = np.asarray(columns["clip"], np.int64), np.asarray(columns["length"], np.int64)
    targets, keys = split["target"], split["key"]
    pieces = np.bincount(clips, minlength=len(split))
    unfit = {}
    for clip, length in zip(clips.tolist(), lengths.tolist(), strict=True):
        reason = task.fault(targets[clip], length, family)
        if reason is None and task.whole and pieces[clip] > 1:
            reason = f"longer than the window of {family.window:g} s"
        if reason is not None:
            unfit[clip] = reason
    if not unfit:
        return cleaned, ()
    kept = np.flatnonzero(~np.isin(clips, list(unfit)))
    rows = cleaned.rows.select(kept)
    left = dataclasses.replace(
        cleaned,
        rows=rows,
        clips=len(np.unique(clips[kept])),
        seconds=float(np.sum(lengths[kept]) / family.rate),
    )
    return left, tuple((keys[clip], reason) for clip, reason in sorted(unfit.items()))
