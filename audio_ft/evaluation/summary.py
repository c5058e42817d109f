"""Analyze a model's predictions beyond the headline: classes, slices, calibration, accuracy against coverage.

`describe(run)` saves it in the run's slices.json, where the report and the card read it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError
from audio_ft.evaluation.calibration import calibration, selective
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.slices import slices, verdict
from audio_ft.file_io import file_digest, read_json, write_json
from audio_ft.run import PREDICTIONS_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from audio_ft.metrics import Score
    from audio_ft.run import Run

logger = logging.getLogger(__name__)

SLICES_FILE = "slices.json"
# Raised when the shape or meaning of slices.json changes, so that an older file is not reused.
LAYOUT = 1


def describe(run: Run, split: str = "test") -> dict[str, Any]:
    """Return the analysis of a finished run, from slices.json where that belongs to its predictions.

    Where slices.json cannot be written, a warning is logged.

    The keys are `split`, `n`, `headline` (names of scores), `per_class`, `slices` (`looked_at`, `verdict` and the
    slices themselves, worst first), `calibration` and `selective` (None unless the target is one label a clip).

    Raises:
        InputError: the run has no predictions file.
    """
    predictions = Predictions.of(run)
    file, source = run.folder / SLICES_FILE, _source(run)
    if (kept := _kept(file)) and kept.get("of") == source and kept.get("split") == split:
        return kept
    analysis = description(
        predictions.split(split), predictions.split("validation"), run.scores.get(split, {}), split=split
    )
    try:
        write_json(file, analysis | {"of": source})
    except InputError as error:
        # The result can still be shown; the run may be in a read-only folder.
        logger.warning("warning: %s", error)
    return analysis | {"of": source}


def describes(found: Mapping[str, Any], run: Run) -> bool:
    """Tell whether the content of a slices.json belongs to this run.

    Without predictions.parquet the digest of the weights decides; in older files, which lack it, the classes' scores.
    """
    of = found.get("of", {})
    if any(of.get(name, value) != value for name, value in _source(run).items() if name != "layout"):
        return False
    return "model" in of or found.get("per_class") == per_class(run.scores.get(found.get("split", ""), {}))


def _source(run: Run) -> dict[str, Any]:
    """Return what identifies the content of slices.json: the predictions, if they still exist, and the weights."""
    file = run.folder / PREDICTIONS_FILE
    return {
        "layout": LAYOUT,
        "model": run.digests["model"],
        **({"predictions": file_digest(file)[:16]} if file.is_file() else {}),
    }


def description(
    predictions: Predictions,
    validation: Predictions | None,
    scores: Mapping[str, Score],
    *,
    split: str,
    columns: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return the analysis of one split's clips and scores, sliced by `columns` or by all."""
    found = slices(predictions, columns)
    calibrated, chosen = calibration(predictions, validation), selective(predictions)
    return {
        "split": split,
        "n": len(predictions),
        "headline": [predictions.target.headline, predictions.target.second_score],
        "per_class": per_class(scores),
        "slices": {
            "looked_at": len(found),
            "verdict": verdict(found),
            "slices": [one.to_dict() for one in found],
        },
        "calibration": calibrated.to_dict() if calibrated else None,
        "selective": chosen.to_dict() if chosen else None,
    }


def per_class(scores: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    """Return {label: {"f1": score, …}} from scores named "f1[label]"."""
    found: dict[str, dict[str, Any]] = {}
    for name, score in scores.items():
        stem, bracket, label = name.partition("[")
        if bracket and name.endswith("]"):
            found.setdefault(label[:-1], {})[stem] = score.to_dict()
    return found


def _kept(file: Path) -> dict[str, Any] | None:
    """Return the content of slices.json, None where there is none or it is incomplete."""
    try:
        return read_json(file)
    except InputError:
        return None
