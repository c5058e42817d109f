"""Data that is ready for cleaning: undecoded rows in splits, and how they were read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audio_ft.targets import Target

if TYPE_CHECKING:
    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Loaded:
    """Hold data that is ready for cleaning.

    Attributes:
        splits: tables by split, with the columns audio (undecoded {bytes, path}), target (text, list of text or float),
            group (text or None), key (text, unique) and meta (JSON text of all other columns of the row); where it is
            known, language (text or None); where rows are parts of recordings, also start, end (seconds, None: the
            recording's) and channel (from 0, None: all).
        target: what the recordings are labeled with; its names are those seen in train, sorted, numbers by value.
        column: the column that the targets come from.
        group: the column that the groups come from, or a description where file names contain them; None without.
        rule: how the splits were made, in one sentence.
        warnings: what a user should know.
        chain: the cleaning steps that `audio-ft prepare` already applied.
        fingerprint: digest of names, sizes, modification times, targets and all other columns.
        reading: how the targets were read, in one sentence: "12 classes from 1 to 3 labels a clip, separated by ','";
            where rows are parts of recordings also from what: "parts of files: start, end in seconds, from …".
        folds: names of the folds, where `Data.folds` asks for them; the splits are those of one of them.
        pseudo: how many training targets were predicted by a model.
        leaks: the leak certificate of the splits, where `audio-ft prepare` has made one.
        draws: how often each training row is drawn, 1 on average; None: each once an epoch.
        sources: of several sources, by name: clips of each split, weight, and share of the draws.
        rights: what columns of consent and license say: {"consent": {"yes": 40}}, by the names of the columns.
    """

    splits: dict[str, Dataset]
    target: Target
    column: str
    group: str | None
    rule: str
    warnings: tuple[str, ...]
    chain: list[dict[str, Any]] | None
    fingerprint: str
    reading: str
    folds: tuple[str, ...] = ()
    pseudo: int = 0
    rights: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    leaks: Mapping[str, Any] | None = None
    draws: NDArray[np.float64] | None = None
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
