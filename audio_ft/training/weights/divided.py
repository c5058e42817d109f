"""Weights that FSDP2 divides among processes: where a network is cut, and how it becomes whole again at the end."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from transformers import PreTrainedModel

    from audio_ft.models.base import Adapter


def prepare_division(accelerator: Accelerator, model: PreTrainedModel, adapter: Adapter) -> None:
    """Tell FSDP2, where it is asked for, to gather the weights of one transformer layer at a time; in place."""
    plugin = getattr(accelerator.state, "fsdp_plugin", None)
    if plugin is None:
        return
    declared = {name for name in model._no_split_modules or () if name.endswith("Layer")}
    present = {type(module).__name__ for module in model.modules()}
    layers = {type(layer).__name__ for layer in adapter.layers(model)}
    plugin.transformer_cls_names_to_wrap = sorted(layers | declared & present)
    # All processes have to run the same layers, and as many steps of decoding: transformers looks for this mark of its
    # own FSDP, which Accelerate's does not set.
    for module in model.modules():
        module._is_fsdp_managed_module = True  # type: ignore[assignment]
    for module in model.base_model.children():
        if "Norm" in type(module).__name__ and any(module.children()):
            # Accelerate takes "Wav2Vec2EncoderStableLayerNorm" for a norm and gathers it alone, and it writes into its
            # input, of which FSDP hands it a view.
            module.register_forward_pre_hook(lambda module, inputs: (inputs[0].clone(), *inputs[1:]))
    try:
        model.get_input_embeddings()
    except NotImplementedError:
        # Accelerate 1.15 asks every network for its word embeddings; one that begins with waves has none.
        model.get_input_embeddings = types.MethodType(lambda self: None, model)  # type: ignore[method-assign]


def check_checkpoint(accelerator: Accelerator, checkpoint: Path) -> None:
    """Check that a checkpoint is divided if the training is.

    Raises:
        InputError: only one of them is.
    """
    divided = any(checkpoint.glob("pytorch_model_fsdp*"))
    if divided is not (getattr(accelerator.state, "fsdp_plugin", None) is not None):
        before, now = ("with FSDP", "without it") if divided else ("without FSDP", "with it")
        raise InputError(
            f"{checkpoint} was written {before} and cannot go on {now}: start the training as before, on any number "
            "of GPUs from two, or pass --overwrite to begin again."
        )


def whole(model: PreTrainedModel, build: Callable[[], PreTrainedModel]) -> PreTrainedModel:
    """Return the network with all its weights in each process: itself if they are not divided, else a new one.

    Every process has to call it.
    """
    from torch.distributed.tensor import DTensor

    weights: dict[str, Any] = model.state_dict()
    if not any(isinstance(weight, DTensor) for weight in weights.values()):
        return model
    network: Any = build()
    network.load_state_dict(
        {
            name: (weight.full_tensor() if isinstance(weight, DTensor) else weight).cpu()
            for name, weight in weights.items()
        }
    )
    return network.to(model.device)  # type: ignore[no-any-return]
