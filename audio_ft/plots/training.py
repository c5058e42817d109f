"""Figures of a training: learning curves, and what was reached beside what needs no training."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from audio_ft.errors import InputError
from audio_ft.plots.theme import LIGHT, MARKERS, TICK, WIDTH, Theme, blank, dressed, plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from audio_ft.metrics.score import Score

# The scores that speak for a run of any kind, in the order in which they are drawn.
HEADLINE: tuple[str, ...] = ("accuracy", "unweighted_average_recall", "f1_macro", "wer", "wer_normalized", "cer")
HEADLINE += ("mean_average_precision", "f1_micro", "subset_accuracy", "roc_auc_macro")
HEADLINE += ("mean_absolute_error", "root_mean_squared_error", "concordance", "pearson")
_MOST_CURVES, _MOST_SCORES = 3, 4
STYLES = ("-", "-.", ":")
_NAMES = {"wer": "WER", "wer_normalized": "WER, normalized", "cer": "CER", "roc_auc_macro": "ROC AUC, macro"}
_NAMES |= {"f1_macro": "F1, macro", "f1_micro": "F1, micro", "f1_weighted": "F1, weighted"}


class Trained(Protocol):
    """What is drawn of a `Run`; figures stand below runs, so that a run can show itself in a notebook."""

    @property
    def target(self) -> Any:
        """Return what the model predicts: `one_scale` says whether its scores share an axis."""

    @property
    def history(self) -> Sequence[Mapping[str, Any]]:
        """Return what was logged, step by step."""

    @property
    def best(self) -> Mapping[str, Any]:
        """Return which checkpoint was kept: metric, step, value, why."""

    @property
    def scores(self) -> Mapping[str, Mapping[str, Score]]:
        """Return scores by split."""

    @property
    def baselines(self) -> Mapping[str, Mapping[str, Score]]:
        """Return scores by baseline, on the test split."""


def learning_curves(run: Trained, *, theme: Theme = LIGHT, width: float = WIDTH) -> Figure:
    """Draw loss and validation scores over optimizer steps, with the step that was kept.

    Raises:
        InputError: a run whose history is empty.
    """
    losses = {"training": _points(run.history, "loss"), "validation": _points(run.history, "eval_loss")}
    losses = {name: points for name, points in losses.items() if points[0]}
    names = _followed(run)
    curves = {name: _points(run.history, f"eval_{name}") for name in names}
    parts = [part for part in (("Loss", losses), (_score_label(names), curves)) if part[1]]
    if not parts:
        raise InputError("the run's history holds neither losses nor scores; there is no curve to draw.")
    figure = blank(theme, width, 1.9 * len(parts) + 0.5)
    grid = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (label, series) in zip(grid, parts, strict=True):
        plain(axes, theme)
        for place, (name, (steps, values)) in enumerate(series.items()):
            # Scores that coincide still show, one through the gaps of the other.
            look: dict[str, Any] = {"color": theme.color(place), "linestyle": STYLES[place], "markersize": 4}
            marker = MARKERS[place] if len(steps) <= 40 else ""
            axes.plot(steps, values, marker=marker, label=title_of(name), **look)
        axes.set_ylabel(label)
        _mark_kept(axes, run.best.get("step"), theme, written=axes is grid[0])
        # A legend in a corner chosen by itself may take long to place and hide points; above, it hides nothing.
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, borderaxespad=0.2)
    grid[-1].set_xlabel("Optimizer step")
    return dressed(figure, theme, name=f"learning curves; {run.best.get('why', 'loss and scores over steps')}")


def score_intervals(
    run: Trained,
    metrics: Iterable[str] | None = None,
    *,
    split: str = "test",
    theme: Theme = LIGHT,
    width: float = WIDTH,
) -> Figure:
    """Draw the run's scores on a split with their 95 % intervals, beside those of the baselines (on the test split).

    Without `metrics`, up to four headline scores.

    Raises:
        InputError: a split or score that the run does not have.
    """
    if split not in run.scores:
        raise InputError(f"the run has no scores on {split!r}; it has {', '.join(run.scores)}.")
    rows = {"fine-tuned": run.scores[split]} | (dict(run.baselines) if split == "test" else {})
    chosen = list(metrics) if metrics is not None else headline(run, split)
    missing = [name for name in chosen if name not in run.scores[split]]
    if missing or not chosen:
        raise InputError(f"the run has no score {', '.join(missing)!r}; it has {', '.join(run.scores[split])}.")
    figure = blank(theme, width, len(chosen) * (0.45 + 0.24 * len(rows)) + 0.3)
    grid = figure.subplots(len(chosen), 1, squeeze=False, sharex=run.target.one_scale)[:, 0]
    for axes, metric in zip(grid, chosen, strict=True):
        plain(axes, theme, grid="x")
        shown = {name: scores[metric] for name, scores in rows.items() if metric in scores}
        axes.set_title(f"{title_of(metric)}{_lower(metric)}", loc="left")
        for place, score in enumerate(shown.values()):
            color = theme.color(0) if place == 0 else theme.muted
            dot(axes, score, place, color, MARKERS[min(place, len(MARKERS) - 1)])
        axes.set_yticks(range(len(shown)), [title_of(name) for name in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        from_zero(axes, shown.values())
    grid[-1].set_xlabel(f"Score on the {split} split, with 95 % interval")
    said = "; ".join(f"{title_of(metric)} {run.scores[split][metric]}" for metric in chosen)
    return dressed(figure, theme, name=f"scores with 95 % intervals: {said}")


def headline(run: Trained, split: str = "test") -> list[str]:
    """Return the names of at most four scores that speak for a run, the one that chose the checkpoint first."""
    first = str(run.best.get("metric", ""))
    there = [name for name in dict.fromkeys((first, *HEADLINE)) if name in run.scores.get(split, {})]
    return (there or [name for name in run.scores.get(split, {}) if "[" not in name])[:_MOST_SCORES]


def _lower(metric: str) -> str:
    """Return " (lower is better)" for an error; a score of old that nobody knows any more says nothing."""
    from audio_ft.metrics import direction

    try:
        return "" if direction(metric) else " (lower is better)"
    except InputError:
        return ""


def title_of(name: str) -> str:
    """Return what figures call a score or a baseline."""
    plain_name = short(name.replace("_", " "))
    return _NAMES.get(name, plain_name[:1].upper() + plain_name[1:])


def dot(axes: Axes, score: Score, place: float, color: str, marker: str = "o") -> None:
    """Draw a score at a height with its interval, and its value in writing."""
    if math.isfinite(score.low) and math.isfinite(score.high):
        axes.plot([score.low, score.high], [place, place], color=color, linewidth=2, solid_capstyle="round")
    axes.plot([score.value], [place], marker=marker, color=color, markersize=6, linestyle="")
    right = score.high if math.isfinite(score.high) else score.value
    axes.annotate(
        f"{score.value:.3f}",
        (right, place),
        (6, 0),
        textcoords="offset points",
        va="center",
        fontsize=TICK,
        color=color,
    )


def from_zero(axes: Axes, scores: Iterable[Score]) -> None:
    """Let a score axis run from 0 (or the lowest score below) to 1 where the scores allow, with room for the values."""
    ends = [end for score in scores for end in (score.low, score.value, score.high) if math.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    high = 1.0 if 0.3 < high <= 1.0 else high or 1.0
    axes.set_xlim(min(axes.get_xlim()[0], low) if low < 0 else 0, low + 1.12 * (high - low))


def _points(history: Iterable[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Return steps and values of what was logged under a name; overflown values are left out."""
    pairs = [(entry["step"], entry[name]) for entry in history if entry.get(name) is not None and "step" in entry]
    return [step for step, _ in pairs], [value for _, value in pairs]


def _followed(run: Trained) -> list[str]:
    """Return the names of the scores whose curves are drawn: the one that chose the checkpoint, then headline ones."""
    logged = {name.removeprefix("eval_") for entry in run.history for name in entry if name.startswith("eval_")}
    names = dict.fromkeys((str(run.best.get("metric", "")), *HEADLINE))
    found = [name for name in names if name in logged and name != "loss"]
    if not run.target.one_scale:
        return found[:1]
    return found[:_MOST_CURVES]


def _score_label(names: Sequence[str]) -> str:
    return title_of(names[0]) if len(names) == 1 else "Validation score"


def _mark_kept(axes: Axes, step: Any, theme: Theme, *, written: bool) -> None:
    if not isinstance(step, int | float):
        return
    axes.axvline(step, color=theme.muted, linestyle="--", linewidth=1)
    if written:
        left = step < sum(axes.get_xlim()) / 2
        axes.annotate(
            f"kept: step {step:,.0f}", (step, 1.0), (4 if left else -4, -3), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha="left" if left else "right", va="top", fontsize=TICK, color=theme.muted,
        )  # fmt: skip
