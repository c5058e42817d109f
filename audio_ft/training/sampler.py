"""The order of training rows: clips of similar length together, classes balanced on request."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

# Batches sorted together: enough for little padding, few enough that the order stays random.
BATCHES_IN_A_BUCKET = 50


class BucketSampler(Sampler[int]):
    """Yield row numbers in batches of similar length, in an order that depends on (seed, epoch) alone.

    `classes` (rows,) with `balance` "over" repeats rarer classes up to the commonest, "under" draws as many of each as
    the rarest has, anew each epoch.
    """

    def __init__(
        self,
        lengths: NDArray[np.int64],
        batch_size: int,
        seed: int,
        *,
        classes: NDArray[np.int64] | None = None,
        balance: str = "none",
    ) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed
        self.classes = classes
        self.balance = balance if classes is not None else "none"
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self.classes is None or self.balance == "none":
            return len(self.lengths)
        counts = np.bincount(self.classes)
        counts = counts[counts > 0]
        return int(len(counts) * (counts.max() if self.balance == "over" else counts.min()))

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(self._drawn(rng))
        bucket = self.batch_size * BATCHES_IN_A_BUCKET
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), bucket):
            part = order[start : start + bucket]
            part = part[np.argsort(self.lengths[part % len(self.lengths)], kind="stable")]
            batches += [part[at : at + self.batch_size] for at in range(0, len(part), self.batch_size)]
        # Only full batches may change places: a short one in the middle would shift all that follow.
        full = [batch for batch in batches if len(batch) == self.batch_size]
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        places = rng.permutation(len(full))
        if self.epoch == 0 and len(full):
            # The longest batch first: if memory is short, it shows at the first step and not hours later.
            longest = [int(self.lengths[batch % len(self.lengths)].max()) for batch in full]
            places = np.concatenate([[np.argmax(longest)], places[places != np.argmax(longest)]])
        for place in places:
            yield from full[int(place)].tolist()
        for batch in rest:
            yield from batch.tolist()

    def _drawn(self, rng: np.random.Generator) -> NDArray[np.int64]:
        if self.classes is None or self.balance == "none":
            return np.arange(len(self.lengths))
        members = [np.flatnonzero(self.classes == label) for label in np.unique(self.classes)]
        if self.balance == "under":
            size = min(len(rows) for rows in members)
            return np.concatenate([rng.permutation(rows)[:size] for rows in members])
        size = max(len(rows) for rows in members)
        return np.concatenate([self._repeated(rows, size, rng) for rows in members])

    def _repeated(self, rows: NDArray[np.int64], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return `size` draws: every row as often as it goes in full, the remainder by lot, so no row is left out.

        The k-th repeat of a row is the row number plus k times the number of rows, so that each repeat is augmented
        afresh.
        """
        turns = np.arange(-(-size // len(rows)))[:, None] * len(self.lengths)
        drawn = rows + turns
        drawn[-1] = rng.permutation(drawn[-1])
        return drawn.ravel()[:size]
