"""Two clips in one, with both their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import numpy as np

from audio_ft.augmentation.base import Augment
from audio_ft.errors import InputError
from audio_ft.settings.rules import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

Values = TypeVar("Values", bound=Any)


@dataclass(frozen=True)
class Mixup(Augment):
    """Blend clips of a batch with one another, inputs and targets alike (Zhang et al., "mixup", ICLR 2018).

    The share of a clip itself is drawn from Beta(alpha, alpha) and folded to at least one half, so that its label stays
    its largest; a small `alpha` blends little. Labels become soft targets: blend their one-hot rows.
    """

    stage: ClassVar[str] = "batch"

    alpha: Annotated[float, number(0.01, 100)] = 0.2

    @property
    def effect(self) -> str:
        """Return what is done to a clip in a few English words."""
        return f"mixup with alpha {self.alpha:g}"

    def weights(self, batch_size: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return each clip's partner (batch,) and its own share (batch,), 0.5 to 1; the partner has the rest.

        A clip that chance passes over has the share 1.
        """
        if batch_size < 0:
            raise InputError(f"Mixup: expected a batch of 0 or more clips, got {batch_size}")
        partner = rng.permutation(batch_size).astype(np.int64)
        drawn = rng.beta(self.alpha, self.alpha, batch_size)
        own = np.where(rng.random(batch_size) < self.probability, np.maximum(drawn, 1 - drawn), 1)
        return partner, own.astype(np.float32)


def blend(values: Values, partner: Any, own: Any) -> Values:
    """Return own * values + (1 - own) * values[partner] along the first axis.

    `values` (batch, …) are inputs, one-hot or multi-hot rows, or regression targets, floating-point; `partner` and
    `own` (batch,) come from `Mixup.weights`. All three are NumPy arrays or all three are torch tensors.
    """
    share = own.reshape((-1,) + (1,) * (values.ndim - 1))
    return share * values + (1 - share) * values[partner]
