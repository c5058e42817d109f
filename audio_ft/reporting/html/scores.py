"""Scores on the page: headline scores beside the baselines on one axis, and tables of all scores and of classes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from audio_ft.formatting import capitalized
from audio_ft.metrics import METRICS, Score, direction, names
from audio_ft.reporting.record import class_scores
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
    found = []
    for name in names.headlines(run.scores["test"])[:HEADLINES]:
        ours, higher, known = run.scores["test"][name], direction(name), names.score_name(name)
        baselines = {key: scores[name] for key, scores in run.other_baselines.items() if name in scores}
        found.append(
            {
                "title": known.title,
                "meaning": known.meaning,
                "higher_is_better": higher,
                "axis": axis_of(name, [ours, *baselines.values()]),
                "scores": {"all folds" if run.folds else "this model": ours, **baselines},
                "verdicts": [verdict(key, score, ours, higher) for key, score in baselines.items()],
            }
        )
    return found


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
    value, low, high = np.interp((score.value, score.low, score.high), axis, (0, 100)).round(2).tolist()
    return Bar(value, None, None) if math.isnan(low) or math.isnan(high) else Bar(value, low, high)


def table(run: Run) -> dict[str, Any]:
    """Return every score except those of single classes: the columns, and rows of a title and {column: score}."""
    test = run.scores["test"]
    columns = {"test": test, **run.scores, **run.other_baselines}
    shown = dict.fromkeys((*names.headlines(test), *(name for name in test if not name.endswith("]"))))
    rows = [
        (names.score_name(name).title, {key: scores[name] for key, scores in columns.items() if name in scores})
        for name in shown
    ]
    return {"columns": list(columns), "rows": rows}


def folds(run: Run) -> dict[str, Any] | None:
    """Return the headline scores of each fold and of all together, and the first one of the baselines; None without.

    Each row has the fold, its clips, and a score for each of the columns, None where it is undefined.
    """
    if not run.folds:
        return None
    shown = names.headlines(run.scores["test"])[:2]
    columns = [names.score_name(name).title for name in shown]
    columns += [f"{columns[0]}, {baseline}" for baseline in run.baselines]
    every = {**run.folds, "all folds": {"scores": run.scores["test"], "baselines": run.baselines}}
    rows = [
        (name, fold["scores"][shown[0]].n,
         [*(fold["scores"].get(each) for each in shown),
          *(fold["baselines"].get(baseline, {}).get(shown[0]) for baseline in run.baselines)])
        for name, fold in every.items()
    ]  # fmt: skip
    return {"columns": columns, "rows": rows}


def seeds(run: Run) -> dict[str, Any] | None:
    """Return titles, rows (seed, validation score, test scores) and spreads of the headlines; None for one seed."""
    if not run.seeds:
        return None
    shown = [name for name in names.headlines(run.scores["test"]) if name in run.spread][:HEADLINES]
    rows = [
        (seed, own["validation"].get(shown[0]), [own["scores"][name] for name in shown])
        for seed, own in run.seeds.items()
    ]
    titles = [names.score_name(name).title for name in shown]
    return {"titles": titles, "rows": rows, "spread": [run.spread[name] for name in shown]}


def classes(run: Run) -> list[tuple[str, dict[str, Score | None]]]:
    """Return label and scores of every class on the test split, lowest recall first.

    A score is None if it is undefined, as the recall of a class without a clip; such classes come last.
    """
    # The first score is the recall, where the class has one.
    return sorted(class_scores(run).items(), key=lambda row: getattr(next(iter(row[1].values())), "value", math.inf))
