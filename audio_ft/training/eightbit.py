"""Hold weights that stand still in 8 bits, a quarter of their memory, through bitsandbytes."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

# Inputs above it are multiplied unrounded (Dettmers et al. 2022, LLM.int8(), section 3.2).
OUTLIER = 6.0


def in_eight_bits(body: nn.Module) -> None:
    """Round the linear layers inside a network's transformer layers, in place; all else stays as it is.

    Masks are laid in place onto the output of the projection below the layers, which bitsandbytes' gradient forbids.
    """
    from torch import nn

    # Not among the packages that the types are checked with.
    bitsandbytes: Any = importlib.import_module("bitsandbytes")
    # It says of every batch that float32 is computed in 16 bits.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    device = next(body.parameters()).device
    exact = {name: layer for name, layer in body.named_modules() if type(layer) is nn.Linear and "layers." in name}
    for name, layer in exact.items():
        rounded = bitsandbytes.nn.Linear8bitLt(
            layer.in_features, layer.out_features, layer.bias is not None, has_fp16_weights=False, threshold=OUTLIER
        )
        rounded.weight = bitsandbytes.nn.Int8Params(layer.weight.detach().cpu(), requires_grad=False)
        rounded.bias = layer.bias
        rounded.register_state_dict_post_hook(leave_out)
        # Rounding happens on the way to a device, also to the processor.
        body.set_submodule(name, rounded.to(device))


def leave_out(layer: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
    """Leave rounded weights out of a training's checkpoints: they are made anew, and bitsandbytes reads none back."""
    for name in ("weight", "SCB", "weight_format"):
        state.pop(f"{prefix}{name}", None)
