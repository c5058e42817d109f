"""Figures of a classifier's predictions: confusion matrix, reliability diagram and selective accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from audio_ft.errors import InputError
from audio_ft.metrics.intervals import wilson
from audio_ft.plots.theme import LIGHT, TICK, WIDTH, Theme, finish, new_figure, open_axes, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Squared 97.5 % quantile of the normal distribution, for Wilson's interval.
_QUANTILE2 = 1.959964**2
# With more classes than these, counts and some of the labels are left out.
_MOST_NUMBERS, _MOST_LABELS = 24, 60


def confusion_matrix(
    references: Sequence[str],
    predictions: Sequence[str],
    labels: Sequence[str],
    *,
    theme: Theme = LIGHT,
    width: float | None = None,
) -> Figure:
    """Draw how often each true class (rows) was predicted as each class (columns), colored by share of the row.

    Raises:
        InputError: no clips, lists of unequal length, or a label that is not among `labels`.
    """
    from sklearn import metrics

    if len(references) != len(predictions) or not len(references):
        raise InputError(
            f"expected as many predictions as references, and at least one; got {len(references)} references and "
            f"{len(predictions)} predictions."
        )
    if unknown := sorted({*map(str, references), *map(str, predictions)}.difference(labels)):
        raise InputError(f"{shorten(', '.join(unknown), 80)!r} is not among the {len(labels)} labels.")
    counts = metrics.confusion_matrix(references, predictions, labels=labels)
    classes = len(labels)
    size = width or min(max(3.6, 1.6 + 0.34 * classes), 12.0)
    figure = new_figure(theme, size, size * 0.92)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap=theme.shades(), vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    if classes <= _MOST_NUMBERS:
        _write_counts(axes, counts, shares, theme)
    step = max(1, -(-classes // _MOST_LABELS))
    ticks, names = list(range(0, classes, step)), [shorten(label, 18) for label in labels[::step]]
    upright = classes > 5 or max(map(len, names)) > 8
    axes.set_xticks(ticks, names, rotation=90 if upright else 0)
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02).set_label("Share of the true class")
    return finish(figure, theme, name=f"confusion matrix of {classes} classes, {int(counts.sum()):,} clips")


def reliability(
    confidences: ArrayLike, correct: ArrayLike, *, bins: int = 15, theme: Theme = LIGHT, width: float = 0.75 * WIDTH
) -> Figure:
    """Draw the reliability diagram: accuracy with Wilson's 95 % interval by mean confidence of a bin.

    A histogram below counts the clips of each bin. The dots of a calibrated model are on the diagonal.

    Raises:
        InputError: no clips, or confidences outside 0 to 1.
    """
    values, right = _checked(confidences, correct)
    figure = new_figure(theme, width, width * 1.05)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    open_axes(upper, theme, grid="both")
    open_axes(lower, theme)
    upper.plot([0, 1], [0, 1], linestyle="--", linewidth=1, color=theme.muted, label="calibrated")
    # Bins are open below and closed above, as in the expected calibration error.
    numbers = np.clip(np.ceil(values * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(numbers, minlength=bins)
    used = counts > 0
    means, shares = (np.bincount(numbers, each, bins)[used] / counts[used] for each in (values, right))
    ends = _intervals(shares, counts[used])
    upper.vlines(means, ends[:, 0], ends[:, 1], color=theme.color(0), linewidth=2)
    upper.plot(means, shares, marker="o", markersize=6, linestyle="", color=theme.color(0), label="this model")
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="Accuracy")
    upper.legend(loc="upper left")
    lower.hist(values, bins=np.linspace(0, 1, bins + 1).tolist(), color=theme.color(0), edgecolor=theme.background)
    lower.set(xlabel="Confidence", ylabel="Clips")
    return finish(figure, theme, name=f"reliability diagram of {len(values):,} predictions in {bins} bins")


def selective_accuracy(
    confidences: ArrayLike, correct: ArrayLike, *, theme: Theme = LIGHT, width: float = 0.75 * WIDTH
) -> Figure:
    """Draw the accuracy on the most confident share of the clips, with Wilson's 95 % interval by clip.

    Raises:
        InputError: no clips, or confidences outside 0 to 1.
    """
    values, right = _checked(confidences, correct)
    order = np.argsort(-values, kind="stable")
    answered = np.arange(1, len(values) + 1)
    accuracy = np.cumsum(right[order]) / answered
    # Clips of equal confidence are answered together.
    last = np.append(np.diff(values[order]) != 0, True)
    answered, accuracy = answered[last], accuracy[last]
    ends = _intervals(accuracy, answered)
    figure = new_figure(theme, width, 0.7 * width)
    axes = open_axes(figure.subplots(), theme, grid="both")
    share = answered / len(values)
    axes.fill_between(share, ends[:, 0], ends[:, 1], color=theme.color(0), alpha=0.2, linewidth=0)
    axes.plot(share, accuracy, color=theme.color(0), linewidth=1.6, marker="o" if len(share) < 3 else "")
    axes.annotate(
        f"{accuracy[-1]:.3f}", (1, accuracy[-1]), (-4, -10), textcoords="offset points", ha="right", fontsize=TICK,
        color=theme.color(0),
    )  # fmt: skip
    # The wide intervals of the first few clips would flatten the rest.
    shown = (share >= 0.1) | (share == 1)
    axes.set(xlim=(0, 1.02), ylim=(float(ends[shown, 0].min()) - 0.02, 1.01))
    axes.set_xlabel("Share of clips answered, most confident first")
    axes.set_ylabel("Accuracy")
    return finish(figure, theme, name=f"accuracy against share answered; all answered {accuracy[-1]:.3f}")


def _checked(confidences: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, right = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    if values.ndim != 1 or values.shape != right.shape or not len(values):
        raise InputError(f"expected one confidence and one truth value per clip, got {values.shape} and {right.shape}.")
    if not ((values >= 0) & (values <= 1 + 1e-6)).all():
        raise InputError("expected confidences between 0 and 1.")
    return np.minimum(values, 1.0), right


def _intervals(shares: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.float64]:
    """Return Wilson's 95 % interval of proportions (n, 2)."""
    return np.array(
        [wilson(float(share), _QUANTILE2 / int(count)) for share, count in zip(shares, counts, strict=True)]
    )


def _write_counts(axes: Axes, counts: NDArray[Any], shares: NDArray[Any], theme: Theme) -> None:
    size = TICK if counts.max() < 1_000 and len(counts) <= 16 else TICK - 2
    for (row, column), count in np.ndenumerate(counts):
        if count:
            color = theme.background if shares[row, column] > 0.5 else theme.ink
            axes.text(column, row, f"{count:,}", ha="center", va="center", fontsize=size, color=color)
