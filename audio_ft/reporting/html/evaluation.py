"""The sections on confidence, slices and robustness, from slices.json and robustness.json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audio_ft.formatting import capitalized
from audio_ft.metrics import Score
from audio_ft.metrics.names import score_name
from audio_ft.plots.comparisons import robustness_curve
from audio_ft.reporting.html import figures
from audio_ft.reporting.html.scores import axis_of, bar
from audio_ft.reporting.record import calibration_text, robustness_results, robustness_text

if TYPE_CHECKING:
    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.reporting.html.figures import Picture
    from audio_ft.run import Run


def confidence(found: Mapping[str, Any], test: Predictions) -> dict[str, Any] | None:
    """Return the section on calibration and selective accuracy; None unless each clip has exactly one label.

    Each row of `selective` holds the share answered, the confidence threshold and the accuracy.
    """
    calibration, selective = found["calibration"], found["selective"]
    if calibration is None or selective is None:
        return None
    table = test.table
    return {
        "text": calibration_text(calibration),
        "pictures": figures.confidence(list(table["confidence"]), list(table["reference"] == table["prediction"])),
        "selective": [
            (float(share), selective["thresholds"][share], Score.from_dict(score))
            for share, score in selective["at"].items()
        ],
    }


def slices(found: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Return the section on slices; without rows if there are too few recordings."""
    items, metric = found["slices"]["slices"], found["headline"][0]
    # F1 is undefined without a single label, and then there is no slice of it.
    overall = run.scores["test"].get(metric, Score(0.0, math.nan, math.nan, 0))
    scores = [Score.from_dict(item["scores"][metric]) for item in items]
    axis = axis_of(metric, [overall, *scores])
    columns = {"group": str(run.data.get("group") or "group"), "class": str(run.data.get("target") or "class")}
    rows = [
        {
            **item,
            "column": columns.get(item["column"], item["column"]),
            "score": score,
            "bar": bar(score, axis),
        }
        for item, score in zip(items, scores, strict=True)
    ]
    verdict = f"{capitalized(found['slices']['verdict'])}."
    return {"verdict": verdict, "metric": score_name(metric).title, "rows": rows, "overall": bar(overall, axis)}


def robustness(run: Run) -> dict[str, Any] | None:
    """Return the section on robustness: a summary, a curve for each perturbation, and the score at every level."""
    found = robustness_results(run)
    if not found:
        return None
    perturbations = found["perturbations"]
    curves = [_curve(perturbation, found) for perturbation in perturbations]
    return {
        "text": robustness_text(found, run),
        "metric": score_name(found["metric"]).title,
        "pictures": [curve for curve in curves if curve],
        "levels": [
            {**level, "score": level["score"] and Score.from_dict(level["score"])}
            for perturbation in perturbations
            for level in perturbation["levels"]
        ],
    }


def _curve(perturbation: Mapping[str, Any], found: Mapping[str, Any]) -> Picture | None:
    """Return the curve of a perturbation; None with fewer than two scores."""
    scored = [level for level in perturbation["levels"] if level["score"]]
    if len(scored) < 2:
        return None
    title, unit = capitalized(perturbation["title"]), perturbation["unit"]
    worse = [f"{level['level']:g}".replace("-", "−") for level in scored if level["verdict"] == "worse"]
    where = f"at {', '.join(worse)} {unit}".rstrip() if worse else "at no level"
    figure = robustness_curve(
        [level["level"] for level in scored],
        [Score.from_dict(level["score"]) for level in scored],
        metric=found["metric"],
        perturbation=title,
        unit=unit,
        clean=Score.from_dict(found["clean"]),
        width=figures.SMALL,
    )
    return figures.picture(figure, caption=f"{title}: significantly worse than clean {where}.")
