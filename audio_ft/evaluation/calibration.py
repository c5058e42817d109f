"""Calibration and selective accuracy: do probabilities match accuracy, and how accurate are the most confident ones.

Both are about confidence, the greatest of a clip's probabilities, and so about one label a clip only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_ft.evaluation.predictions import Predictions
from audio_ft.metrics import Score

Floats = NDArray[np.float64]

# Guo et al. 2017 and most since.
BINS = 15
# Draws from a perfectly calibrated model.
DRAWS = 1_000
# Coverages in the short table; the curve has a hundred.
COVERAGES = (0.8, 0.9, 0.95)
CURVE_POINTS = 100
# A temperature beyond these shows that the validation split cannot determine it.
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Bin:
    """Count the clips with a confidence above `low` up to `high`, with their mean confidence and accuracy."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


@dataclass(frozen=True)
class Calibration:
    """Say how far confidence is from accuracy.

    Attributes:
        error: expected calibration error, see `expected_calibration_error`.
        chance: the mean error of a perfectly calibrated model with these probabilities on this many clips.
        chance_high: its 95th percentile.
        bins: the reliability curve; empty bins are left out.
        temperature: divisor of the logits, fitted on the validation split; None where it cannot be fitted.
        why: why there is no temperature; "" where there is one.
        error_after: the error with the temperature.
        loss: mean negative log-likelihood of the truth.
        loss_after: the same with the temperature.
        n: clips.
    """

    error: float
    chance: float
    chance_high: float
    bins: tuple[Bin, ...]
    temperature: float | None
    why: str
    error_after: float | None
    loss: float
    loss_after: float | None
    n: int


@dataclass(frozen=True)
class Selective:
    """Say how accurate the most confident predictions are.

    Attributes:
        at: coverage -> accuracy with interval, for a few coverages.
        thresholds: coverage -> the least confidence that is covered.
        curve: pairs (coverage, accuracy) from the most confident clip on.
        aurc: area under the risk-coverage curve: the error rate, averaged over all coverages.
        best: the same if all right predictions were more confident than all wrong ones.
    """

    at: Mapping[float, Score]
    thresholds: Mapping[float, float]
    curve: tuple[tuple[float, float], ...]
    aurc: float
    best: float


def calibration(test: Predictions, validation: Predictions | None = None) -> Calibration | None:
    """Return how well a model is calibrated; None unless the target is one label a clip.

    The temperature is fitted on the clips of `validation`.
    """
    if not test.target.exclusive or not len(test):
        return None
    probabilities, truth = test.predicted, test.truth
    confidences, right = _confidence(probabilities, truth)
    chance = _chance(confidences, test.seed)
    temperature, why = fitted_temperature(validation)
    error_after = loss_after = None
    if temperature is not None:
        cooled = tempered(probabilities, temperature)
        error_after = expected_calibration_error(*_confidence(cooled, truth))
        loss_after = negative_log_likelihood(cooled, truth)
    return Calibration(
        error=expected_calibration_error(confidences, right),
        chance=float(np.mean(chance)),
        chance_high=float(np.quantile(chance, 0.95)),
        bins=reliability(confidences, right),
        temperature=temperature,
        why=why,
        error_after=error_after,
        loss=negative_log_likelihood(probabilities, truth),
        loss_after=loss_after,
        n=len(test),
    )


def expected_calibration_error(confidences: Floats, right: NDArray[np.bool_]) -> float:
    """Return the distance between mean confidence and accuracy in each bin, averaged over the clips.

    Bins of equal width on (0, 1], as in Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks",
    ICML 2017 (after Naeini, Cooper and Hauskrecht, AAAI 2015). Chance alone makes it greater than 0:
    `Calibration.chance` says by how much.

    `confidences` are the greatest probability of each clip, `right` says whether its label is right, both (clips,).
    """
    of_clip = _bins(confidences)
    gaps = np.bincount(of_clip, confidences, BINS) - np.bincount(of_clip, right, BINS)
    return float(np.abs(gaps).sum() / len(confidences))


