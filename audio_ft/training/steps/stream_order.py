"""The order of training rows that are streamed: each process and each of its workers reads files of its own.

A batch is drawn from a buffer of neighboring rows, so that what is read once is used once. The order follows from
(seed, epoch) and the number of processes and workers alone: a training that resumes skips what it has had without
reading it, and goes on with the very next batch. `datasets.IterableDataset` loses the content of its shuffle buffer
there, and draws batches without regard to length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio_ft.training.resolving.arguments import clips_a_step
from audio_ft.training.steps.sampler import BucketSampler

if TYPE_CHECKING:
    from transformers import TrainingArguments

# Samples in a buffer, 16 bits each: about an hour of speech, in each worker.
BUFFER = 64_000_000


class StreamSampler(BucketSampler):
    """Yield row numbers, `batch` of similar length after each other, from the files of one worker after another.

    `files` (rows,) numbers the file that each row is in, in the order of rows. Batches go to `processes` in turn, and
    those of a process to its `workers` in turn, as Accelerate and DataLoader deal them out.
    """

    def __init__(
        self,
        lengths: NDArray[np.int64],
        files: NDArray[np.int64],
        batch: int,
        seed: int,
        *,
        processes: int = 1,
        workers: int = 1,
        step: int = 1,
    ) -> None:
        super().__init__(lengths, step, seed)
        self.batch, self.processes, self.workers = batch, processes, max(1, workers)
        bounds = np.flatnonzero(np.diff(files, prepend=-1, append=-1))
        self.spans = [np.arange(start, stop) for start, stop in pairwise(bounds)]

    @classmethod
    def of(
        cls, lengths: NDArray[np.int64], files: NDArray[np.int64], arguments: TrainingArguments, seed: int
    ) -> StreamSampler:
        """Return the order for the processes and workers of a training."""
        return cls(
            lengths,
            files,
            arguments.train_batch_size,
            seed,
            processes=arguments.world_size,
            workers=arguments.dataloader_num_workers,
            step=clips_a_step(arguments),
        )

    def __iter__(self) -> Iterator[int]:
        rng = np.random.default_rng((self.seed, self.epoch))
        rows = np.concatenate([self.spans[file] for file in rng.permutation(len(self.spans))])
        streams, rest = [], rows[:0]
        # Equally many rows for each reader, so that two share a file only at their border.
        for part in np.array_split(rows, self.processes * self.workers):
            batches, left = self._batches(part, rng)
            streams.append(batches)
            rest = np.concatenate([rest, left])
        for reader in self._turns(streams):
            yield from streams[reader].popleft().tolist()
        yield from rest.tolist()

    def _turns(self, streams: list[deque[NDArray[np.int64]]]) -> Iterator[int]:
        """Yield whose batch is next: that of each process in turn, or, where one has none, of whoever has most left."""
        for number in range(sum(map(len, streams))):
            process, turn = number % self.processes, number // self.processes
            own = range(process * self.workers, (process + 1) * self.workers)
            reader = own[turn % self.workers]
            for others in (own, range(len(streams))):
                if not streams[reader]:
                    reader = max(others, key=lambda each: len(streams[each]))
            yield reader

    def _batches(
        self, rows: NDArray[np.int64], rng: np.random.Generator
    ) -> tuple[deque[NDArray[np.int64]], NDArray[np.int64]]:
        """Return the batches of one reader, buffer by buffer, and the rows that are left."""
        buffers = np.cumsum(self.lengths[rows]) // BUFFER
        batches, left = deque[NDArray[np.int64]](), rows[:0]
        for buffer in np.unique(buffers):
            part = np.concatenate([left, rng.permutation(rows[buffers == buffer])])
            full = len(part) - len(part) % self.batch
            part, left = part[:full], part[full:]
            part = part[np.argsort(self.lengths[part], kind="stable")]
            batches.extend(rng.permutation(part.reshape(-1, self.batch)))
        return batches, left
