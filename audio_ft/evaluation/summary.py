"""Analyze a model's predictions beyond the headline: classes, slices, calibration, accuracy against coverage."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any

from audio_ft.errors import InputError
from audio_ft.evaluation.calibration import calibration, selective
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.slices import slices, verdict
from audio_ft.file_io import file_digest, read_json, write_json
from audio_ft.metrics import Score
from audio_ft.run import PREDICTIONS_FILE, Run

logger = logging.getLogger(__name__)

SLICES_FILE = "slices.json"
# Raised when the shape or meaning of slices.json changes, so that an older file is not reused.
LAYOUT = 1


def describe(run: Run, split: str = "test") -> dict[str, Any]:
    """Return the analysis of a finished run, from its slices.json where that belongs to its predictions.

    Otherwise it is saved there, for the report and the card; where it cannot be written, a warning is logged.

    The keys are `split`, `n`, `headline` (names of scores), `per_class`, `slices` (`looked_at`, `verdict` and the
    slices themselves, worst first), `calibration` and `selective` (None unless the target is one label a clip).

    Raises:
        InputError: the run has no predictions file.
    """
    predictions = Predictions.of(run)
    file, source = run.folder / SLICES_FILE, _source(run)
    with suppress(InputError):  # there is none, or it is incomplete
        kept = read_json(file)
        if kept.get("of") == source and kept.get("split") == split:
            return kept
    test, validation = predictions.split(split), predictions.split("validation")
    analysis = description(test, validation, run.scores.get(split, {}), split=split) | {"of": source}
    try:
        write_json(file, analysis)
    except InputError as error:
        # The result can still be shown; the run may be in a read-only folder.
        logger.warning("warning: %s", error)
    return analysis


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
    source: dict[str, Any] = {"layout": LAYOUT, "model": run.digests["model"]}
    return source | {"predictions": file_digest(file)[:16]} if file.is_file() else source


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
    return {
        "split": split,
        "n": len(predictions),
        "headline": [predictions.target.headline, predictions.target.second_score],
        "per_class": per_class(scores),
        "slices": {"looked_at": len(found), "verdict": verdict(found), "slices": _plain(found)},
        "calibration": _plain(calibration(predictions, validation)),
        "selective": _plain(selective(predictions)),
    }


def _plain(result: Any) -> Any:
    """Return a result as JSON values: dataclasses as tables, coverages as text."""
    if isinstance(result, Score):
        return result.to_dict()
    if is_dataclass(result):
        return _plain(vars(result))
    if isinstance(result, Mapping):
        return {key if isinstance(key, str) else f"{key:g}": _plain(value) for key, value in result.items()}
    return [_plain(value) for value in result] if isinstance(result, list | tuple) else result


def per_class(scores: Mapping[str, Score]) -> dict[str, dict[str, Any]]:
    """Return {label: {"f1": score, …}} from scores named "f1[label]"."""
    found: dict[str, dict[str, Any]] = {}
    for name, score in scores.items():
        stem, bracket, label = name.partition("[")
        if bracket and name.endswith("]"):
            found.setdefault(label[:-1], {})[stem] = score.to_dict()
    return found
