"""Make batches from clean rows, with augmentation, features and labels, and run a network on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.pcm16 import dequantize
from audio_ft.audio.windows import windows
from audio_ft.augmentation.base import apply_wave, generator
from audio_ft.augmentation.mixup import Mixup, blend
from audio_ft.cleaning.streamed import Streamed
from audio_ft.parallel import progress_bar
from audio_ft.system.memory import release_surplus
from audio_ft.tasks.base import NO_TOKEN, Places, forward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.augmentation.base import Augment
    from audio_ft.cleaning.cleaned import Cleaned
    from audio_ft.models.base import Adapter, Features
    from audio_ft.tasks.base import Task

BATCH = 16


class Windows:
    """Serve the windows of clean recordings with their encoded targets, as a data set for Trainer and DataLoader.

    A recording longer than `seconds` is cut into windows that overlap by `overlap` seconds at least. `clips` are the
    positions of the windows' recordings in the split, `starts` and `lengths` are in samples. `languages` tell a network
    the language of each recording, as `Task.language_ids` returns them.
    """

    def __init__(
        self,
        cleaned: Cleaned,
        targets: NDArray[Any] | None,
        seconds: float,
        overlap: float = 0.0,
        languages: NDArray[Any] | None = None,
    ) -> None:
        self._cleaned, self.targets, self.languages = cleaned, targets, languages
        rate = cleaned.sample_rate
        size, shared = round(seconds * rate), round(overlap * rate)
        spans = [
            (clip, start, stop - start)
            for clip, length in zip(cleaned.used.tolist(), cleaned.column("length").tolist(), strict=True)
            for start, stop in windows(length, size, shared)
        ]
        self.clips, self.starts, self.lengths = np.array(spans, np.int64).reshape(-1, 3).T

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def files(self) -> NDArray[np.int64] | None:
        """Return the number of the file that each window is streamed from, None where they are in memory or cache."""
        return self._cleaned.shards[self.clips] if isinstance(self._cleaned, Streamed) else None

    @property
    def places(self) -> Places:
        """Return where the windows lie."""
        rate = self._cleaned.sample_rate
        return Places(self.clips, self.starts / rate, self.lengths / rate)

    def wave(self, index: int) -> NDArray[np.float32]:
        """Return the samples (time,) of a window."""
        return wave_of(self[index])

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a window by index; one past the end is a repetition (see BucketSampler) and is kept as `index`."""
        place = index % len(self)
        clip, start, length = (int(column[place]) for column in (self.clips, self.starts, self.lengths))
        rate = self._cleaned.sample_rate
        row: dict[str, Any] = {
            "clip": clip,
            "start": start / rate,
            "seconds": length / rate,
            "length": length,
            "index": index,
        }
        samples, scale = self._cleaned.quantized(clip)
        row |= {"samples": samples[start : start + length], "scale": scale}
        row |= {} if self.languages is None else {"language": int(self.languages[clip])}
        return row if self.targets is None else row | {"target": self.targets[clip]}

    def __getitems__(self, indices: list[int]) -> list[dict[str, Any]]:
        """Return several windows."""
        return [self[index] for index in indices]


def windows_of(
    cleaned: Cleaned, targets: NDArray[Any] | None, task: Task, adapter: Adapter, table: Dataset | None = None
) -> Windows:
    """Return the windows that an architecture takes for a task; `table` may say the language of each recording."""
    return Windows(cleaned, targets, adapter.window, task.overlap(adapter), languages_of(table, task))


def languages_of(table: Dataset | None, task: Task) -> NDArray[Any] | None:
    """Return what tells the network the language of each recording of a table, None where nothing does."""
    if table is None or "language" not in table.column_names:
        return None
    return task.language_ids(list(table["language"]))


def wave_of(row: dict[str, Any]) -> NDArray[np.float32]:
    """Return the samples (time,) of a window that `Windows` serves."""
    return dequantize(row["samples"], row["scale"])


