"""Layers that compute the same as those of torch, in a form that its exporter can translate to ONNX."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# The version of ONNX's operators that files are written in.
OPSET = 20


class ExportableGRU(nn.Module):
    """Stand in for a `torch.nn.GRU` whose first dimension is the batch, as ONNX's operator of that name.

    The exporter takes torch's GRU apart, and fails on a batch of any size (torch 2.13).
    """

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        self.width, self.layers = gru.hidden_size, gru.num_layers
        ways = ("", "_reverse") if gru.bidirectional else ("",)
        self.direction, self.ways = ("bidirectional" if gru.bidirectional else "forward"), len(ways)
        for layer in range(gru.num_layers):
            parts: list[list[torch.Tensor]] = [
                [_gates(getattr(gru, f"{kind}_l{layer}{way}").detach()) for way in ways]
                for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            ]
            self.register_buffer(f"inputs{layer}", torch.stack(parts[0]))
            self.register_buffer(f"states{layer}", torch.stack(parts[1]))
            self.register_buffer(f"biases{layer}", torch.cat([torch.stack(parts[2]), torch.stack(parts[3])], 1))

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Return the outputs (batch, frames, width) of hidden states (batch, frames, width)."""
        hidden = hidden.transpose(0, 1)
        frames, batch = hidden.shape[:2]
        attributes: dict[str, Any] = {
            "hidden_size": self.width,
            "direction": self.direction,
            "linear_before_reset": 1,  # as torch computes it
        }
        for layer in range(self.layers):
            weights = (getattr(self, f"{kind}{layer}") for kind in ("inputs", "states", "biases"))
            outputs, _ = torch.onnx.ops.symbolic_multi_out(
                "GRU", (hidden, *weights), attributes, dtypes=(torch.float32, torch.float32), version=OPSET,
                shapes=((frames, self.ways, batch, self.width), (self.ways, batch, self.width)),
            )  # fmt: skip
            hidden = outputs.transpose(1, 2).flatten(2)
        return hidden.transpose(0, 1), None


def _gates(weight: torch.Tensor) -> torch.Tensor:
    """Return the rows of a weight in ONNX's order: update, reset, new; torch has the reset gate first."""
    reset, update, new = weight.chunk(3)
    return torch.cat([update, reset, new])


def make_exportable(model: nn.Module) -> nn.Module:
    """Replace the layers of a network that cannot be translated, in place, and return it; it then only exports."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.GRU):
                setattr(parent, name, ExportableGRU(layer))
    return model
