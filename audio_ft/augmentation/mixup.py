"""Mixup: blend two clips and their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from audio_ft.augmentation.base import Augment, Rng
from audio_ft.settings.rules import number

Values = TypeVar("Values", bound=Any)


@dataclass(frozen=True)
class Mixup(Augment):
    """Blend the clips of a batch, inputs and targets (Zhang et al., "mixup", ICLR 2018).

    The weight of a clip is drawn from Beta(alpha, alpha) and mirrored to at least 0.5, so that its label stays the
    largest; a small `alpha` blends little. Labels become soft targets: blend their one-hot rows.
    """

    alpha: Annotated[float, number(0.01, 100)] = 0.2

    @property
    def effect(self) -> str:
        """Return the description for the card."""
        return f"mixup with alpha {self.alpha:g}"

    def weights(self, batch_size: int, rng: Rng) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the index of each clip's partner (batch,) and the clip's weight (batch,), 0.5 to 1.

        A clip that is not blended, by `probability`, has the weight 1.
        """
        partner = rng.permutation(batch_size).astype(np.int64)
        drawn = rng.beta(self.alpha, self.alpha, batch_size)
        weight = np.where(rng.random(batch_size) < self.probability, np.maximum(drawn, 1 - drawn), 1)
        return partner, weight.astype(np.float32)


def blend(values: Values, partner: Any, weight: Any) -> Values:
    """Return weight * values + (1 - weight) * values[partner] along the first axis.

    `values` (batch, …) are floating-point inputs, one-hot or multi-hot rows, or regression targets; `partner` and
    `weight` (batch,) come from `Mixup.weights`. All are NumPy arrays or all are torch tensors.

    Example:
        >>> blend(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1, 0]), np.array([0.75, 1.0]))
        array([[0.75, 0.25],
               [0.  , 1.  ]])
    """
    weight = weight.reshape((-1,) + (1,) * (values.ndim - 1))
    return weight * values + (1 - weight) * values[partner]
