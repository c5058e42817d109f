"""Train a few weights beside the checkpoint's own: LoRA through peft, merged into the weights afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from audio_ft.family import Family
    from audio_ft.recipe import Recipe

# Queries and values of every attention, as Hu et al. 2021 (LoRA, section 4.2) found best for a budget; their names are
# the same in all our families.
TARGETS = ("q_proj", "v_proj")
# The low-rank product is scaled by alpha / rank, so that the learning rate suits any rank.
ALPHA = 2


class Adapters:
    """Hold the low-rank matrices put into a network, in place, and take them out again."""

    def __init__(self, recipe: Recipe, model: PreTrainedModel, family: Family, head_learns: bool) -> None:
        try:
            from peft import LoraConfig, get_peft_model
        except ImportError as error:
            raise InputError("peft=lora needs the peft package: pip install 'audio-ft[lora]'.") from error
        settings = LoraConfig(r=recipe.lora_rank, lora_alpha=ALPHA * recipe.lora_rank, target_modules=list(TARGETS))
        pretrained = {id(weight) for weight in _body(model, family)}
        head = [weight for weight in model.parameters() if id(weight) not in pretrained]
        # Modules are replaced inside `model` itself; only the matrices learn from here on.
        self.tuner: Any = get_peft_model(model, settings)
        for weight in head if head_learns else ():
            weight.requires_grad_(True)

    def merge(self) -> None:
        """Add the matrices to the weights they stand beside, so that the network is an ordinary one again."""
        self.tuner.merge_and_unload()

    def save(self, folder: Path, checkpoint: str) -> None:
        """Write the matrices alone, with the checkpoint they belong to; transformers loads both where peft is there."""
        for settings in self.tuner.peft_config.values():
            settings.base_model_name_or_path = checkpoint
            settings.inference_mode = True
        # Asked for the embeddings of a network without text input, peft would fail on the question.
        self.tuner.save_pretrained(folder, save_embedding_layers=False)
        # A card full of blanks; ours stands beside the model.
        (folder / "README.md").unlink(missing_ok=True)


def _body(model: PreTrainedModel, family: Family) -> list[Any]:
    """Return all weights that come with the checkpoint: those of a decoder too."""
    whole = getattr(model, "model", None)
    return list(whole.parameters()) if whole is not None else list(family.encoder(model).parameters())
