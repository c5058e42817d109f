"""How much each part of a recording speaks for a label: occlusion, integrated gradients, Shapley values.

All of them explain the log-odds of the label, which stay apart where probabilities are all close to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import InputError
from audio_ft.explaining.parts import Floats, Gains, Named, Parts, Sound, log_odds

if TYPE_CHECKING:
    import torch

OCCLUSION, GRADIENTS, SHAPLEY = "occlusion", "integrated gradients", "Shapley values"
# Cells that are left out together, (bands, spans): single ones are too small for most networks to miss.
WINDOW = (2, 2)
# Standard deviation of the noise in which a wave fades, as a share of the wave's. Networks that normalize inside do not
# see that a wave gets quieter, only that it drowns: without noise, the shares of six digits add up to 6.8 where the
# log-odds differ by 7.0 on average and by 3.2 for one clip, with it to 12.40 and 12.41; they are more faithful, too.
NOISE = 0.1
# Versions of a recording in a batch, steps from silence to the recording, and orders in which features are added.
BATCH, STEPS, ORDERS = 16, 32, 10


def methods_of(sound: Sound) -> dict[str, str]:
    """Return the methods that can explain a model's prediction, each with the reason why it cannot, or ""."""
    adapter = sound.model.adapter
    if adapter.feature_names:
        return {OCCLUSION: "", SHAPLEY: ""}
    reason = ""
    if not adapter.input_axes:
        reason = f"{adapter.name} has input of another kind than a wave or a spectrogram"
    elif sound.clip.seconds > adapter.window:
        reason = f"the recording is longer than the network's window of {adapter.window:g} s"
    return {OCCLUSION: "", GRADIENTS: reason}


def occlusion(sound: Sound, label: int) -> Floats:
    """Return what the log-odds lose without each cell, (bands, spans).

    A window of `WINDOW` cells slides over the grid, and a cell has the mean over the windows that it is in (Zeiler and
    Fergus 2014, arXiv:1311.2901).
    """
    import torch
    from captum.attr import Occlusion

    def score(gains: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(_score(sound, label)(gains.numpy()))

    whole = torch.ones((1, *sound.shape))
    shape = tuple(min(size, length) for size, length in zip(WINDOW, sound.shape, strict=True))
    found = Occlusion(score).attribute(whole, shape, strides=(1, 1), baselines=0.0, perturbations_per_eval=BATCH)
    return np.asarray(found[0].numpy(), np.float64)


def integrated_gradients(sound: Sound, label: int) -> Floats:
    """Return each cell's share of the log-odds on the straight way from silence to the recording, (bands, spans).

    Their sum is the difference of the log-odds at both ends (Sundararajan, Taly and Yan 2017, arXiv:1703.01365). What
    fades is the network's input: the wave after it was normalized, in quiet noise, or the log-mel frames down to their
    least value.
    """
    import torch
    from captum.attr import IntegratedGradients

    network: Any = sound.model.torch_network("An explanation by gradients")
    score = differentiable(sound, network, label)
    network.eval()
    whole = torch.ones((1, *sound.shape))
    found = IntegratedGradients(score).attribute(whole, n_steps=STEPS, internal_batch_size=BATCH)
    return np.asarray(found[0].detach().numpy(), np.float64)


def differentiable(sound: Sound, network: Any, label: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the function from gains (n, bands, spans) to the log-odds (n,) of a label, with gradients."""
    import torch

    model = sound.model
    inputs = model.adapter.collate([model.adapter.extract(sound.clip.samples[0])])
    name = next(name for name in inputs if name.startswith("input"))
    exclusive = model.task.target.exclusive

    def score(gains: torch.Tensor) -> torch.Tensor:
        batch = {key: value.expand(len(gains), *value.shape[1:]) for key, value in inputs.items()}
        batch[name] = faded_input(sound, inputs[name][0], gains)
        logits = network(**{key: value.to(network.device) for key, value in batch.items()}).logits.float()
        if not exclusive:
            return logits[:, label].cpu()
        others = torch.cat([logits[:, :label], logits[:, label + 1 :]], dim=1)
        return (logits[:, label] - others.logsumexp(1)).cpu()

    return score


def faded_input(sound: Sound, own: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
    """Return a network's input, (time,) or (mel, frames), with these gains (n, bands, spans): (n, …); differentiable.

    Padding behind the recording stays as it is.
    """
    import torch

    adapter, grid = sound.model.adapter, sound.grid
    if adapter.input_axes == ("time",):
        length = min(own.shape[-1], sound.clip.length)
        noise = torch.randn(length, generator=torch.Generator().manual_seed(0))
        faded = grid.faded(own[:length], gains) + NOISE * own[:length].std() * noise
        return torch.cat([faded, own[length:].expand(len(gains), -1)], dim=1)
    bins, frames = own.shape
    # The bands of a log-mel spectrogram are triangles, evenly spaced between 0 Hz and half the rate.
    rows = ((torch.arange(bins) + 1) / (bins + 1) * grid.bands).long()
    seconds = np.arange(frames) * adapter.extractor.hop_length / adapter.sample_rate
    columns = torch.from_numpy(grid.span_at(seconds))
    weights = gains[:, rows][:, :, columns]
    behind = torch.from_numpy(seconds >= sound.clip.seconds)
    floor = own.min()
    return torch.where(behind, own, floor + weights * (own - floor))


def shapley(named: Named, label: int, seed: int) -> Floats:
    """Return each feature's share of the difference of the log-odds to those of the usual features, (k,).

    Features are added in random orders and their reverses (Lundberg and Lee 2017, arXiv:1705.07874), each from its mean
    over the training recordings to its own value.
    """
    import shap

    score = _score(named, label)
    usual = np.zeros((1, *named.shape), np.float32)
    explainer = shap.PermutationExplainer(score, shap.maskers.Independent(usual), seed=seed)
    found = explainer(usual + 1, max_evals=ORDERS * (2 * len(named.values) + 1), silent=True)
    return np.asarray(found.values[0], np.float64)


def _score(parts: Parts, label: int) -> Callable[[Gains], Floats]:
    """Return the function from gains (n, …) to the log-odds (n,) of a label."""
    exclusive = parts.model.task.target.exclusive

    def score(gains: Gains) -> Floats:
        return log_odds(parts.probabilities(np.asarray(gains, np.float32)), label, exclusive=exclusive)

    return score


OF_SOUND: Mapping[str, Callable[[Sound, int], Floats]] = {OCCLUSION: occlusion, GRADIENTS: integrated_gradients}


def require_libraries() -> None:
    """Check that captum and shap are installed.

    Raises:
        InputError: one of them is not.
    """
    if not all(map(find_spec, ("captum", "shap"))):
        raise InputError("Explanations need captum and shap: pip install 'audio-ft[explain]'.")
