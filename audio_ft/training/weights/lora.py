"""LoRA with peft: train low-rank matrices, and merge them into the weights afterwards."""

from __future__ import annotations

import importlib
import logging
import shutil
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
    """Add low-rank matrices to a network, in place, and merge them afterwards."""

    def __init__(self, recipe: Recipe, model: PreTrainedModel, adapter: Adapter, head_learns: bool) -> None:
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError as error:
            raise InputError("peft=lora needs the peft package: pip install 'audio-ft[lora]'.") from error
        targets, rank = list(adapter.lora_targets()), recipe.lora_rank
        self.model: Any = model
        self.rounded = recipe.load_in_8bit
        if self.rounded:
            in_eight_bits(adapter.pretrained(model))
        pretrained = {id(weight) for weight in adapter.pretrained(model).parameters()}
        self.head = {name: weight for name, weight in model.named_parameters() if id(weight) not in pretrained}
        # peft replaces modules inside `model`; from here on only the matrices are trainable. The flag selects peft's
        # 8-bit layers; left in place, it would make Trainer refuse to train.
        setattr(model, "is_loaded_in_8bit", self.rounded)  # noqa: B010  (a plain flag, which nn.Module's types do not know)
        self.tuner: Any = get_peft_model(model, LoraConfig(r=rank, lora_alpha=ALPHA * rank, target_modules=targets))
        delattr(model, "is_loaded_in_8bit")
        for weight in self.head.values() if head_learns else ():
            weight.requires_grad_(True)

    def merge(self, again: Callable[[], PreTrainedModel]) -> PreTrainedModel:
        """Merge the matrices into the weights and return the network.

        Weights rounded to 8 bits are discarded: the matrices and the head are merged into a new copy from `again`.
        """
        if not self.rounded:
            self.tuner.merge_and_unload()
            return self.model
        exact: Any = again()
        exact.to(self.model.device)
        for name, layer in self.model.named_modules():
            if hasattr(layer, "get_delta_weight"):
                exact.get_submodule(name).weight.data += layer.get_delta_weight("default")
        for name, weight in self.head.items():
            exact.get_parameter(name).data.copy_(weight.detach())
        return exact

    def save(self, folder: Path, checkpoint: str) -> None:
        """Write the matrices, a trained head and the name of their checkpoint, as peft loads them onto it."""
        from safetensors.torch import load_file, save_file

        learned = {name: weight for name, weight in self.head.items() if weight.requires_grad}
        for settings in self.tuner.peft_config.values():
            settings.base_model_name_or_path = checkpoint
            settings.inference_mode = True
            settings.modules_to_save = sorted({name.partition(".")[0] for name in learned}) or None
        # peft fails when it looks for the embeddings of a network without text input.
        self.tuner.save_pretrained(folder, save_embedding_layers=False)
        file = folder / "adapter_model.safetensors"
        # Under the names that peft gives the modules to save; it has wrapped none, because ours learn in place.
        head = {f"base_model.model.{name}": weight.detach().cpu().contiguous() for name, weight in learned.items()}
        save_file(load_file(file) | head, file, metadata={"format": "pt"})
        # safetensors writes files that only their owner can read, whatever the umask is.
        shutil.copymode(folder / "adapter_config.json", file)
        # peft's card is an empty template; ours is next to the model.
        (folder / "README.md").unlink(missing_ok=True)


# Inputs above it are multiplied unrounded (Dettmers et al. 2022, LLM.int8(), section 3.2).
OUTLIER = 6.0


def in_eight_bits(body: nn.Module) -> None:
    """Round the linear layers inside a network's transformer layers to 8 bits, in place.

    The projection below the layers is not rounded: its output is masked in place, which bitsandbytes' gradient forbids.
    """
    from torch import nn

    # An extra, so the type checker may not find it.
    bitsandbytes: Any = importlib.import_module("bitsandbytes")
    # It warns at every batch that float32 is cast to 16 bits.
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
        # bitsandbytes rounds when the layer moves to a device, including the CPU.
        body.set_submodule(name, rounded.to(device))


def leave_out(layer: nn.Module, state: dict[str, Any], prefix: str, metadata: dict[str, Any]) -> None:
    """Leave rounded weights out of checkpoints: they are rounded again on resume, and bitsandbytes cannot load them."""
    for name in ("weight", "SCB", "weight_format"):
        state.pop(f"{prefix}{name}", None)
