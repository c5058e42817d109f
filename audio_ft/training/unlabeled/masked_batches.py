"""Batches for self-supervised pretraining: windows with masks, and with negatives or units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.inference.batching import BATCH, Collator, Windows
from audio_ft.parallel import progress_bar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.models.base import Adapter

# Frames that k-means of HuBERT's units is fitted on.
FRAMES = 200_000


@dataclass(frozen=True)
class SelfSupervisedCollator:
    """Make batches of windows with masks, and with negatives or units."""

    adapter: Adapter
    units: Sequence[NDArray[np.int64]] | None
    share: float
    negatives: int

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the network's inputs, `mask`, and `negatives` or `units`."""
        import torch

        from audio_ft.models.self_supervised import masks, negatives

        inputs = Collator(self.adapter)(rows)
        frames = self.adapter.batch_frames(inputs).numpy()
        longest = int(self.adapter.frames(inputs["input_values"].shape[1]))
        drawn = masks(frames, self.share, int(self.adapter.config.mask_time_length))
        mask = np.pad(drawn, ((0, 0), (0, longest - drawn.shape[1])))
        inputs["mask"] = torch.from_numpy(mask)
        if self.units is None:
            return inputs | {"negatives": torch.from_numpy(negatives(mask, self.negatives))}
        labels = np.full(mask.shape, -100, np.int64)
        for row, window in zip(labels, rows, strict=True):
            own = self.units[window["index"]]
            row[: len(own)] = own
        return inputs | {"units": torch.from_numpy(labels)}


def unit_labels(network: Any, adapter: Adapter, windows: Windows, units: int, seed: int) -> list[NDArray[np.int64]]:
    """Return the unit of each frame of each window: k-means clusters of what the middle layer makes of them.

    Raises:
        InputError: fewer frames than units.
    """
    from sklearn.cluster import MiniBatchKMeans

    states = list(_middle_states(network, adapter, windows))
    together = np.concatenate(states)
    if len(together) < units:
        raise InputError(f"units={units}: the recordings have {len(together):,} frames; set fewer units.")
    chosen = np.random.default_rng(seed).permutation(len(together))[:FRAMES]
    means = MiniBatchKMeans(units, n_init=3, batch_size=4_096, random_state=seed).fit(together[chosen])
    return [np.asarray(means.predict(one), np.int64) for one in states]


def _middle_states(network: Any, adapter: Adapter, windows: Windows) -> Iterator[NDArray[np.float32]]:
    """Yield the hidden states of each window in the middle layer, (frames, width)."""
    import torch

    network.eval()
    layer = (len(adapter.layers(network)) + 1) // 2
    for start in progress_bar(range(0, len(windows), BATCH), desc="units", unit="batch"):
        inputs = Collator(adapter)(windows.__getitems__(list(range(start, min(start + BATCH, len(windows))))))
        with torch.inference_mode():
            inputs = {name: value.to(network.device) for name, value in inputs.items()}
            states = network(**inputs, output_hidden_states=True).hidden_states[layer]
        for state, frames in zip(states.float().cpu().numpy(), adapter.batch_frames(inputs).tolist(), strict=True):
            yield state[:frames]
