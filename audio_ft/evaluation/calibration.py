"""Calibration and selective accuracy: is a model right as often as it says, and how right is it where it is surest.

Both are about the probability of the answer given, the greatest of a clip's probabilities, and so about one label a
clip only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.metrics import Score

    Floats = NDArray[np.float64]

# Guo et al. 2017 and most since.
BINS = 15
# Draws of what a perfectly calibrated model would show.
DRAWS = 1_000
# Shares of the clips that are answered, for the short table; the curve has a hundred.
SHARES = (0.8, 0.9, 0.95)
CURVE_POINTS = 100
# Beyond these a temperature is no correction but a sign that the validation split does not tell.
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Bin:
    """Count the clips whose answers have a probability above `low` up to `high`: mean probability and share right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    accuracy_low: float
    accuracy_high: float


@dataclass(frozen=True)
class Calibration:
    """Say how far stated probabilities are from the share that is right.

    Attributes:
        error: expected calibration error, see `expected_calibration_error`.
        chance: what a perfectly calibrated model with these probabilities shows on so few clips, on average.
        chance_high: what it stays below in 95 % of draws.
        bins: the reliability curve; empty bins are left out.
        temperature: what the logits are divided by to fit the validation split; None where it cannot be fitted.
        why: why there is no temperature; "" where there is one.
        error_after: the error once the temperature is applied.
        loss: mean negative log-likelihood of the truth.
        loss_after: the same once the temperature is applied.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self) | {"bins": [asdict(one) for one in self.bins]}


@dataclass(frozen=True)
class Selective:
    """Say how accurate the surest answers are.

    Attributes:
        at: share answered -> accuracy with interval, for a few shares.
        thresholds: share answered -> the least probability that is answered.
        curve: pairs (share answered, accuracy) from the surest clip on.
        aurc: area under the risk-coverage curve: the share wrong, averaged over all shares answered.
        best: what it would be if all right answers were surer than all wrong ones.
    """

    at: Mapping[float, Score]
    thresholds: Mapping[float, float]
    curve: tuple[tuple[float, float], ...]
    aurc: float
    best: float

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values; shares are written as text."""
        return {
            "at": {f"{share:g}": score.to_dict() for share, score in self.at.items()},
            "thresholds": {f"{share:g}": value for share, value in self.thresholds.items()},
            "curve": [list(point) for point in self.curve],
            "aurc": self.aurc,
            "best": self.best,
        }


def calibration(test: Predictions, validation: Predictions | None = None) -> Calibration | None:
    """Return how well calibrated one label a clip is; None for other kinds of target.

    Args:
        test: the clips that are judged.
        validation: the clips on which the temperature is fitted.
    """
    if not test.target.exclusive or not len(test):
        return None
    probabilities, truth = test.predicted, test.truth
    temperature, why = (None, "no validation split") if validation is None else _fitted(validation)
    cooled = probabilities if temperature is None else tempered(probabilities, temperature)
    chance = _chance(probabilities.max(axis=1), test.seed)
    return Calibration(
        error=expected_calibration_error(*_judged(probabilities, truth)),
        chance=float(np.mean(chance)),
        chance_high=float(np.quantile(chance, 0.95)),
        bins=reliability(*_judged(probabilities, truth)),
        temperature=temperature,
        why=why,
        error_after=None if temperature is None else expected_calibration_error(*_judged(cooled, truth)),
        loss=negative_log_likelihood(probabilities, truth),
        loss_after=None if temperature is None else negative_log_likelihood(cooled, truth),
        n=len(test),
    )


