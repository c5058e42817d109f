"""Embeddings: what each layer of a frozen encoder makes of a clip, as one vector a layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.cleaning.forecast import header_seconds
from audio_ft.inference.batching import BATCH, Collator, Windows
from audio_ft.parallel import progress_bar
from audio_ft.system.memory import release_surplus

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from audio_ft.cleaning.chain import Chain
    from audio_ft.cleaning.cleaned import Cleaned
    from audio_ft.inference.predictor import Model
    from audio_ft.models.base import Adapter

# Of deeper networks only so many layers are kept, evenly spaced: neighbors are alike, and a clip of a network with 33
# layers of 1,280 dimensions would take 340 kB.
MOST_LAYERS = 13
# Encoders that pad to a window get one that covers the longest clip, up to this many seconds; longer clips are cut.
LONGEST = 30.0


@dataclass(frozen=True)
class Encoder:
    """Hold a frozen network whose hidden states are features, and the cleaning that its recordings get.

    Attributes:
        name: what messages call it.
        network: the network, without training state.
        adapter: its adapter; the network was fitted to its window unless `loose`.
        chain: the cleaning steps.
        loose: whether the window is still to be chosen, by `covering`.
    """

    name: str
    network: Any
    adapter: Adapter
    chain: Chain
    loose: bool = False

    @classmethod
    def load(
        cls, checkpoint: str, revision: str | None = None, *, chain: Chain | None = None, device: str | None = None
    ) -> Encoder:
        """Load a checkpoint's encoder without its head, in float32; the cleaning is the default one without `chain`.

        Raises:
            InputError: it cannot be found or loaded, the chain does not suit it, or there is no such device.
        """
        from audio_ft.cleaning.chain import DEFAULT_CHAIN
        from audio_ft.models import load_adapter
        from audio_ft.models.load import quiet_transformers
        from audio_ft.models.weights import load_network
        from audio_ft.system.machine import pick_device

        adapter, place = load_adapter(checkpoint, revision), pick_device(device)
        chain = DEFAULT_CHAIN if chain is None else chain
        chain.require_rate(adapter.sample_rate)
        with quiet_transformers():
            network: Any = load_network("AutoModel", checkpoint, adapter, revision, new_head=True)
        return cls(checkpoint, network.to(place).eval(), adapter, chain, loose=True)

    @classmethod
    def of(cls, model: Model, name: str) -> Encoder:
        """Return the encoder of a saved model, with its own window and cleaning.

        Raises:
            InputError: another backend than transformers computes the model.
        """
        return cls(name, model.torch_network("Encoder.of"), model.adapter, model.chain)

    def covering(self, table: Dataset) -> Encoder:
        """Return the encoder with a window that covers the recordings of a table, at most `LONGEST` seconds."""
        if not self.loose:
            return self
        durations = header_seconds(table, len(table))
        return self.within(min(max(durations.max(initial=0.0), 1.0), LONGEST))

    def within(self, seconds: float) -> Encoder:
        """Return the encoder with a window of so many seconds."""
        adapter = self.adapter.with_window(seconds)
        return replace(self, adapter=adapter, network=adapter.fit(self.network), loose=False)

    @property
    def layers(self) -> int:
        """Return the number of its transformer layers."""
        return len(self.adapter.layers(self.network))

    def embed(self, cleaned: Cleaned) -> NDArray[np.float32]:
        """Return the vectors of clean rows; see `embed`."""
        return embed(self.network, self.adapter, cleaned)


def embed(
    network: PreTrainedModel,
    adapter: Adapter,
    cleaned: Cleaned,
    *,
    layer: int | None = None,
    describe: str = "embedding",
) -> NDArray[np.float32]:
    """Return mean and standard deviation over time of an encoder's hidden states, float32 (clips, layers, 2 * width).

    Padding does not count. Layer 0 is what the first transformer layer takes. The vectors of a clip that was cut into
    windows are averaged by their frames.

    Args:
        network: a network that `adapter.fit` has adapted to the adapter's window.
        adapter: the adapter of the network.
        cleaned: clean recordings; those that are not used have no vector, the others keep their order.
        layer: the one layer to return; None: all of them, or `MOST_LAYERS` evenly spaced ones.
        describe: text of the progress bar.
    """
    windows, collator = Windows(cleaned, None, adapter.window), Collator(adapter)
    order = np.argsort(windows.lengths, kind="stable")
    parts, frames = [], []
    with progress_bar(total=len(order), desc=describe, unit="clip") as progress:
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            vectors, counts = _batch(network, adapter, collator(windows.__getitems__(chosen.tolist())),
                                     windows.lengths[chosen], layer)  # fmt: skip
            parts.append(vectors)
            frames.append(counts)
            progress.update(len(chosen))
    back = np.argsort(order)
    return _by_clip(np.concatenate(parts)[back], np.concatenate(frames)[back], windows.clips)


def layer_vectors(
    network: Any,
    adapter: Adapter,
    windows: Windows,
    chosen: NDArray[np.int64],
    *,
    layers: list[int] | None = None,
    bf16: bool = False,
) -> NDArray[np.float32]:
    """Return what the classifier's linear layers would take if the network ended at a layer, (n, layers, width).

    Args:
        network: a classification network that `adapter.fit` has adapted to the adapter's window.
        adapter: the adapter of the network.
        windows: clean recordings.
        chosen: the windows to use, (n,).
        layers: the layers to use, from 1; None: those of `layers_used`.
        bf16: whether to compute in bfloat16 where that is safe.
    """
    import torch

    collator, modules = Collator(adapter), adapter.layers(network)
    order = np.argsort(windows.lengths[chosen], kind="stable")
    parts: list[NDArray[np.float32]] = []
    found: list[torch.Tensor] = []

    def keep(module: Any, inputs: Any, output: Any) -> None:
        found.append(output[0] if isinstance(output, tuple) else output)

    hooks = [modules[layer - 1].register_forward_hook(keep) for layer in layers or layers_used(len(modules))]
    try:
        with progress_bar(total=len(order), desc="frozen layers", unit="clip") as progress:
            for start in range(0, len(order), BATCH):
                rows = chosen[order[start : start + BATCH]]
                inputs = {name: value.to(network.device)
                          for name, value in collator(windows.__getitems__(rows.tolist())).items()}  # fmt: skip
                found.clear()
                with torch.inference_mode(), torch.autocast(network.device.type, torch.bfloat16, enabled=bf16):
                    adapter.encoder(network)(**inputs)
                    vectors = [_ended(network, adapter, hidden, inputs) for hidden in found]
                parts.append(torch.stack(vectors, 1).cpu().numpy())
                release_surplus()
                progress.update(len(rows))
    finally:
        for hook in hooks:
            hook.remove()
    return np.concatenate(parts)[np.argsort(order)]


def layers_used(count: int) -> list[int]:
    """Return the layers of a network that are probed, from 1 to `count`."""
    return sorted({int(layer) for layer in np.linspace(1, count, min(count, MOST_LAYERS)).round()})


def _ended(network: Any, adapter: Adapter, hidden: torch.Tensor, inputs: dict[str, Any]) -> torch.Tensor:
    """Return the pooled vectors of a layer's output, with the norms that a network that ended there would apply."""
    for module in adapter.above_layers(network):
        hidden = module(hidden)
    return adapter.pooled(network, hidden.float(), inputs).float()


