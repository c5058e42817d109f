"""Whether an explanation names the parts that a prediction rests on: deletion and insertion against random orders.

Parts are left out, most important first, and the sooner the probability falls the better (deletion); or they are added
to nothing, and the sooner it rises the better (insertion). The area under each curve is compared with those of random
orders (Petsiuk, Das and Saenko 2018, arXiv:1806.07421).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.explaining.parts import Floats, Gains, Parts
from audio_ft.metrics import Score
from audio_ft.metrics.comparison import mean_difference
from audio_ft.metrics.units import Groups

# Points of a curve behind the first, and random orders: with 19, chance alone beats all of them in one case of 20.
POINTS, ORDERS = 10, 19
ALARM = 0.05
# The evidence is the fewest parts with which the label has at least this share of its probability.
KEPT = 0.5
NO_BETTER = "no better than random"


@dataclass(frozen=True)
class Chance:
    """Hold what random orders do: `curves` (orders, points + 1) of a label's probability while parts are added.

    Read backwards they are curves of deletion, so both have the same areas.
    """

    curves: Floats

    @property
    def areas(self) -> Floats:
        """Return the area under each curve, (orders,)."""
        return np.array([area(curve) for curve in self.curves])


@dataclass(frozen=True)
class Faithfulness:
    """Hold the curves of one explanation.

    Attributes:
        order: the parts, most important first.
        deletion: probabilities (points + 1, labels) while parts are left out in that order.
        insertion: the same while they are added.
        label: the label that is explained.
        chance: what random orders do.
    """

    order: NDArray[np.int64]
    deletion: Floats
    insertion: Floats
    label: int
    chance: Chance

    @property
    def areas(self) -> dict[str, float]:
        """Return the area under each curve: small is good for `deletion`, large for `insertion`."""
        return {"deletion": area(self.deletion[:, self.label]), "insertion": area(self.insertion[:, self.label])}

    @property
    def gains(self) -> dict[str, float]:
        """Return by how much each area is better than the mean of random orders; below 0 is worse."""
        usual, areas = float(self.chance.areas.mean()), self.areas
        return {"deletion": usual - areas["deletion"], "insertion": areas["insertion"] - usual}

    @property
    def p_values(self) -> dict[str, float]:
        """Return how often a random order would be as good, by rank among them."""
        usual, areas = self.chance.areas, self.areas
        as_good = {"deletion": usual <= areas["deletion"], "insertion": usual >= areas["insertion"]}
        return {name: float(1 + better.sum()) / (len(usual) + 1) for name, better in as_good.items()}

    @property
    def verdict(self) -> str:
        """Return in words whether it is better than random orders."""
        beaten = [name for name, p in self.p_values.items() if p <= ALARM]
        return verdict_of(beaten, f"better than {len(self.chance.curves)} random orders")

    @property
    def point(self) -> int:
        """Return the point of the curves at which the parts that were added are the evidence."""
        likely = self.insertion[:, self.label]
        return max(1, int(np.argmax(likely >= KEPT * likely[-1])))

    def evidence(self, shape: tuple[int, ...]) -> Gains:
        """Return gains of `shape`: 1 for the evidence, 0 for the rest."""
        return kept(self.order, [counts(len(self.order))[self.point]]).reshape(shape)

    def to_dict(self) -> dict[str, Any]:
        """Return areas, differences, curves and verdict as JSON values."""
        return {
            "areas": self.areas,
            "better_than_random_by": self.gains,
            "p_values": self.p_values,
            "verdict": self.verdict,
            "random_areas": self.chance.areas.tolist(),
            "deletion": self.deletion[:, self.label].tolist(),
            "insertion": self.insertion[:, self.label].tolist(),
        }


def chance(parts: Parts, label: int, ends: Floats, seed: int) -> Chance:
    """Return the curves of random orders; `ends` are the probabilities (2, labels) of nothing and of the whole."""
    rng, size = np.random.default_rng(seed), int(np.prod(parts.shape))
    inner = counts(size)[1:-1]
    gains = np.concatenate([kept(rng.permutation(size), inner) for _ in range(ORDERS)])
    found = parts.probabilities(gains.reshape(-1, *parts.shape))[:, label].reshape(ORDERS, len(inner))
    first, last = (np.full((ORDERS, 1), end[label]) for end in ends)
    return Chance(np.concatenate([first, found, last], axis=1))


def faithfulness(parts: Parts, values: Floats, label: int, ends: Floats, usual: Chance) -> Faithfulness:
    """Return the curves of an explanation, the `values` of all parts."""
    order = np.argsort(-values.ravel(), kind="stable")
    size = len(order)
    added = kept(order, counts(size)[1:-1])
    removed = 1 - added
    found = parts.probabilities(np.concatenate([added, removed]).reshape(-1, *parts.shape))
    nothing, whole = ends[:1], ends[1:]
    insertion = np.concatenate([nothing, found[: len(added)], whole])
    deletion = np.concatenate([whole, found[len(added) :], nothing])
    return Faithfulness(order, deletion, insertion, label, usual)


def together(measured: Sequence[Faithfulness], groups: Groups, seed: int) -> dict[str, Score]:
    """Return by how much an explanation is better than random orders on average, with 95 % intervals."""
    return {
        name: mean_difference(np.array([each.gains[name] for each in measured]), groups, seed=seed)
        for name in ("deletion", "insertion")
    }


def overall_verdict(scores: dict[str, Score]) -> str:
    """Return in words whether both intervals are above 0."""
    # Not `low <= 0`: one recording has no interval.
    beaten = [name for name, score in scores.items() if score.low > 0]
    return verdict_of(beaten, "better than random orders")


def verdict_of(beaten: Sequence[str], better: str) -> str:
    """Return the verdict where chance is beaten in `beaten`, of deletion and insertion."""
    if len(beaten) == 1:
        other = "insertion" if beaten[0] == "deletion" else "deletion"
        return f"{better} in {beaten[0]}, {NO_BETTER} in {other}"
    return better if beaten else NO_BETTER


def kept(order: NDArray[np.int64], many: Sequence[int]) -> Gains:
    """Return gains (points, parts) that keep the first so many parts of an order, and leave out the others."""
    rank = np.argsort(order)
    return (rank[None] < np.asarray(many)[:, None]).astype(np.float32)


def counts(size: int) -> list[int]:
    """Return how many of the parts are added at each point of a curve, from none to all."""
    return [int(count) for count in np.linspace(0, size, POINTS + 1).round()]


def area(curve: Floats) -> float:
    """Return the area under a curve over the share of the parts, 0 to 1."""
    return float(np.trapezoid(curve, dx=1 / (len(curve) - 1)))