def reliability(confidences: Floats, right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Return the reliability curve, with Wilson's 95 % interval for the accuracy in each bin."""
    from scipy.stats import binomtest

    of_clip = _bins(confidences)
    curve = []
    for number in np.unique(of_clip).tolist():
        inside = of_clip == number
        hits, n = int(right[inside].sum()), int(inside.sum())
        low, high = map(float, binomtest(hits, n).proportion_ci(method="wilson"))
        mean = float(confidences[inside].mean())
        curve.append(Bin(number / BINS, (number + 1) / BINS, n, mean, hits / n, low, high))
    return tuple(curve)


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Return the probabilities (clips, labels) of the logits divided by `temperature`.

    Logarithms of the stored probabilities replace the logits: they differ by one constant a clip, which softmax
    ignores.
    """
    from scipy.special import softmax

    return np.asarray(softmax(_logarithms(probabilities) / temperature, axis=1))


def negative_log_likelihood(probabilities: Floats, truth: NDArray[np.int64]) -> float:
    """Return the mean of -log p of the true label."""
    return float(-_logarithms(probabilities)[np.arange(len(truth)), truth].mean())


def selective(test: Predictions) -> Selective | None:
    """Return accuracy against coverage, most confident first; None unless the target is one label a clip.

    The risk-coverage curve and its area: Geifman and El-Yaniv, "Selective classification for deep neural networks",
    NeurIPS 2017. Clips of equal probability share their errors evenly, so their order does not matter.
    """
    if not test.target.exclusive or not len(test):
        return None
    confidences, right = _confidence(test.predicted, test.truth)
    order = np.argsort(-confidences, kind="stable")
    risks = _risks(confidences[order], right[order])
    n = len(risks)
    counts = np.unique(np.ceil(np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS * n).astype(int))
    at, thresholds = {}, {}
    for coverage in COVERAGES:
        covered = np.zeros(n, bool)
        covered[order[: int(np.ceil(coverage * n))]] = True
        at[coverage] = test.where(covered).score(("accuracy",))["accuracy"]
        thresholds[coverage] = float(confidences[covered].min())
    wrong = np.sort(~right)
    return Selective(
        at=at,
        thresholds=thresholds,
        curve=tuple((float(count / n), float(1 - risks[count - 1])) for count in counts),
        aurc=float(risks.mean()),
        best=float((wrong.cumsum() / np.arange(1, n + 1)).mean()),
    )


def _risks(confidences: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return the error rate of the first 1, 2, … clips in descending order of confidence."""
    errors = (~right).astype(np.float64)
    _, starts, sizes = np.unique(-confidences, return_index=True, return_counts=True)
    shared = np.repeat(np.add.reduceat(errors, starts) / sizes, sizes)
    return np.asarray(shared.cumsum() / np.arange(1, len(errors) + 1))


def _confidence(probabilities: Floats, truth: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the greatest probability of each clip, and whether its label is right."""
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == truth


def _bins(confidences: Floats) -> NDArray[np.int64]:
    """Return the bin of each probability: bin k holds what is above k / BINS up to (k + 1) / BINS."""
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidences)


def _chance(confidences: Floats, seed: int) -> list[float]:
    """Return draws of the error of a model whose accuracy equals its confidence."""
    # Consistency resampling: Broecker and Smith, "Increasing the reliability of reliability diagrams", Weather and
    # Forecasting 22, 2007.
    rng = np.random.default_rng(seed)
    size = len(confidences)
    return [expected_calibration_error(confidences, rng.random(size) < confidences) for _ in range(DRAWS)]


def fitted_temperature(validation: Predictions | None) -> tuple[float | None, str]:
    """Return the maximum-likelihood temperature of the validation split, or None and why (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    if not validation:
        return None, "no validation split"
    probabilities, truth = validation.predicted, validation.truth
    if not (probabilities.argmax(axis=1) != truth).any():
        return None, "no validation clip is wrong, so no temperature is low enough"

    def loss(logarithm: float) -> float:
        return negative_log_likelihood(tempered(probabilities, float(np.exp(logarithm))), truth)

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    temperature = float(np.exp(found.x))
    if not 1.02 * COLDEST < temperature < HOTTEST / 1.02:
        return None, f"the best one for the validation split lies outside {COLDEST} to {HOTTEST:g}"
    return temperature, ""


def _logarithms(probabilities: Floats) -> Floats:
    """Return log p, with the least positive float where a probability is 0."""
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)))
