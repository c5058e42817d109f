"""Figures of a training: learning curves, and scores beside those of the baselines."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from audio_ft.errors import InputError
from audio_ft.formatting import capitalized
from audio_ft.metrics import METRICS, Score, direction
from audio_ft.metrics.names import SCORES
from audio_ft.plots.theme import LIGHT, MARKERS, TICK, WIDTH, Theme, finish, new_figure, open_axes, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_CURVES, _MOST_SCORES = 3, 4
STYLES = ("-", "-.", ":")


class Trained(Protocol):
    """The part of a `Run` that figures read; this room cannot import `Run`, which uses it in notebooks."""

    @property
    def target(self) -> Any:
        """Return the target; all its scores share an axis unless it is a `regression`."""

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """Return the logged values of each step."""

    @property
    def best(self) -> Mapping[str, Any]:
        """Return metric, step, value and reason of the best checkpoint."""

    @property
    def weights(self) -> str:
        """Return what tables of scores call the model."""

    @property
    def scores(self) -> Mapping[str, Mapping[str, Score]]:
        """Return scores by split."""

    @property
    def other_baselines(self) -> Mapping[str, Mapping[str, Score]]:
        """Return scores by baseline, on the test split, without the one that is the model."""


def learning_curves(run: Trained, *, theme: Theme = LIGHT, width: float = WIDTH) -> Figure:
    """Draw loss and validation scores over optimizer steps, with the step of the best checkpoint.

    Raises:
        InputError: the history has neither losses nor scores.
    """
    logged = {name.removeprefix("eval_") for entry in run.history for name in entry if name.startswith("eval_")}
    names = _titled(run, logged - {"loss"})[: 1 if run.target.regression else _MOST_CURVES]
    losses = {"training": _points(run.history, "loss"), "validation": _points(run.history, "eval_loss")}
    losses = {name: points for name, points in losses.items() if points[0]}
    curves = {name: _points(run.history, f"eval_{name}") for name in names}
    label = title_of(names[0]) if len(names) == 1 else "Validation score"
    parts = [part for part in (("Loss", losses), (label, curves)) if part[1]]
    if not parts:
        raise InputError("the run's history has neither losses nor scores, so there is no curve to draw.")
    figure = new_figure(theme, width, 1.9 * len(parts) + 0.5)
    grid = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (label, series) in zip(grid, parts, strict=True):
        open_axes(axes, theme)
        for number, (name, (steps, values)) in enumerate(series.items()):
            # Different line styles keep curves of equal values visible.
            look: dict[str, Any] = {"color": theme.color(number), "linestyle": STYLES[number], "markersize": 4}
            marker = MARKERS[number] if len(steps) <= 40 else ""
            axes.plot(steps, values, marker=marker, label=title_of(name), **look)
        axes.set_ylabel(label)
        _mark_best(axes, None if "kept" in run.best else run.best.get("step"), theme, labeled=axes is grid[0])
        # Above the axes, where it hides no points.
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0.2)
    grid[-1].set_xlabel("Optimizer step")
    return finish(figure, theme, name=f"learning curves; {run.best.get('why', 'loss and scores over steps')}")


def score_intervals(
    run: Trained,
    metrics: Iterable[str] | None = None,
    *,
    split: str = "test",
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw scores of a run with 95 % intervals, on the test split beside those of the baselines.

    Args:
        run: a finished run.
        metrics: names of scores; up to four headline scores if None.
        split: the split that was scored.
        theme: light or dark colors.
        width: the width in inches.

    Raises:
        InputError: the run does not have the split or the score.
    """
    if split not in run.scores:
        raise InputError(f"the run has no scores on {split!r}; it has {', '.join(run.scores)}.")
    rows = {run.weights: run.scores[split]} | (dict(run.other_baselines) if split == "test" else {})
    chosen = list(metrics) if metrics is not None else headline(run, split)
    missing = [name for name in chosen if name not in run.scores[split]]
    if missing or not chosen:
        raise InputError(f"the run has no score {', '.join(missing)!r}; it has {', '.join(run.scores[split])}.")
    figure = new_figure(theme, width, len(chosen) * (0.45 + 0.24 * len(rows)) + 0.3)
    grid = figure.subplots(len(chosen), 1, squeeze=False, sharex=not run.target.regression)[:, 0]
    for axes, metric in zip(grid, chosen, strict=True):
        known = any(metric in one.names for one in METRICS.values())
        lower = " (lower is better)" if known and not direction(metric) else ""
        axes.set_title(f"{title_of(metric)}{lower}", loc="left")
        shown = [
            (title_of(name), scores[metric], theme.muted if row else theme.color(0), MARKERS[row % len(MARKERS)])
            for row, (name, scores) in enumerate(rows.items())
            if metric in scores
        ]
        draw_scores(axes, theme, shown)
        from_zero(axes, [score for _, score, *_ in shown])
    grid[-1].set_xlabel(f"Score on the {split} split, with 95 % interval")
    listed = "; ".join(f"{title_of(metric)} {run.scores[split][metric]}" for metric in chosen)
    return finish(figure, theme, name=f"scores with 95 % intervals: {listed}")


