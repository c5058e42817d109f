"""The sections on confidence, slices and robustness, from slices.json and robustness.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from audio_ft.evaluation.calibration import BINS
from audio_ft.evaluation.predictions import Predictions
from audio_ft.formatting import capitalized
from audio_ft.metrics import Score
from audio_ft.metrics.names import score_name
from audio_ft.plots.classification import reliability, selective_accuracy
from audio_ft.plots.comparisons import robustness_curve
from audio_ft.reporting.html.figures import NARROW, SMALL, Picture, picture
from audio_ft.reporting.html.scores import axis_of
from audio_ft.reporting.record import calibration_text, robustness_results, robustness_text
from audio_ft.run import Run


def confidence(found: Mapping[str, Any], test: Predictions) -> dict[str, Any] | None:
    """Return the section on calibration and selective accuracy; None unless each clip has exactly one label.

    Each row of `at` holds the share answered, the confidence threshold and the accuracy.
    """
    calibration, selective = found["calibration"], found["selective"]
    if calibration is None or selective is None:
        return None
    confidences, right = test.table["confidence"], test.table["reference"] == test.table["prediction"]
    return {
        "text": calibration_text(calibration),
        "reliability": picture(reliability(confidences, right, bins=BINS, width=NARROW)),
        "selective": picture(selective_accuracy(confidences, right, width=NARROW)),
        "at": [
            (float(share), selective["thresholds"][share], Score.from_dict(score))
            for share, score in selective["at"].items()
        ],
    }


def slices(found: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Return the section on slices; without rows if there are too few recordings."""
    metric = found["headline"][0]
    columns = {"group": str(run.data.get("group") or "group"), "class": str(run.data.get("target") or "class")}
    rows = [
        item | {"column": columns.get(item["column"], item["column"]), "score": Score.from_dict(item["scores"][metric])}
        for item in found["slices"]["slices"]
    ]
    # F1 is undefined without a single label, and then there is no slice of it.
    overall = run.scores["test"].get(metric, Score(0.0, math.nan, math.nan, 0))
    return {
        "verdict": f"{capitalized(found['slices']['verdict'])}.",
        "metric": score_name(metric).title,
        "rows": rows,
        "overall": overall,
        "axis": axis_of(metric, [overall, *(row["score"] for row in rows)]),
    }


def robustness(run: Run) -> dict[str, Any] | None:
    """Return the section on robustness: a summary, a curve for each perturbation, and the score at every level."""
    found = robustness_results(run)
    if not found:
        return None
    perturbations = [
        item | {"levels": [level | {"score": level["score"] and Score.from_dict(level["score"])}
                           for level in item["levels"]]}
        for item in found["perturbations"]
    ]  # fmt: skip
    return {
        "text": robustness_text(found, run),
        "metric": score_name(found["metric"]).title,
        "curves": [curve for item in perturbations if (curve := _curve(item, found))],
        "levels": [level for item in perturbations for level in item["levels"]],
    }


def _curve(perturbation: Mapping[str, Any], found: Mapping[str, Any]) -> tuple[Picture, str] | None:
    """Return the curve of a perturbation and its caption; None with fewer than two scores."""
    scored = [level for level in perturbation["levels"] if level["score"]]
    if len(scored) < 2:
        return None
    title, unit = capitalized(perturbation["title"]), perturbation["unit"]
    worse = [f"{level['level']:g}".replace("-", "−") for level in scored if level["verdict"] == "worse"]
    where = f"at {', '.join(worse)} {unit}".rstrip() if worse else "at no level"
    figure = robustness_curve(
        [level["level"] for level in scored],
        [level["score"] for level in scored],
        metric=found["metric"],
        perturbation=title,
        unit=unit,
        clean=Score.from_dict(found["clean"]),
        width=SMALL,
    )
    return picture(figure), f"{title}: significantly worse than clean {where}."
