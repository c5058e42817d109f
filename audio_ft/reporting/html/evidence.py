"""The sections on confidence and on slices, from what `describe` found in the run's predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.metrics import Score
from audio_ft.metrics.names import score_name
from audio_ft.reporting.html import figures
from audio_ft.reporting.html.page import SliceRow, SlicesShown, Trust
from audio_ft.reporting.html.scores import axis_of, bar

if TYPE_CHECKING:
    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.run import Run


def trust(told: Mapping[str, Any], test: Predictions) -> Trust | None:
    """Return the section on confidence; None where there is not one label a clip."""
    calibration, selective = told["calibration"], told["selective"]
    if calibration is None or selective is None:
        return None
    right = list(test.table["reference"] == test.table["prediction"])
    return Trust(
        said=tuple(_calibrated(calibration)),
        pictures=tuple(figures.trust(list(test.table["confidence"]), right)),
        surest=tuple(
            (float(share), selective["thresholds"][share], Score.from_dict(score))
            for share, score in selective["at"].items()
        ),
    )


def _calibrated(found: Mapping[str, Any]) -> list[str]:
    """Say what the calibration shows, and what of it chance explains."""
    error, usual, most = found["error"], found["chance"], found["chance_high"]
    judged = (
        "more than chance explains: the probabilities do not mean what they say"
        if error > most
        else "no more than chance explains on so few recordings"
    )
    said = [
        f"Expected calibration error {error:.3f}: so far apart, on average, are the confidence stated and the share "
        f"that is right. A perfectly calibrated model would show {usual:.3f} here, and less than {most:.3f} in 95 "
        f"cases of 100, so this is {judged}."
    ]
    if found["temperature"] is None:
        said.append(f"A temperature was not fitted: {found['why']}.")
    else:
        sure = "too sure of itself" if found["temperature"] > 1 else "less sure than it could be"
        said.append(
            f"On the validation split the model is {sure}: dividing its logits by a temperature of "
            f"{found['temperature']:.2f} makes the error {found['error_after']:.3f}."
        )
    return said


def slices(told: Mapping[str, Any], run: Run) -> SlicesShown:
    """Return the section on slices, without rows where there are too few recordings for any."""
    found: Sequence[Mapping[str, Any]] = told["slices"]["slices"]
    metric = told["headline"][0]
    # Without a single label in truth and answers there is no F1, and then no slice of it.
    overall = run.scores["test"].get(metric, Score(0.0, math.nan, math.nan, 0))
    pairs = [(Score.from_dict(one["scores"][metric]), Score.from_dict(one["rest"])) for one in found]
    axis = axis_of(metric, [overall, *(score for score, _ in pairs)])
    names = {"group": str(run.data.get("group") or "group"), "class": str(run.data.get("target") or "class")}
    rows = tuple(
        SliceRow(
            names.get(one["column"], one["column"]),
            one["value"],
            one["n"],
            score,
            rest,
            bar(score, axis),
            one["stands_out"],
        )
        for one, (score, rest) in zip(found, pairs, strict=True)
    )
    verdict = told["slices"]["verdict"]
    return SlicesShown(f"{verdict[:1].upper()}{verdict[1:]}.", score_name(metric).title, rows, bar(overall, axis))
