"""From the logits of windows to events: blend the windows, filter, compare with thresholds, and choose those."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.metrics.event_samples import EventsSample, Tolerance, as_objects
from audio_ft.targets.detection import ONE, Detection
from audio_ft.tasks.base import Places

Matrix = NDArray[np.float64]  # probabilities (frames, classes)

# The thresholds that are tried on the validation split.
TRIED = tuple(round(0.05 * step, 2) for step in range(1, 20))
# What a checkpoint that says nothing of thresholds gets, and a class of which validation has no event.
USUAL = 0.5


class Detected(NamedTuple):
    """One predicted event: onset and offset in seconds, the number of its class, and its mean probability."""

    onset: float
    offset: float
    label: int
    probability: float


def stitched(
    logits: NDArray[np.float32], places: Places, count: int, hop: float, frames: Callable[[float], int]
) -> list[Matrix]:
    """Return the probabilities (frames, classes) of each of `count` clips from the logits (windows, frames, classes).

    A frame lasts `hop` seconds, and `frames` says how many of them a window of so many seconds has; what is behind them
    is padding. Where windows overlap, their probabilities are averaged, and a frame near the end of its window, which
    has seen little of what comes next, weighs little.
    """
    members = [np.flatnonzero(places.clips == clip) for clip in range(count)]
    found = []
    for windows in members:
        ends = places.starts[windows] + places.seconds[windows]
        length = max(1, round(float(ends.max(initial=0.0)) / hop))
        sums, weights = np.zeros((length, logits.shape[-1])), np.zeros((length, 1))
        for window in windows.tolist():
            first = round(float(places.starts[window]) / hop)
            size = min(frames(float(places.seconds[window])), logits.shape[1], length - first)
            if size < 1:
                continue
            weight = np.minimum(np.arange(1, size + 1), np.arange(size, 0, -1))[:, None]
            # A form of the sigmoid that never overflows.
            sums[first : first + size] += weight * (0.5 + 0.5 * np.tanh(0.5 * logits[window, :size].astype(np.float64)))
            weights[first : first + size] += weight
        found.append(sums / np.maximum(weights, 1))
    return found


def filtered(probabilities: Matrix, rules: Detection, hop: float) -> Matrix:
    """Return the probabilities after the median filter of each class."""
    size = 2 * int(rules.median_filter / hop / 2) + 1
    if size < 3:
        return probabilities
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(probabilities, (size, 1), mode="nearest"))


def events_in(probabilities: Matrix, thresholds: Sequence[float], rules: Detection, hop: float) -> tuple[Detected, ...]:
    """Return the events in filtered probabilities, in order of time: runs of frames that reach the threshold."""
    active = np.pad(probabilities >= np.asarray(thresholds), ((1, 1), (0, 0)))
    shortest = max(1, round(rules.min_duration / hop))
    found = []
    for label, edges in enumerate(np.diff(active.astype(np.int8), axis=0).T):
        for start, stop in zip(np.flatnonzero(edges > 0).tolist(), np.flatnonzero(edges < 0).tolist(), strict=True):
            if stop - start >= shortest:
                mean = float(probabilities[start:stop, label].mean())
                found.append(Detected(start * hop, stop * hop, label, mean))
    return tuple(sorted(found))


def chosen_thresholds(
    found: Sequence[Matrix], references: NDArray[Any], rules: Detection, hop: float, tolerance: Tolerance, classes: int
) -> tuple[float, ...]:
    """Return the thresholds with the best event F1 for filtered probabilities of the validation split, by class.

    Of equally good ones the middle one is taken. A class without events there gets the usual threshold if each class
    has its own.
    """
    # (thresholds, matched + true + predicted, classes)
    counts = np.stack([
        EventsSample.checked(
            as_objects([events_in(each, [threshold] * classes, rules, hop) for each in found]),
            references,
            tuple(map(str, range(classes))),
            tolerance=tolerance,
        ).tally("events").sum(axis=0)
        for threshold in TRIED
    ])  # fmt: skip
    if rules.threshold == ONE:
        return (_best(counts.sum(axis=2)),) * classes
    return tuple(_best(counts[:, :, label]) for label in range(classes))


def _best(counts: NDArray[np.float64]) -> float:
    """Return the threshold with the best F1 from counts (thresholds, 3)."""
    matched, true, predicted = counts.T
    if not true.any():
        return USUAL
    scores = 2 * matched / np.maximum(true + predicted, 1)
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return TRIED[int(best[len(best) // 2])]


def fixed_thresholds(rules: Detection, names: Sequence[str]) -> tuple[float, ...] | None:
    """Return the thresholds that the settings give, by class; None where they are to be chosen.

    Raises:
        InputError: the settings name other labels than there are.
    """
    threshold = rules.threshold
    if isinstance(threshold, str):
        return None
    if not isinstance(threshold, Mapping):
        return (float(threshold),) * len(names)
    if set(threshold) != set(names):
        raise InputError(
            f"events.threshold names {', '.join(sorted(threshold))} and the labels are {', '.join(names)}; give each "
            "label one threshold."
        )
    return tuple(float(threshold[name]) for name in names)
