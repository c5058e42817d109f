"""Figures of a classifier's answers: what is taken for what, and how far its confidence can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.metrics.intervals import wilson
from audio_ft.plots.theme import LIGHT, TICK, WIDTH, Theme, blank, dressed, plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike, NDArray

# Squared 97.5 % quantile of the normal distribution, for Wilson's interval.
_QUANTILE2 = 1.959964**2
# More classes than these are drawn without numbers, and labeled only every so often.
_MOST_NUMBERS, _MOST_LABELS = 24, 60


def confusion_matrix(
    references: Sequence[str],
    predictions: Sequence[str],
    labels: Sequence[str],
    *,
    theme: Theme = LIGHT,
    width: float | None = None,
) -> Figure:
    """Draw how often each true class (rows) was answered as each class (columns): counts, colored by share of the row.

    Raises:
        InputError: no clips, or a label that is not among `labels`.
    """
    counts = confusion_counts(references, predictions, labels)
    classes = len(labels)
    size = width or min(max(3.6, 1.6 + 0.34 * classes), 12.0)
    figure = blank(theme, size, size * 0.92)
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap=theme.shades(), vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    if classes <= _MOST_NUMBERS:
        _write_counts(axes, counts, shares, theme)
    step = max(1, -(-classes // _MOST_LABELS))
    ticks, names = list(range(0, classes, step)), [short(label, 18) for label in labels[::step]]
    upright = classes > 5 or max(map(len, names)) > 8
    axes.set_xticks(ticks, names, rotation=90 if upright else 0)
    axes.set_yticks(ticks, names)
    axes.tick_params(length=0)
    axes.set_xlabel("Answered")
    axes.set_ylabel("True")
    colors = figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02)
    colors.set_label("Share of the true class")
    return dressed(figure, theme, name=f"confusion matrix of {classes} classes, {int(counts.sum()):,} clips")


def confusion_counts(references: Sequence[str], predictions: Sequence[str], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return how many clips of each class (rows) were answered as each class (columns), (classes, classes).

    Raises:
        InputError: no clips, lists of unequal length, or a label that is not among `labels`.
    """
    if len(references) != len(predictions) or not len(references):
        raise InputError(
            f"expected one prediction a reference and at least one; got {len(references)} and {len(predictions)}."
        )
    place = {label: number for number, label in enumerate(labels)}
    unknown = sorted({str(label) for label in (*references, *predictions) if label not in place})
    if unknown:
        raise InputError(f"{short(', '.join(unknown), 80)!r} is not among the {len(labels)} labels.")
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, ([place[label] for label in references], [place[label] for label in predictions]), 1)
    return counts


def reliability(
    confidences: ArrayLike, correct: ArrayLike, *, bins: int = 15, theme: Theme = LIGHT, width: float = 0.75 * WIDTH
) -> Figure:
    """Draw the calibration curve: the accuracy of clips answered with about the same confidence, and how many they are.

    Each dot stands at its bin's mean confidence, with Wilson's 95 % interval; a calibrated model's lie on the diagonal.

    Raises:
        InputError: no clips, or confidences outside 0 to 1.
    """
    sure, right = _answers(confidences, correct)
    figure = blank(theme, width, width * 1.05)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    plain(upper, theme, grid="both")
    plain(lower, theme)
    upper.plot([0, 1], [0, 1], linestyle="--", linewidth=1, color=theme.muted, label="calibrated")
    means, shares, ends = _bins(sure, right, bins)
    upper.vlines(means, ends[:, 0], ends[:, 1], color=theme.color(0), linewidth=2)
    upper.plot(means, shares, marker="o", markersize=6, linestyle="", color=theme.color(0), label="this model")
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="Accuracy")
    upper.legend(loc="upper left")
    lower.hist(sure, bins=np.linspace(0, 1, bins + 1).tolist(), color=theme.color(0), edgecolor=theme.background)
    lower.set(xlabel="Confidence", ylabel="Clips")
    return dressed(figure, theme, name=f"calibration curve of {len(sure):,} answers in {bins} bins")


def selective_accuracy(
    confidences: ArrayLike, correct: ArrayLike, *, theme: Theme = LIGHT, width: float = 0.75 * WIDTH
) -> Figure:
    """Draw the accuracy when only the surest share of the clips is answered, with Wilson's 95 % interval by clip.

    Raises:
        InputError: no clips, or confidences outside 0 to 1.
    """
    sure, right = _answers(confidences, correct)
    order = np.argsort(-sure, kind="stable")
    answered = np.arange(1, len(sure) + 1)
    accuracy = np.cumsum(right[order]) / answered
    # Clips of equal confidence are answered all or none.
    whole = np.append(np.diff(sure[order]) != 0, True)
    answered, accuracy = answered[whole], accuracy[whole]
    ends = _intervals(accuracy, answered)
    figure = blank(theme, width, 0.7 * width)
    axes = plain(figure.subplots(), theme, grid="both")
    share = answered / len(sure)
    axes.fill_between(share, ends[:, 0], ends[:, 1], color=theme.color(0), alpha=0.2, linewidth=0)
    axes.plot(share, accuracy, color=theme.color(0), linewidth=1.6, marker="o" if len(share) < 3 else "")
    axes.annotate(
        f"{accuracy[-1]:.3f}", (1, accuracy[-1]), (-4, -10), textcoords="offset points", ha="right", fontsize=TICK,
        color=theme.color(0),
    )  # fmt: skip
    # The first few clips say next to nothing; their interval would flatten all the rest.
    told = (share >= 0.1) | (share == 1)
    axes.set(xlim=(0, 1.02), ylim=(float(ends[told, 0].min()) - 0.02, 1.01))
    axes.set_xlabel("Share of clips answered, surest first")
    axes.set_ylabel("Accuracy of these")
    return dressed(figure, theme, name=f"accuracy against share answered; all answered {accuracy[-1]:.3f}")


def _answers(confidences: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sure, right = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    if sure.ndim != 1 or sure.shape != right.shape or not len(sure):
        raise InputError(f"expected one confidence and one right or wrong a clip; got {sure.shape} and {right.shape}.")
    if not ((sure >= 0) & (sure <= 1 + 1e-6)).all():
        raise InputError("confidences lie between 0 and 1; these do not.")
    return np.minimum(sure, 1.0), right


def _bins(sure: NDArray[Any], right: NDArray[Any], bins: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return mean confidence, accuracy and its interval (n, 2) of the bins that hold clips."""
    # Bins are open below and closed above, as in the expected calibration error.
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    used = counts > 0
    means = np.bincount(place, sure, bins)[used] / counts[used]
    shares = np.bincount(place, right, bins)[used] / counts[used]
    return means, shares, _intervals(shares, counts[used])


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