def _batch(
    network: Any, adapter: Adapter, inputs: dict[str, torch.Tensor], lengths: NDArray[np.int64], layer: int | None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the vectors (batch, layers, 2 * width) and the frames of clips with so many samples."""
    import torch

    encoder = adapter.encoder(network)
    with torch.inference_mode():
        inputs = {name: value.to(network.device) for name, value in inputs.items()}
        states = encoder(**inputs, output_hidden_states=True).hidden_states
    spaced = np.linspace(0, len(states) - 1, min(len(states), MOST_LAYERS))
    kept = np.unique(spaced.round().astype(int)) if layer is None else [layer]
    hidden = [adapter.over_time(states[layer].float()) for layer in kept]
    frames = adapter.frames(torch.from_numpy(lengths)).clamp(1, hidden[0].shape[1]).to(network.device)
    audio = (torch.arange(hidden[0].shape[1], device=network.device) < frames[:, None]).unsqueeze(-1)
    vectors = []
    for state in hidden:
        mean = (state * audio).sum(1) / frames[:, None]
        spread = ((state - mean[:, None]).square() * audio).sum(1) / frames[:, None]
        vectors.append(torch.cat([mean, spread.sqrt()], -1))
    return torch.stack(vectors, 1).cpu().numpy(), frames.cpu().numpy()


def _by_clip(vectors: NDArray[np.float32], frames: NDArray[np.int64], clips: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the vectors of windows (windows, …), averaged by frames over each clip."""
    present, of_window = np.unique(clips, return_inverse=True)
    if len(present) == len(vectors):
        return vectors[np.argsort(clips, kind="stable")]
    weights = frames / np.bincount(of_window, frames)[of_window]
    summed = np.zeros((len(present), *vectors.shape[1:]), np.float32)
    np.add.at(summed, of_window, vectors * weights[:, None, None].astype(np.float32))
    return summed
