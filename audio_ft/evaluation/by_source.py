"""Scores of each source and each language of a split, where the data has several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.data.mixture import LANGUAGE, SOURCE
from audio_ft.evaluation.scoring import Rows
from audio_ft.metrics import Score

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.targets import Target


def scores_by_source(
    rows: Rows, target: Target, predictions: NDArray[Any], seed: int, *, sources: bool
) -> dict[str, dict[str, Mapping[str, Score]]]:
    """Return {"source": {name: scores}, "language": {code: scores}}, without what has a single value.

    Args:
        rows: a split.
        target: what is predicted.
        predictions: one for each row of the table.
        seed: that of the resamples.
        sources: whether the rows are of several sources.
    """
    table, present = rows.table, rows.readable
    columns: dict[str, list[Any]] = {}
    if sources:
        columns[SOURCE] = [json.loads(text)[SOURCE] for text in table["meta"]]
    if LANGUAGE in table.column_names:
        columns[LANGUAGE] = list(table[LANGUAGE])
    references, groups = target.encode(table["target"]), list(table["group"])
    found: dict[str, dict[str, Mapping[str, Score]]] = {}
    for column, cells in columns.items():
        values = sorted({cells[row] for row in present.tolist() if cells[row] is not None})
        for value in values if len(values) > 1 else ():
            own = np.array([row for row in present.tolist() if cells[row] == value])
            near = [groups[row] for row in own] if rows.groups else None
            names = (target.headline, target.second_score)
            scores = target.score(predictions[own], references[own], near, seed=seed, names=names)
            found.setdefault(column, {})[value] = {name: scores[name] for name in names if name in scores}
    return found
