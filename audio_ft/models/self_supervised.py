"""What Wav2Vec2 and HuBERT learn from recordings alone: tell true units from others, and predict masked units."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from transformers.models.wav2vec2.modeling_wav2vec2 import _compute_mask_indices, _sample_negative_indices

# As both were pretrained: the share of frames that begin or are inside a mask, before masks overlap, by architecture.
MASKED = {"wav2vec2": 0.65, "hubert": 0.8}
# The temperature of the quantizer's choice falls by this factor a step, to the least (Baevski et al. 2020).
WARM, COOLING, COLD = 2.0, 0.999995, 0.5


class Contrastive(nn.Module):
    """Wav2Vec2's own objective: tell the quantized frame below a mask from those of other masked frames."""

    step: torch.Tensor

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, mask: torch.Tensor, negatives: torch.Tensor, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the contrastive loss with the diversity loss of the quantizer, a masked frame.

        The loss is that of transformers' Wav2Vec2ForPreTraining (Baevski et al. 2020, equations 2 to 4), which also
        computes what is not masked and copies the vector of each negative: a step on the CPU takes many times as long.

        Args:
            mask: which frames are masked, bool (batch, frames).
            negatives: flat places of the other frames that each is compared with, (batch, frames, negatives).
            inputs: what the network takes, input_values and attention_mask.
        """
        if self.training:
            self.step += 1
        network, config = self.network, self.network.config
        network.set_gumbel_temperature(max(WARM * COOLING ** int(self.step), COLD))
        found = network.wav2vec2(**inputs, mask_time_indices=mask)
        predicted = nn.functional.normalize(network.project_hid(found.last_hidden_state[mask]).float(), dim=-1)
        codes, perplexity = network.quantizer(network.dropout_features(found.extract_features[mask])[None])
        targets = nn.functional.normalize(network.project_q(codes[0]).float(), dim=-1)  # (masked, width)
        # From places among all frames to places among the masked ones, (masked, negatives).
        others = (mask.flatten().cumsum(0) - 1)[negatives[mask]]
        similar = predicted @ targets.T / config.contrastive_logits_temperature
        # A negative with the code of the frame itself is none.
        same = (targets[others] == targets[:, None]).all(-1)
        logits = torch.cat([similar.diagonal()[:, None], similar.gather(1, others).masked_fill(same, -torch.inf)], 1)
        contrastive = nn.functional.cross_entropy(logits, torch.zeros_like(others[:, 0]))
        possible = config.num_codevectors_per_group * config.num_codevector_groups
        return {"loss": contrastive + config.diversity_loss_weight * (possible - perplexity) / possible}


class MaskedUnits(nn.Module):
    """HuBERT's objective: name the unit of a masked frame, a k-means cluster of what a middle layer made of it."""

    def __init__(self, network: Any, units: int) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Linear(network.config.hidden_size, units)

    def forward(self, mask: torch.Tensor, units: torch.Tensor, **inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the cross-entropy of masked frames; `units` are (batch, frames), -100 where a clip has none."""
        hidden = self.network(**inputs, mask_time_indices=mask).last_hidden_state
        chosen = mask & (units >= 0)
        return {"loss": nn.functional.cross_entropy(self.head(hidden[chosen]), units[chosen])}


def masks(frames: NDArray[np.int64], share: float, length: int) -> NDArray[np.bool_]:
    """Draw which frames are masked, (batch, longest), in runs of `length`; `frames` are those of each clip.

    The drawing is transformers' own, from numpy's global generator, whose state Trainer saves.
    """
    longest = int(frames.max())
    valid: Any = torch.from_numpy(np.arange(longest) < frames[:, None]).long()
    length = max(1, min(length, longest - 1))
    return _compute_mask_indices((len(frames), longest), share, length, valid, min_masks=1).astype(np.bool_)


def negatives(mask: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Draw so many other masked frames of the same clip for each masked frame, as flat places."""
    return _sample_negative_indices(mask.shape, count, mask_time_indices=mask).astype(np.int64)
