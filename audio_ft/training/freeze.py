"""Freeze policies, learning rates of head and layers, and gradual unfreezing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel, TrainerControl, TrainerState, TrainingArguments

    from audio_ft.models.base import Adapter


def freeze(model: PreTrainedModel, adapter: Adapter, policy: str) -> None:
    """Freeze the parameters that a policy names, in place.

    Raises:
        InputError: the policy names more layers than the network has.
    """
    if policy == "none":
        return
    if policy == "encoder":
        adapter.encoder(model).requires_grad_(False)
    else:
        adapter.freeze_feature_encoder(model)
    if policy.startswith("layers:"):
        count, layers = int(policy.removeprefix("layers:")), adapter.layers(model)
        if count > len(layers):
            raise InputError(f"freeze={policy} names more layers than the {len(layers)} the network has.")
        encoder = adapter.encoder(model)
        learning = {
            id(weight) for part in (*layers[count:], *adapter.above_layers(model)) for weight in part.parameters()
        }
        for weight in encoder.parameters():
            # Everything below the first trainable layer is frozen, including the projection after the convolutions.
            weight.requires_grad_(weight.requires_grad and id(weight) in learning)


def parameter_groups(
    model: PreTrainedModel,
    adapter: Adapter,
    *,
    decay_names: set[str],
    learning_rate: float,
    head_learning_rate: float,
    layer_decay: float,
    weight_decay: float,
) -> list[dict[str, Any]]:
    """Return optimizer groups: the head at its own rate, layer k below the top at `layer_decay ** k` of the rate."""
    layers = adapter.layers(model)
    depth = {id(parameter): index for index, layer in enumerate(layers) for parameter in layer.parameters()}
    top = {id(parameter) for module in adapter.above_layers(model) for parameter in module.parameters()}
    inside = {id(parameter) for parameter in adapter.encoder(model).parameters()}
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = head_learning_rate
        if id(parameter) in inside:
            below = 0 if id(parameter) in top else len(layers) - 1 - depth.get(id(parameter), -1)
            rate = learning_rate * layer_decay**below
        decay = weight_decay if name in decay_names else 0.0
        group = groups.setdefault((rate, decay), {"params": [], "lr": rate, "weight_decay": decay})
        group["params"].append(parameter)
    return list(groups.values())


class GradualUnfreezing(TrainerCallback):
    """Start with the head alone and wake layers from the top, all by half of the training (Howard & Ruder 2018)."""

    def __init__(self, model: PreTrainedModel, adapter: Adapter) -> None:
        self.encoder = adapter.encoder(model)
        self.layers = adapter.layers(model)
        self.above = [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Unfreeze as many layers as this epoch's share of the first half of the training."""
        # By epochs, because a training may resume in the middle of one.
        epoch = int((state.epoch or 0) + 1e-6)
        share = min(1.0, 2 * epoch / max(state.num_train_epochs, 1))
        for parameter in self.above:
            parameter.requires_grad_(share >= 1.0)
        count = round(share * len(self.layers))
        for layer in self.layers[len(self.layers) - count :]:
            _unfreeze(layer)


def _unfreeze(layer: nn.Module) -> None:
    layer.requires_grad_(True)