@dataclass
class Collator:
    """Turn rows into network inputs, augmenting when `training`; `epoch` is set by the trainer.

    Randomness depends on (seed, epoch, row) only, so a resumed run draws the same augmentations.
    """

    adapter: Adapter
    task: Task | None = None
    augments: Sequence[Augment] = ()
    seed: int = 0
    training: bool = False
    epoch: int = 0

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return {input_values or input_features, attention_mask?, language?, labels?}."""
        import torch

        extracted = [self._features(row) for row in rows]
        batch: dict[str, Any] = self.adapter.collate([features for features, _ in extracted])
        if rows and "language" in rows[0]:
            batch["language"] = torch.as_tensor([row["language"] for row in rows])
        if self.task is not None and rows and "target" in rows[0]:
            batch["index"] = torch.as_tensor([int(row["index"]) for row in rows])
            # Times in a target are those of the augmented clip, which may be faster than it was.
            seconds = [length / self.adapter.sample_rate for _, length in extracted]
            targets = [self._target(row, length) for row, length in zip(rows, seconds, strict=True)]
            batch["labels"] = self.task.batch_labels(targets, seconds)
        if self.training and "labels" in batch:
            self._mix(batch, rows)
        return batch

    def _target(self, row: dict[str, Any], seconds: float) -> Any:
        """Return the target of a row's window, which lasts so many seconds after augmentation."""
        start, before = float(row["start"]), float(row["seconds"])
        return self.task and self.task.in_window(row["target"], start, before, seconds / before if before else 1.0)

    def _features(self, row: dict[str, Any]) -> tuple[Features, int]:
        """Return the features of a clip, and the number of samples they were computed from."""
        wave = wave_of(row)
        if not self.training:
            return self.adapter.extract(wave), len(wave)
        rng = generator(self.seed, self.epoch, int(row["index"]))
        changed = apply_wave(self.augments, wave, self.adapter.sample_rate, rng)
        longest = self.adapter.window * self.adapter.sample_rate
        if self.task is not None and self.task.whole and len(changed) > longest:
            # Slowed down it no longer fits, and without its end it would not match its target.
            changed = wave
        return self.adapter.mask_features(self.adapter.extract(changed), self.augments, rng), len(changed)

    def _mix(self, batch: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
        """Blend each clip with another of the batch, inputs and targets alike (mixup, Zhang et al. 2018)."""
        import torch

        for mixup in (augment for augment in self.augments if isinstance(augment, Mixup)):
            rng = generator(self.seed, self.epoch, int(rows[0]["index"]))
            order, share = (torch.as_tensor(drawn) for drawn in mixup.weights(len(rows), rng))
            for name in ("input_values", "input_features"):
                if name in batch:
                    batch[name] = blend(batch[name], order, share)
            if "attention_mask" in batch:  # a mix is as long as the longer of the two
                batch["attention_mask"] = torch.maximum(batch["attention_mask"], batch["attention_mask"][order])
            labels = batch["labels"]
            if labels.dtype == torch.int64 and self.task is not None:
                labels = torch.nn.functional.one_hot(labels, len(self.task.target.names)).float()
            batch["labels"] = blend(labels, order, share)


def outputs_of(
    model: PreTrainedModel, task: Task, collator: Collator, windows: Windows, *, describe: str = "scoring"
) -> NDArray[Any]:
    """Return a task's outputs (windows, …) in the order of the rows; similar lengths are computed together."""
    order = np.argsort(windows.lengths, kind="stable")
    parts: list[NDArray[Any]] = []
    with progress_bar(total=len(order), desc=describe, unit="clip") as progress:
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = collator(windows.__getitems__(rows.tolist()))
            inputs = {name: value for name, value in batch.items() if name not in ("labels", "index")}
            parts.append(forward(model, task, collator.adapter, inputs))
            release_surplus()
            progress.update(len(rows))
    return stacked(parts)[np.argsort(order)] if parts else np.zeros((0, 1), np.float32)


def stacked(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Return batches (batch, length, …) as one array, the shorter ones padded with `NO_TOKEN`."""
    longest = max(part.shape[1] for part in parts)
    rows = []
    for part in parts:
        room = [(0, 0), (0, longest - part.shape[1]), *[(0, 0)] * (part.ndim - 2)]
        rows.append(np.pad(part, room, constant_values=NO_TOKEN))
    return np.concatenate(rows)
