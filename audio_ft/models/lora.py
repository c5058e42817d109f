"""Read a LoRA adapter that peft saved, and merge it into the network that it was trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from audio_ft.errors import InputError
from audio_ft.file_io import read_json
from audio_ft.models.checkpoint import ADAPTER_CONFIG

WEIGHTS = "adapter_model.safetensors"
# The settings that decide what the matrices add; the others are about training or start other computations.
SETTINGS = ("r", "lora_alpha", "target_modules", "fan_in_fan_out", "bias", "use_rslora", "use_dora", "modules_to_save",
            "rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern")  # fmt: skip


def merge_lora(model: Any, folder: Path) -> Any:
    """Return a network with the matrices of an adapter's folder merged into its weights.

    Raises:
        InputError: peft is not installed, the folder is damaged, or its matrices do not belong to this network.
    """
    try:
        from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    except ImportError as error:
        raise InputError(f"{folder} is a LoRA adapter, which needs peft: pip install 'audio-ft[lora]'.") from error
    import torch
    from safetensors.torch import load_file

    plain = read_json(folder / ADAPTER_CONFIG)
    if plain.get("peft_type") != "LORA" or not (folder / WEIGHTS).is_file():
        raise InputError(f"{folder}: expected a LoRA adapter with {WEIGHTS}; save it with peft's save_pretrained.")
    known = {field.name for field in dataclasses.fields(LoraConfig)}
    settings = {name: plain[name] for name in SETTINGS if name in plain and name in known}
    try:
        with torch.random.fork_rng(devices=[]):
            tuner: Any = get_peft_model(model, LoraConfig(**settings))
        weights = load_file(folder / WEIGHTS)
        found: Any = set_peft_model_state_dict(tuner, weights)
    except Exception as error:
        raise InputError(f"{folder} does not fit the network of its base checkpoint ({error}).") from error
    lacking = [name for name in found.missing_keys if "lora_" in name]
    if found.unexpected_keys or lacking or not all(bool(one.isfinite().all()) for one in weights.values()):
        named = ", ".join([*found.unexpected_keys, *lacking][:3]) or "NaN or infinity in its matrices"
        raise InputError(f"{folder} does not belong to the network of its base checkpoint ({named}).")
    return tuner.merge_and_unload()
