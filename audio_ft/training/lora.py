"""Train a few weights beside the checkpoint's own: LoRA through peft, merged into the weights afterwards."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from transformers import PreTrainedModel

    from audio_ft.models.base import Adapter
    from audio_ft.recipe import Recipe

# The low-rank product is scaled by alpha / rank, so that the learning rate suits any rank.
ALPHA = 2


class Adapters:
    """Hold the low-rank matrices put into a network, in place, and take them out again."""

    def __init__(self, recipe: Recipe, model: PreTrainedModel, adapter: Adapter, head_learns: bool) -> None:
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError as error:
            raise InputError("peft=lora needs the peft package: pip install 'audio-ft[lora]'.") from error
        targets = adapter.lora_targets()
        self.model: Any = model
        self.adapter, self.rounded = adapter, recipe.load_in_8bit
        if self.rounded:
            in_eight_bits(adapter.pretrained(model))
        settings = LoraConfig(r=recipe.lora_rank, lora_alpha=ALPHA * recipe.lora_rank, target_modules=list(targets))
        pretrained = {id(weight) for weight in adapter.pretrained(model).parameters()}
        head = [weight for weight in model.parameters() if id(weight) not in pretrained]
        # Modules are replaced inside `model` itself; only the matrices learn from here on. The flag tells peft which
        # layers to look for, and would tell Trainer not to train.
        setattr(model, "is_loaded_in_8bit", self.rounded)  # noqa: B010  (a plain flag, which nn.Module's types do not know)
        self.tuner: Any = get_peft_model(model, settings)
        delattr(model, "is_loaded_in_8bit")
        for weight in head if head_learns else ():
            weight.requires_grad_(True)

    def merge(self, again: Callable[[], PreTrainedModel]) -> PreTrainedModel:
        """Add the matrices to the weights they stand beside, and return the network, an ordinary one again.

        Rounded weights are left behind: the matrices and the head go into the checkpoint as `again` reads it.
        """
        if not self.rounded:
            self.tuner.merge_and_unload()
            return self.model
        from peft.tuners.lora import LoraLayer

        exact: Any = again()
        exact.to(self.model.device)
        layers: dict[str, Any] = {
            name: layer for name, layer in self.model.named_modules() if isinstance(layer, LoraLayer)
        }
        for name, layer in layers.items():
            exact.get_submodule(name).weight.data += layer.get_delta_weight("default")
        body = {id(weight) for weight in self.adapter.pretrained(self.model).parameters()}
        for name, weight in self.model.named_parameters():
            if id(weight) not in body:
                exact.get_parameter(name).data.copy_(weight.detach())
        return exact

    def save(self, folder: Path, checkpoint: str) -> None:
        """Write the matrices alone, with the checkpoint they belong to; transformers loads both where peft is there."""
        for settings in self.tuner.peft_config.values():
            settings.base_model_name_or_path = checkpoint
            settings.inference_mode = True
        # Asked for the embeddings of a network without text input, peft would fail on the question.
        self.tuner.save_pretrained(folder, save_embedding_layers=False)
        # A card full of blanks; ours stands beside the model.
        (folder / "README.md").unlink(missing_ok=True)


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