def expected_calibration_error(confidences: Floats, right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Return the distance between mean probability and share right in each bin, averaged over the clips.

    Bins of equal width on (0, 1], as in Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks",
    ICML 2017 (after Naeini, Cooper and Hauskrecht, AAAI 2015). It is never negative, so scatter alone makes it greater
    than 0: `Calibration.chance` says by how much.

    Args:
        confidences: probability of the answer given, (clips,).
        right: whether it is right, (clips,).
        bins: number of bins.
    """
    places = _places(confidences, bins)
    gaps = np.bincount(places, confidences, bins) - np.bincount(places, right, bins)
    return float(np.abs(gaps).sum() / len(confidences))


def reliability(confidences: Floats, right: NDArray[np.bool_], bins: int = BINS) -> tuple[Bin, ...]:
    """Return the reliability curve, with Wilson's 95 % interval for the share right in each bin."""
    from scipy.stats import binomtest

    places = _places(confidences, bins)
    made = []
    for place in np.unique(places):
        inside = places == place
        hits, n = int(right[inside].sum()), int(inside.sum())
        low, high = binomtest(hits, n).proportion_ci(method="wilson")
        made.append(
            Bin(
                float(place / bins),
                float((place + 1) / bins),
                n,
                float(confidences[inside].mean()),
                hits / n,
                float(low),
                float(high),
            )
        )
    return tuple(made)


def tempered(probabilities: Floats, temperature: float) -> Floats:
    """Return the probabilities (clips, labels) that the logits divided by `temperature` have.

    The stored probabilities stand in for the logits: their logarithms differ from them by one constant a clip, which
    softmax does not see.
    """
    logits = _logarithms(probabilities) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def negative_log_likelihood(probabilities: Floats, truth: NDArray[np.int64]) -> float:
    """Return the mean of -log p of the true label."""
    return float(-_logarithms(probabilities)[np.arange(len(truth)), truth].mean())


def selective(test: Predictions) -> Selective | None:
    """Return accuracy against share answered, the surest first; None where there is not one label a clip.

    The risk-coverage curve and its area: Geifman and El-Yaniv, "Selective classification for deep neural networks",
    NeurIPS 2017. Clips of equal probability share their errors evenly, so that their order does not matter.
    """
    if not test.target.exclusive or not len(test):
        return None
    confidences, right = _judged(test.predicted, test.truth)
    order = np.argsort(-confidences, kind="stable")
    risks = _risks(confidences[order], right[order])
    n = len(risks)
    counts = np.unique(np.ceil(np.arange(1, CURVE_POINTS + 1) / CURVE_POINTS * n).astype(int))
    at, thresholds = {}, {}
    for share in SHARES:
        answered = np.zeros(n, bool)
        answered[order[: int(np.ceil(share * n))]] = True
        at[share] = test.where(answered).score(("accuracy",))["accuracy"]
        thresholds[share] = float(confidences[answered].min())
    wrong = np.sort(~right)
    return Selective(
        at=at,
        thresholds=thresholds,
        curve=tuple((float(count / n), float(1 - risks[count - 1])) for count in counts),
        aurc=float(risks.mean()),
        best=float((wrong.cumsum() / np.arange(1, n + 1)).mean()),
    )


def _risks(confidences: Floats, right: NDArray[np.bool_]) -> Floats:
    """Return the share wrong among the first 1, 2, … of clips in falling order of probability."""
    errors = (~right).astype(np.float64)
    _, starts, sizes = np.unique(-confidences, return_index=True, return_counts=True)
    shared = np.repeat(np.add.reduceat(errors, starts) / sizes, sizes)
    return np.asarray(shared.cumsum() / np.arange(1, len(errors) + 1))


def _judged(probabilities: Floats, truth: NDArray[np.int64]) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the probability of each answer given, and whether it is right."""
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == truth


def _places(confidences: Floats, bins: int) -> NDArray[np.int64]:
    """Return the bin of each probability: bin k holds what is above k / bins up to (k + 1) / bins."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidences)


def _chance(confidences: Floats, seed: int) -> list[float]:
    """Return draws of the error where each answer is right just as often as it says.

    Consistency resampling: Broecker and Smith, "Increasing the reliability of reliability diagrams", Weather and
    Forecasting 22, 2007.
    """
    rng = np.random.default_rng(seed)
    size = len(confidences)
    return [expected_calibration_error(confidences, rng.random(size) < confidences) for _ in range(DRAWS)]


def _fitted(validation: Predictions) -> tuple[float | None, str]:
    """Return the temperature that makes the validation split likeliest, or None and why (Guo et al. 2017)."""
    from scipy.optimize import minimize_scalar

    if not len(validation):
        return None, "no validation split"
    probabilities, truth = validation.predicted, validation.truth
    if not (probabilities.argmax(axis=1) != truth).any():
        return None, "not one validation clip is wrong, and then no temperature is low enough"

    def loss(logarithm: float) -> float:
        return negative_log_likelihood(tempered(probabilities, float(np.exp(logarithm))), truth)

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    temperature = float(np.exp(found.x))
    if not 1.02 * COLDEST < temperature < HOTTEST / 1.02:
        return None, f"the best one for the validation split lies outside {COLDEST} to {HOTTEST:g}"
    return temperature, ""


def _logarithms(probabilities: Floats) -> Floats:
    """Return log p, with the least float above 0 where a probability has become 0."""
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)))
