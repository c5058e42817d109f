"""The order of training rows: clips of similar length together, classes balanced on request.

It follows from how many clips an optimizer step takes, not from how many processes, or smaller batches one after the
other, share these: they train on the same clips in each step as one process with one batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

# Steps sorted together: enough for little padding, few enough that the order stays random.
STEPS_IN_A_BUCKET = 50


class BucketSampler(Sampler[int]):
    """Yield row numbers, `step` of similar length after each other, in an order that depends on (seed, epoch) alone.

    `classes` (rows,) with `balance` "over" repeats rarer classes up to the most common one, "under" draws as many of
    each as the rarest has, others in each epoch. `draws` (rows,) says how often each row is drawn, compared with the
    others; an epoch has as many rows as without. `epoch` is set by the trainer.
    """

    def __init__(
        self,
        lengths: NDArray[np.int64],
        step: int,
        seed: int,
        *,
        classes: NDArray[np.int64] | None = None,
        balance: str = "none",
        draws: NDArray[np.float64] | None = None,
    ) -> None:
        self.draws = draws
        self.lengths, self.step, self.seed, self.epoch = lengths, step, seed, 0
        self.members: list[NDArray[np.int64]] = []
        if classes is not None and balance != "none":
            self.members = [np.flatnonzero(classes == label) for label in np.unique(classes)]
            self.class_size = (max if balance == "over" else min)(map(len, self.members))

    def __len__(self) -> int:
        return len(self.members) * self.class_size if self.members else len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(self._drawn(rng))
        bucket = self.step * STEPS_IN_A_BUCKET
        steps: list[NDArray[np.int64]] = []
        for start in range(0, len(order), bucket):
            part = order[start : start + bucket]
            part = part[np.argsort(self.lengths[part % len(self.lengths)], kind="stable")]
            steps += [part[at : at + self.step] for at in range(0, len(part), self.step)]
        # Only full steps are shuffled: a short one in the middle would shift all that follow.
        full = [rows for rows in steps if len(rows) == self.step]
        rest = [rows for rows in steps if len(rows) < self.step]
        places = rng.permutation(len(full))
        if self.epoch == 0 and len(full):
            # The longest step first: if memory is short, it shows at once and not hours later.
            longest = np.argmax([self.lengths[rows % len(self.lengths)].max() for rows in full])
            places = np.concatenate([[longest], places[places != longest]])
        for rows in (*(full[place] for place in places), *rest):
            yield from rows.tolist()

    def padding(self, batch: int, fewest: int = 0) -> float:
        """Return the share of padding in an epoch's batches of so many clips, which have `fewest` samples at least."""
        lengths = self.lengths[np.array(list(self)) % len(self.lengths)]
        batches = [lengths[at : at + batch] for at in range(0, len(lengths), batch)]
        padded = sum(len(each) * max(int(each.max()), fewest) for each in batches)
        return 1 - float(lengths.sum()) / padded if padded else 0.0

    def _drawn(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the rows of one epoch: every row of a class equally often, the remainder at random.

        The k-th repeat of a row is the row number plus k times the number of rows, so that each is augmented
        differently.
        """
        if self.draws is not None:
            return self._weighted(rng, self.draws)
        if not self.members:
            return np.arange(len(self.lengths))
        drawn = []
        for rows in self.members:
            turns = rows + np.arange(-(-self.class_size // len(rows)))[:, None] * len(self.lengths)
            turns[-1] = rng.permutation(turns[-1])
            drawn.append(turns.ravel()[: self.class_size])
        return np.concatenate(drawn)

    def _weighted(self, rng: np.random.Generator, draws: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the rows of one epoch, each as often as its share, rounded up or down at random; repeats as above."""
        count = len(self.lengths)
        order = rng.permutation(count)
        # Systematic sampling: a row is drawn for each whole number that its share of the line covers.
        edges = np.floor(np.cumsum(draws[order] / draws.sum() * count) + rng.random()).clip(max=count)
        edges[-1] = count  # whatever the sum is rounded to
        times = np.diff(edges, prepend=0).astype(np.int64)
        rows = np.repeat(order, times)
        turns = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
        return rows + turns * count
