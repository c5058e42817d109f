"""Ways of pooling encoder frames into one vector per clip, for classification heads.

Mean pooling is the network's own; only that loads in plain transformers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from audio_ft.models.base import Adapter


class _PoolingProjector(nn.Module):
    """Project frames (batch, frames, hidden), pool over each clip's own frames, and repeat the result over time.

    The network then averages over time, which returns the pooled vector unchanged.
    """

    def __init__(self, projector: nn.Linear, pooling: str) -> None:
        super().__init__()
        self.linear = projector
        self.pooling = pooling
        self.attention = nn.Linear(projector.out_features, 1) if pooling == "attention" else None
        # How many frames each clip of the batch has; set before every forward.
        self.frames: torch.Tensor

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return pooled vectors (batch, frames, width), the same at every frame."""
        values = self.linear(hidden)
        places = torch.arange(values.shape[1], device=values.device)
        valid = (places < self.frames.to(values.device).view(-1, 1)).unsqueeze(-1)
        return self._pool(values, valid).unsqueeze(1).repeat(1, values.shape[1], 1)

    def _pool(self, values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        if self.pooling == "max":
            return values.masked_fill(~valid, float("-inf")).amax(1)
        if self.attention is not None:
            weights = self.attention(values).float().masked_fill(~valid, float("-inf")).softmax(1)
            return (values * weights.to(values.dtype)).sum(1)
        count = valid.sum(1)
        mean = (values * valid).sum(1) / count
        variance = ((values - mean.unsqueeze(1)) * valid).square().sum(1) / count
        # The root has no finite slope at zero, which a clip of one frame reaches.
        return torch.cat([mean, (variance + 1e-6).sqrt()], -1)


def install_pooling(model: Any, adapter: Adapter, pooling: str, *, pools_padding: bool = False) -> None:
    """Replace a classification model's mean pooling, in place; its configuration then names the pooling.

    Models that were saved before Whisper's padding was left out have learned with it (`pools_padding`).
    """
    if pooling == "mean":
        # The checkpoint may be one of ours, saved with another pooling.
        for name in ("audio_ft_pooling", "audio_ft_pools_padding"):
            if hasattr(model.config, name):
                delattr(model.config, name)
        return
    projector = _PoolingProjector(model.projector, pooling)
    width = model.projector.out_features * (2 if pooling == "statistics" else 1)
    classifier = nn.Linear(width, model.classifier.out_features)
    nn.init.normal_(classifier.weight, std=0.02)
    nn.init.zeros_(classifier.bias)
    model.projector, model.classifier = projector, classifier
    model.config.audio_ft_pooling, model.config.audio_ft_pools_padding = pooling, pools_padding
    frames = adapter.pooled_frames if pools_padding else adapter.batch_frames

    def remember(module: Any, args: tuple[object, ...], kwargs: dict[str, Any]) -> None:
        projector.frames = frames(kwargs)

    model.register_forward_pre_hook(remember, with_kwargs=True)
