"""Score a model on labeled rows: from clean recordings to scores with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.cleaned import Cleaned
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.data import Data, Loaded, load
from audio_ft.data.splitting.splits import SPLITS
from audio_ft.errors import InputError
from audio_ft.inference.batching import Collator, outputs_of, windows_of
from audio_ft.inference.predictor import Model
from audio_ft.metrics import Score
from audio_ft.models.base import Adapter
from audio_ft.tasks.base import Task

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Rows:
    """Hold one split: its `table` (target, group, key …) and the same recordings after cleaning."""

    table: Dataset
    cleaned: Cleaned

    @property
    def readable(self) -> NDArray[np.int64]:
        """Return the indices of the rows in the table whose recordings could be read."""
        return self.cleaned.used

    @property
    def groups(self) -> list[str | None] | None:
        """Return the group of each readable recording, None where no row has one."""
        column = list(self.table["group"])
        return [column[row] for row in self.readable] if any(group is not None for group in column) else None


@dataclass(frozen=True)
class Scored:
    """Hold one prediction for each row of a table, and the scores of the readable ones."""

    predictions: NDArray[Any]
    scores: Mapping[str, Score]


def load_split(model: Model, data: Data, split: str, need: Sequence[str]) -> tuple[Loaded, Chain]:
    """Return labeled data as a model takes it, and the cleaning steps that its recordings still need.

    Raises:
        InputError: the split is unknown, or the data or the model's chain cannot be used.
    """
    if split not in SPLITS:
        raise InputError(f"split is one of {', '.join(SPLITS)}, not {split!r}.")
    model.chain.require_rate(model.adapter.sample_rate)
    loaded = load(data, need=tuple(need) or (split,), known=model.task.target)
    return loaded, model.chain.remaining(loaded.chain)


def clean_rows(table: Dataset, chain: Chain, rate: int, split: str = "") -> Cleaned:
    """Return the recordings of a table, or of one `split`, after cleaning at `rate` Hz.

    Raises:
        InputError: none of them can be read.
    """
    cleaned = clean(table, Cleaner(chain, rate), name=split or "recordings")
    if not cleaned.clips:
        where = f" of the {split} split" if split else ""
        raise InputError(f"None of the recordings{where} can be read (first: {': '.join(cleaned.errors[0])}).")
    return cleaned


def score_rows(
    model: Any, task: Task, adapter: Adapter, rows: Rows, *, seed: int = 0, describe: str = "scoring"
) -> Scored:
    """Predict every readable recording of a split and score the predictions, with intervals by group.

    `seed` is that of the resamples, `describe` the text of the progress bar.
    """
    references = task.target.encode(rows.table["target"])
    windows = windows_of(rows.cleaned, references, task, adapter, rows.table)
    outputs = outputs_of(model, task, Collator(task.inference_adapter(adapter), task), windows, describe=describe)
    predictions = task.predictions(outputs, windows.places, len(references))
    present = rows.readable
    scores = task.target.score(predictions[present], references[present], rows.groups, seed=seed)
    return Scored(predictions, scores)