def headline(run: Trained, split: str = "test") -> list[str]:
    """Return the names of at most four headline scores, the one that selected the checkpoint first."""
    scores = run.scores.get(split, {})
    return (_titled(run, scores) or [name for name in scores if "[" not in name])[:_MOST_SCORES]


def _titled(run: Trained, names: Collection[str]) -> list[str]:
    """Return those of the names that have a title, the score that selected the checkpoint first."""
    return [name for name in dict.fromkeys((str(run.best.get("metric", "")), *SCORES)) if name in names]


def title_of(name: str) -> str:
    """Return the title of a score or a baseline."""
    return SCORES[name].title if name in SCORES else capitalized(shorten(name.replace("_", " ")))


def draw_scores(axes: Axes, theme: Theme, rows: Sequence[tuple[str, Score, str, str]]) -> None:
    """Draw a row for each (label, score, color, marker): the score, its interval, and its value as text."""
    open_axes(axes, theme, grid="x")
    for row, (_, score, color, marker) in enumerate(rows):
        right = score.value
        if math.isfinite(score.low) and math.isfinite(score.high):
            axes.plot([score.low, score.high], [row, row], color=color, linewidth=2, solid_capstyle="round")
            right = score.high
        axes.plot([score.value], [row], marker=marker, color=color, markersize=6, linestyle="")
        text: dict[str, Any] = {"textcoords": "offset points", "va": "center", "fontsize": TICK, "color": color}
        axes.annotate(f"{score.value:.3f}", (right, row), (6, 0), **text)
    axes.set_yticks(range(len(rows)), [label for label, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)


def from_zero(axes: Axes, scores: Iterable[Score]) -> None:
    """Set a score axis from 0 (or the lowest score) to 1 (or the highest score), with room for the values."""
    ends = [end for score in scores for end in (score.low, score.value, score.high) if math.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    high = 1.0 if 0.3 < high <= 1.0 else high or 1.0
    axes.set_xlim(min(axes.get_xlim()[0], low) if low < 0 else 0, low + 1.12 * (high - low))


def _points(history: Iterable[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Return steps and logged values of a name, without missing values."""
    pairs = [(entry["step"], entry[name]) for entry in history if entry.get(name) is not None and "step" in entry]
    return [step for step, _ in pairs], [value for _, value in pairs]


def _mark_best(axes: Axes, step: Any, theme: Theme, *, labeled: bool) -> None:
    if not isinstance(step, int | float):
        return
    axes.axvline(step, color=theme.muted, linestyle="--", linewidth=1)
    if labeled:
        left = step < sum(axes.get_xlim()) / 2
        axes.annotate(
            f"best: step {step:,.0f}", (step, 1.0), (4 if left else -4, -3), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="left" if left else "right", va="top", fontsize=TICK, color=theme.muted,
        )  # fmt: skip
