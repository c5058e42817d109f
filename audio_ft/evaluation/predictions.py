"""Predictions and references, one row a clip; slices, calibration, report and card are made from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.cleaning.place import PLACE
from audio_ft.errors import InputError
from audio_ft.evaluation.scoring import Rows
from audio_ft.metrics import Score
from audio_ft.run import PREDICTIONS_FILE, Run
from audio_ft.targets import Target

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Predictions:
    """Hold the rows of predictions.parquet: split, file, group, reference, prediction, and what the target adds.

    Attributes:
        table: the rows; `start` and `end` (s) and `channel` (from 0) are set where a row is a part of its recording;
            `seconds`, `rate`, `level`, `snr` and `meta` (JSON) describe each recording.
        target: what the model predicts.
        seed: seed of the resamples.
    """

    table: DataFrame
    target: Target
    seed: int = 0

    def __len__(self) -> int:
        return len(self.table)

    @classmethod
    def of(cls, run: Run) -> Predictions:
        """Read what a finished run predicted for its validation and test clips.

        Raises:
            InputError: the run has no predictions file.
        """
        import pandas

        file = run.folder / PREDICTIONS_FILE
        if not file.is_file():
            raise InputError(f"{run.folder} contains no {PREDICTIONS_FILE}; train again.")
        return cls(pandas.read_parquet(file), run.target, run.recipe.seed)

    def split(self, name: str) -> Predictions:
        """Return the clips of one split."""
        return self.where(self.table["split"].to_numpy() == name)

    def where(self, chosen: NDArray[np.bool_]) -> Predictions:
        """Return the clips selected by a mask (clips,)."""
        return replace(self, table=self.table[chosen].reset_index(drop=True))

    @property
    def groups(self) -> list[str | None] | None:
        """Return the group of each clip, or None where no clip has one."""
        column = [None if group is None or group != group else str(group) for group in self.table["group"]]
        return column if any(group is not None for group in column) else None

    @property
    def predicted(self) -> Any:
        """Return the predictions as metrics take them: probabilities (clips, labels), numbers or texts."""
        return self.target.stored_predictions(self.table)

    @property
    def truth(self) -> Any:
        """Return the references as metrics take them: ids (clips,), 0/1 (clips, labels), numbers or texts."""
        return self.target.stored_references(self.table)

    def score(self, names: Sequence[str] = (), **settings: Any) -> dict[str, Score]:
        """Score the clips; see `metrics.score` for the settings."""
        return self.target.score(self.predicted, self.truth, self.groups, seed=self.seed, names=names, **settings)


def tabulated(split: str, rows: Rows, target: Target, predictions: Any) -> DataFrame:
    """Return the rows of predictions.parquet for one split, one for each clip that could be read.

    `predictions` has one prediction for each row of the table in `rows`.
    """
    import pandas

    facts = rows.cleaned.clip_stats()
    clips = facts.pop("clip")
    chosen = rows.table.select(clips)
    targets = list(chosen["target"])
    place = {name: list(chosen[name]) if name in chosen.column_names else None for name in PLACE[1:]}
    columns = {
        "split": split,
        "file": list(chosen["key"]),
        **place,
        "group": list(chosen["group"]),
        "reference": targets,
        **target.columns([target.as_dict(predictions[clip]) for clip in clips], targets),
        **facts,
        "meta": list(chosen["meta"]),
    }
    return pandas.DataFrame(columns)
