"""Scores as the page shows them: a headline beside its baselines on one axis, tables of all scores and of classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_ft.metrics import METRICS, Score, direction, names

if TYPE_CHECKING:
    from audio_ft.run import Run

# More headline scores than this and none is one.
HEADLINES = 3
# Of a class's scores, the one that orders them first.
STEMS = ("recall", "precision", "f1")


@dataclass(frozen=True)
class Bar:
    """Place a score with its interval on an axis, in percent of its width; `low` and `high` None: no interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Line:
    """Hold one row of a comparison: whose score it is, the score, and where it lies."""

    name: str
    score: Score
    bar: Bar
    ours: bool = False


@dataclass(frozen=True)
class Headline:
    """Hold one score of the model beside those of its baselines, on an axis from `axis[0]` to `axis[1]`."""

    title: str
    meaning: str
    higher_is_better: bool
    axis: tuple[float, float]
    lines: tuple[Line, ...]
    verdicts: tuple[str, ...]

    @property
    def score(self) -> Score:
        """Return the model's own score."""
        return self.lines[0].score


@dataclass(frozen=True)
class ClassRow:
    """Hold the scores of one class on the test split by name ("recall", "precision", "f1"): all that any class has.

    None stands where this one has none: a class without a clip has no recall.
    """

    label: str
    clips: int
    scores: Mapping[str, tuple[Score, Bar] | None]


def headlines(run: Run) -> list[Headline]:
    """Return the scores on the test split that a reader wants first, each beside its baselines."""
    return [headline(run, name) for name in names.headlines(run.scores["test"])[:HEADLINES]]


def headline(run: Run, name: str) -> Headline:
    """Return one score of the test split beside those of the baselines that have it."""
    ours = run.scores["test"][name]
    others = {key: scores[name] for key, scores in run.baselines.items() if name in scores}
    axis = axis_of(name, [ours, *others.values()])
    lines = [Line("this model", ours, bar(ours, axis), ours=True)]
    lines += [Line(key, score, bar(score, axis)) for key, score in others.items()]
    higher = direction(name)
    said = tuple(verdict(ours, line, higher) for line in lines[1:])
    known = names.score_name(name)
    return Headline(known.title, known.meaning, higher, axis, tuple(lines), said)


def verdict(ours: Score, other: Line, higher_is_better: bool) -> str:
    """Return in words where a baseline's score lies, seen from this model's interval."""
    value = other.score.value
    if math.isnan(ours.low) or math.isnan(ours.high):
        side = "beside a score without an interval"
    elif ours.low <= value <= ours.high:
        side = "inside this model's interval, so the two are not told apart here"
    else:
        better = (value > ours.high) == higher_is_better
        side = f"outside this model's interval, on the {'better' if better else 'worse'} side"
    return f"{other.name[:1].upper()}{other.name[1:]}: {value:.3f}, {side}."


def axis_of(name: str, scores: Iterable[Score]) -> tuple[float, float]:
    """Return an axis for values of a score: from 0 to 1, wider where they leave that, their own for errors in units."""
    values = [value for score in scores for value in (score.value, score.low, score.high) if math.isfinite(value)]
    low, high = min([0.0, *values]), max([0.0, *values])
    in_units = any(name in metric.names and metric.scale == "positive" for metric in METRICS.values())
    return (-1.0 if low < 0 else 0.0), (1.0 if high <= 1 and not in_units else high * 1.05 or 1.0)


def bar(score: Score, axis: tuple[float, float]) -> Bar:
    """Place a score on an axis, in percent."""
    low, high = axis

    def place(value: float) -> float:
        return round(100 * min(max((value - low) / (high - low), 0.0), 1.0), 2)

    if math.isnan(score.low) or math.isnan(score.high):
        return Bar(place(score.value), None, None)
    return Bar(place(score.value), place(score.low), place(score.high))


def table(run: Run) -> list[tuple[str, dict[str, Score]]]:
    """Return every score but those of single classes: its name, and its value by split and baseline."""
    columns = {**run.scores, **run.baselines}
    first = names.headlines(run.scores["test"])
    rest = [name for name in run.scores["test"] if not name.endswith("]") and name not in first]
    return [
        (names.score_name(name).title, {key: scores[name] for key, scores in columns.items() if name in scores})
        for name in (*first, *rest)
    ]


def kept(run: Run) -> tuple[list[str], list[tuple[str, Mapping[str, Score]]]]:
    """Return the table of what fine-tuning did to the test split and to a second set: its columns and its rows."""
    places = {"test": "test split", "extra_eval": "second set"}
    states = list(dict.fromkeys(state for found in run.retention.values() for state in found))
    rows: list[tuple[str, Mapping[str, Score]]] = [
        (f"{places.get(place, place)}: {names.score_name(name).title}", {state: found[state][name] for state in found})
        for place, found in run.retention.items()
        for name in names.headlines(run.scores["test"])[:HEADLINES]
        if all(name in scores for scores in found.values())
    ]
    return states, rows


def classes(run: Run) -> list[ClassRow]:
    """Return the test scores of every class, hardest to find first."""
    test = run.scores["test"]
    clips = run.splits.get("test", {}).get("classes", {})
    stems = [stem for stem in STEMS if any(f"{stem}[{label}]" in test for label in run.labels)]
    rows = []
    for label in run.labels:
        found = {stem: test.get(f"{stem}[{label}]") for stem in stems}
        if any(found.values()):
            placed = {stem: (score, bar(score, (0.0, 1.0))) if score else None for stem, score in found.items()}
            rows.append(ClassRow(label, int(clips.get(label, 0)), placed))
    firsts = [(row.scores[stems[0]], row) for row in rows]
    return [row for _, row in sorted(firsts, key=lambda pair: pair[0][0].value if pair[0] else math.inf)]
