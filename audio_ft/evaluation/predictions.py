"""Predictions: a model's answers beside the truth, one row a clip; slices, calibration, report and card read these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.metrics import score
from audio_ft.metrics.comparison import COMPARED_BY
from audio_ft.run import PREDICTIONS_FILE

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray
    from pandas import DataFrame

    from audio_ft.cleaning.dataset import Cleaned
    from audio_ft.metrics import Score
    from audio_ft.run import Run
    from audio_ft.tasks.base import Task

# By kind of target: the score by which clips are compared, then one to stand beside it.
BESIDE = {"single": "f1_macro", "multi": "mean_average_precision", "regression": "concordance", "text": "cer"}
HEADLINES = {kind: (name, BESIDE[kind]) for kind, name in COMPARED_BY.items()}


@dataclass(frozen=True)
class Predictions:
    """Hold the rows of predictions.parquet: split, file, group, reference, prediction, and what the kind adds.

    Attributes:
        table: the rows; `seconds`, `rate`, `level`, `snr` and `meta` (JSON) say what each recording was like.
        kind: "single", "multi", "regression" or "text".
        labels: the names that the columns of `probabilities` stand for.
        seed: seed of the resamples.
        language: what is spoken, which decides how transcripts are normalized.
    """

    table: DataFrame
    kind: str
    labels: tuple[str, ...] = ()
    seed: int = 0
    language: str | None = None

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.table)

    @classmethod
    def of(cls, run: Run) -> Predictions:
        """Read what a finished run predicted for its validation and test clips.

        Raises:
            InputError: the run has lost its predictions.
        """
        return cls(read_table(run.folder / PREDICTIONS_FILE), run.kind, run.labels, run.recipe.seed, run.language)

    def split(self, name: str) -> Predictions:
        """Return the clips of one split."""
        return self.where(self.table["split"].to_numpy() == name)

    def where(self, chosen: NDArray[np.bool_]) -> Predictions:
        """Return the clips that are chosen (clips,)."""
        return replace(self, table=self.table[chosen].reset_index(drop=True))

    @property
    def groups(self) -> list[str | None] | None:
        """Return the group of each clip, or None where no clip has one."""
        column = [None if group is None or group != group else str(group) for group in self.table["group"]]
        return column if any(group is not None for group in column) else None

    @property
    def guesses(self) -> Any:
        """Return what `metrics.score` takes for predictions: probabilities (clips, labels), numbers or texts."""
        if self.kind in ("single", "multi"):
            return np.stack([np.asarray(row, np.float64) for row in self.table["probabilities"]])
        return self._plain("prediction")

    @property
    def truth(self) -> Any:
        """Return what `metrics.score` takes for references: ids (clips,), 0/1 (clips, labels), numbers or texts."""
        if self.kind == "single":
            ids = {label: place for place, label in enumerate(self.labels)}
            return np.asarray([ids[name] for name in self.table["reference"]], np.int64)
        if self.kind == "multi":
            return np.asarray(
                [[label in set(names) for label in self.labels] for names in self.table["reference"]], int
            )
        return self._plain("reference")

    def _plain(self, column: str) -> Any:
        if self.kind == "text":
            return [str(text) for text in self.table[column]]
        return self.table[column].to_numpy(np.float64)

    def score(self, names: Sequence[str] = (), *, level: float = 0.95, resamples: int = 1000) -> dict[str, Score]:
        """Score the clips; see `metrics.score`."""
        return score(
            self.kind,
            self.guesses,
            self.truth,
            labels=self.labels if self.kind in ("single", "multi") else (),
            language=self.language,
            groups=self.groups,
            seed=self.seed,
            resamples=resamples,
            names=names,
            level=level,
        )


def tabulated(split: str, rows: Dataset, cleaned: Cleaned, task: Task, values: Any) -> DataFrame:
    """Return the rows of predictions.parquet for one split, one for each clip that could be read.

    Args:
        split: its name.
        rows: its recordings as loaded.
        cleaned: the same after cleaning.
        task: the task that made the predictions.
        values: one prediction for each of `rows`.
    """
    import pandas

    facts = cleaned.clip_stats()
    places = facts.pop("clip")
    chosen = rows.select(places)
    references = list(chosen["target"])
    columns = {
        "split": split,
        "file": list(chosen["key"]),
        "group": list(chosen["group"]),
        "reference": references,
        **task.columns([task.answer(values[place]) for place in places], references),
        **facts,
        "meta": list(chosen["meta"]),
    }
    return pandas.DataFrame(columns)


def read_table(file: Path) -> DataFrame:
    """Return the rows of a predictions.parquet.

    Raises:
        InputError: there is no such file.
    """
    import pandas

    if not file.is_file():
        raise InputError(f"{file.parent} holds no {file.name}, which this is made of; train again.")
    return pandas.read_parquet(file)
