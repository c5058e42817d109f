"""AUC and partial AUC of anomaly scores, with 95 % intervals, as DCASE task 2 reports them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.metrics.intervals import Measured, Score, with_interval
from audio_ft.metrics.units import MIN_GROUPS, FloatArray, Groups, Units, bootstrap

# The false-alarm rate up to which the partial area counts in DCASE task 2.
MAX_FPR = 0.1


def anomaly_scores(
    values: NDArray[np.float64], anomalous: NDArray[np.bool_], groups: Groups = None, *, seed: int = 0
) -> dict[str, Score]:
    """Return `auc` and `pauc` of anomaly scores, with intervals.

    `pauc` is the area up to a false-alarm rate of 0.1, standardized (McClish 1989) such that chance is 0.5 and a
    perfect ranking 1: what DCASE's evaluator computes.

    Args:
        values: anomaly scores (clips,), greater for more unusual clips.
        anomalous: which clips are anomalies (clips,).
        groups: the group of each clip, by which clips are resampled if normal clips and anomalies both have at least
            `MIN_GROUPS`; with fewer, an interval speaks of more clips of these groups and not of new groups.
        seed: seed of the resamples.

    Raises:
        InputError: all clips are normal, or none is.
    """
    if anomalous.all() or not anomalous.any():
        there = "anomalies" if anomalous.all() else "normal recordings"
        raise InputError(f"AUC needs normal recordings and anomalies, and there are only {there}.")

    def areas(weights: FloatArray) -> FloatArray:
        return np.stack([area(values, anomalous, weights, most) for most in (1.0, MAX_FPR)], axis=1)

    units = Units.of(len(values), groups if _enough_groups(anomalous, groups) else None)
    point = areas(np.ones((1, len(values))))
    replicates = bootstrap(areas, units, seed=seed)
    rarer = float(min(anomalous.sum(), (~anomalous).sum()))
    # The partial area sees the normal clips of the greatest scores only.
    effective = {"auc": rarer, "pauc": min(float(anomalous.sum()), max(1.0, MAX_FPR * float((~anomalous).sum())))}
    return {
        name: with_interval(
            Measured(point[:, place], effective=np.array([effective[name]])), replicates[:, place], units, "proportion"
        )
        for place, name in enumerate(effective)
    }


def _enough_groups(anomalous: NDArray[np.bool_], groups: Groups) -> bool:
    if groups is None or None in groups:
        return False
    sides = ({group for group, own in zip(groups, anomalous, strict=True) if own == side} for side in (False, True))
    return min(map(len, sides)) >= MIN_GROUPS


def area(values: NDArray[np.float64], anomalous: NDArray[np.bool_], weights: FloatArray, most: float) -> Any:
    """Return the standardized area under the ROC curve up to a false-alarm rate of `most`, (b,) for weights (b, clips).

    NaN where a resample has no normal clip or no anomaly.
    """
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))  # equal scores are one step
    weights, positive = weights[:, order], anomalous[order]
    rates = []
    for side in (positive, ~positive):
        counts = np.cumsum(weights * side, axis=1)[:, ends]
        with np.errstate(invalid="ignore", divide="ignore"):
            rates.append(np.pad(counts / counts[:, -1:], ((0, 0), (1, 0))))
    hits, alarms = rates
    width = np.diff(alarms, axis=1)
    within = np.clip(most - alarms[:, :-1], 0, width)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.where(width > 0, np.diff(hits, axis=1) / width, 0.0)
    found = (within * (hits[:, :-1] + slope * within / 2)).sum(1)
    least = most**2 / 2
    return (1 + (found - least) / (most - least)) / 2


def share(chosen: NDArray[np.bool_], groups: Groups = None, *, seed: int = 0) -> Score:
    """Return the share of clips that are chosen, with its interval."""
    units = Units.of(len(chosen), groups)

    def of(weights: FloatArray) -> FloatArray:
        return np.asarray((weights * chosen).sum(1) / weights.sum(1))

    point = Measured(of(np.ones((1, len(chosen)))), plain=True)
    return with_interval(point, bootstrap(of, units, seed=seed), units, "proportion")
