"""Exclude clips that cannot be trained on, log those and the unreadable ones, and stop when there are too many."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.cleaning.dataset import duration_of
from audio_ft.errors import InputError
from audio_ft.tasks.base import Task

if TYPE_CHECKING:
    from datasets import Dataset

    from audio_ft.cleaning.dataset import Cleaned
    from audio_ft.models.base import Adapter


def without_unfit(
    cleaned: Cleaned, split: Dataset, task: Task, adapter: Adapter
) -> tuple[Cleaned, tuple[tuple[str, str], ...]]:
    """Return a split without the clips that cannot be trained on, and the key and reason of each of those."""
    if type(task).why_unlearnable is Task.why_unlearnable and not task.whole:
        return cleaned, ()
    columns = cleaned.rows.with_format("numpy")
    clips, lengths = np.asarray(columns["clip"], np.int64), np.asarray(columns["length"], np.int64)
    targets, keys = split["target"], split["key"]
    pieces = np.bincount(clips, minlength=len(split))
    unfit = {}
    for clip, length in zip(clips.tolist(), lengths.tolist(), strict=True):
        reason = task.why_unlearnable(targets[clip], length, adapter)
        if reason is None and task.whole and pieces[clip] > 1:
            reason = f"longer than the window of {adapter.window:g} s"
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
        seconds=duration_of(rows.select_columns(["clip", "start", "seconds"]).to_pandas()),
    )
    return left, tuple((keys[clip], reason) for clip, reason in sorted(unfit.items()))


def report_unfit(split: str, unfit: Sequence[tuple[str, str]], cleaned: Cleaned, tell: Callable[[str], None]) -> None:
    """Log how many clips were excluded for each reason.

    Raises:
        InputError: no clip is left.
    """
    reasons = Counter(reason for _, reason in unfit)
    for reason, count in reasons.most_common(5):
        first = next(key for key, own in unfit if own == reason)
        tell(f"excluded: {count:,} of {split}: {reason} (first: {first})")
    if len(reasons) > 5:
        tell(f"excluded: {split}: {len(reasons) - 5} more reasons; all are listed in run.json")
    if not cleaned.clips:
        raise InputError(f"Not one clip of the {split} split can be trained on (first: {': '.join(unfit[0])}).")


def refuse_corrupt(cleaned: Mapping[str, Cleaned], allowed: float, tell: Callable[[str], None]) -> None:
    """Report unreadable recordings, and stop when there are too many of them or nothing else.

    Raises:
        InputError: more than the allowed share, or a split without a readable recording.
    """
    errors = [error for split in cleaned.values() for error in split.errors]
    total = sum(split.clips for split in cleaned.values()) + len(errors)
    for key, reason in errors[:10]:
        tell(f"excluded: {key}: {reason}")
    if len(errors) > 10:
        tell(f"excluded: {len(errors) - 10} more; all are listed in run.json")
    for name, split in cleaned.items():
        if not split.clips:
            raise InputError(
                f"Not one recording of the {name} split can be read (first: {': '.join(split.errors[0])})."
            )
    if len(errors) > allowed * total:
        raise InputError(
            f"{len(errors)} of {total} recordings cannot be read (first: {': '.join(errors[0])}), more than the "
            f"allowed {allowed:.0%}; fix or remove them, or raise max_corrupt."
        )
