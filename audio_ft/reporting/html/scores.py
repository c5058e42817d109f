"""Scores on the page: headline scores beside the baselines on one axis, and tables of all scores and of classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audio_ft.formatting import capitalized
from audio_ft.metrics import METRICS, Score, direction, names
from audio_ft.reporting.record import class_scores

if TYPE_CHECKING:
    from audio_ft.run import Run

# At most so many scores are shown as headlines.
HEADLINES = 3


@dataclass(frozen=True)
class Bar:
    """Hold the position of a score and its interval on an axis, in percent of its width; None without interval."""

    value: float
    low: float | None
    high: float | None


def headlines(run: Run) -> list[dict[str, Any]]:
    """Return the headline scores on the test split, each beside the baselines."""
    return [_headline(run, name) for name in names.headlines(run.scores["test"])[:HEADLINES]]


def _headline(run: Run, name: str) -> dict[str, Any]:
    ours, higher = run.scores["test"][name], direction(name)
    baselines = {key: scores[name] for key, scores in run.baselines.items() if name in scores}
    axis = axis_of(name, [ours, *baselines.values()])
    known = names.score_name(name)
    return {
        "title": known.title,
        "meaning": known.meaning,
        "higher_is_better": higher,
        "axis": axis,
        "score": ours,
        "lines": [(key, score, bar(score, axis)) for key, score in {"this model": ours, **baselines}.items()],
        "verdicts": [verdict(key, score, ours, higher) for key, score in baselines.items()],
    }


def verdict(name: str, baseline: Score, ours: Score, higher_is_better: bool) -> str:
    """Return how a baseline compares with the confidence interval of this model."""
    value = baseline.value
    if math.isnan(ours.low) or math.isnan(ours.high):
        comparison = "not comparable, because this model's score has no interval"
    elif ours.low <= value <= ours.high:
        comparison = "inside this model's confidence interval, so not distinguishable"
    else:
        comparison = "better" if (value > ours.high) == higher_is_better else "worse"
        comparison = f"{comparison}, outside this model's confidence interval"
    return f"{capitalized(name)}: {value:.3f}, {comparison}."


def axis_of(name: str, scores: Iterable[Score]) -> tuple[float, float]:
    """Return the ends of an axis for a score: 0 to 1, wider if needed, and fitted for errors in the target's unit."""
    values = [value for score in scores for value in (score.value, score.low, score.high) if math.isfinite(value)]
    low, high = min([0.0, *values]), max([0.0, *values])
    in_units = any(name in metric.names and metric.scale == "positive" for metric in METRICS.values())
    return (-1.0 if low < 0 else 0.0), (1.0 if high <= 1 and not in_units else high * 1.05 or 1.0)


def bar(score: Score, axis: tuple[float, float]) -> Bar:
    """Return the position of a score on an axis."""
    low, high = axis

    def position(value: float) -> float:
        return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)

    if math.isnan(score.low) or math.isnan(score.high):
        return Bar(position(score.value), None, None)
    return Bar(position(score.value), position(score.low), position(score.high))


def table(run: Run) -> dict[str, Any]:
    """Return every score except those of single classes: the columns, and rows of a title and {column: score}."""
    columns = {"test": run.scores["test"], **run.scores, **run.baselines}
    first = names.headlines(run.scores["test"])
    rest = [name for name in run.scores["test"] if not name.endswith("]") and name not in first]
    rows = [
        (names.score_name(name).title, {key: scores[name] for key, scores in columns.items() if name in scores})
        for name in (*first, *rest)
    ]
    return {"columns": list(columns), "rows": rows}


def classes(run: Run) -> list[tuple[str, int, Mapping[str, tuple[Score, Bar] | None]]]:
    """Return label, recordings and scores by name of every class on the test split, lowest recall first.

    A score is None if it is undefined: a class without a clip has no recall.
    """
    clips = run.splits.get("test", {}).get("classes", {})
    rows = []
    for label, scores in class_scores(run).items():
        placed = {name: (score, bar(score, (0.0, 1.0))) if score else None for name, score in scores.items()}
        first = next(iter(scores.values()))
        rows.append((first.value if first else math.inf, (label, int(clips.get(label, 0)), placed)))
    return [row for _, row in sorted(rows, key=lambda pair: pair[0])]
