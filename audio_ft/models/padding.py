"""Exact independence from padding for raw-wave networks: the output for a clip does not depend on its batch.

Without padding the networks run unchanged, so plain transformers gives the same output for single clips.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class PaddingProofGroupNorm(nn.GroupNorm):
    """Normalize each channel over the clip's own frames; `lengths` holds their number, None without padding."""

    lengths: torch.Tensor | None = None

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalize input (batch, channels, frames)."""
        lengths = self.lengths
        if lengths is None:
            return super().forward(input)
        values = input.float()
        frames = values.shape[-1]
        count = lengths.to(values.device).clamp(1, frames).view(-1, 1, 1)
        valid = torch.arange(frames, device=values.device) < count
        mean = (values * valid).sum(-1, keepdim=True) / count
        centered = (values - mean) * valid
        variance = centered.square().sum(-1, keepdim=True) / count
        scale = torch.rsqrt(variance + self.eps) * self.weight.float().view(1, -1, 1)
        # Padded frames come out as the bias; the mask keeps them from real frames further up.
        return (centered * scale + self.bias.float().view(1, -1, 1)).to(input.dtype)


def ignore_padding(encoder: nn.Module) -> None:
    """Make a Wav2Vec2-like network ignore padded samples exactly whenever it is called with an attention mask.

    The mask keeps attention from padded frames. Group normalization in the first convolution averages over the whole
    row, so it is replaced. Stacked positional convolutions (data2vec) spread what the first one makes of padding, so
    padded frames are set back to zero after each.
    """
    convolutions = encoder.get_submodule("feature_extractor.conv_layers")
    first: Any = next(iter(convolutions.children()))
    norm = getattr(first, "layer_norm", None)
    if isinstance(norm, nn.GroupNorm) and not isinstance(norm, PaddingProofGroupNorm):
        proof = PaddingProofGroupNorm(norm.num_groups, norm.num_channels, eps=norm.eps)
        proof.weight, proof.bias = norm.weight, norm.bias
        first.layer_norm = proof
    positions = getattr(encoder.get_submodule("encoder.pos_conv_embed"), "layers", None)
    keeper = _LengthKeeper(first, list(positions or []))
    encoder.register_forward_pre_hook(keeper.remember, with_kwargs=True)
    for layer in keeper.positions:
        layer.register_forward_hook(keeper.silence)


class _LengthKeeper:
    """Carry the length of each row from the model's arguments to the inner modules that need it."""

    def __init__(self, first: Any, positions: list[nn.Module]) -> None:
        self.first = first
        self.positions = positions
        self.samples: torch.Tensor | None = None
        self.frames: torch.Tensor | None = None

    def remember(self, encoder: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        mask = kwargs.get("attention_mask")
        lengths = None if mask is None or bool(mask.all()) else mask.sum(-1)
        if isinstance(self.first.layer_norm, PaddingProofGroupNorm):
            kernel, stride = self.first.conv.kernel_size[0], self.first.conv.stride[0]
            self.first.layer_norm.lengths = None if lengths is None else (lengths - kernel) // stride + 1
        self.frames = None if lengths is None else encoder._get_feat_extract_output_lengths(lengths)

    def silence(self, module: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        """Zero padded frames of output (batch, channels, frames) after one positional convolution."""
        if self.frames is None:
            return output
        valid = torch.arange(output.shape[-1], device=output.device) < self.frames.to(output.device).view(-1, 1, 1)
        return output * valid
