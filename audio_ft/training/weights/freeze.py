"""Freeze policies, learning rates of head and layers, and gradual unfreezing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainerState

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
        trainable = (*layers[count:], *adapter.above_layers(model))
        learning = {id(weight) for part in trainable for weight in part.parameters()}
        for weight in adapter.encoder(model).parameters():
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
    # Layers below the top, for each weight of the encoder; those below all layers count as one layer more.
    below = {id(weight): len(layers) for weight in adapter.encoder(model).parameters()}
    below |= {id(weight): place for place, layer in enumerate(reversed(layers)) for weight in layer.parameters()}
    below |= {id(weight): 0 for module in adapter.above_layers(model) for weight in module.parameters()}
    groups: dict[tuple[float, float], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        rate = head_learning_rate
        if id(parameter) in below:
            rate = learning_rate * layer_decay ** below[id(parameter)]
        decay = weight_decay if name in decay_names else 0.0
        group = groups.setdefault((rate, decay), {"params": [], "lr": rate, "weight_decay": decay})
        group["params"].append(parameter)
    # Trainer logs the rate of the first group as the learning rate.
    return sorted(groups.values(), key=lambda group: group["lr"] != learning_rate)


class GradualUnfreezing(TrainerCallback):
    """Train the head alone at first and unfreeze layers from the top, all by half-time (Howard & Ruder 2018)."""

    def __init__(self, model: PreTrainedModel, adapter: Adapter) -> None:
        self.layers = adapter.layers(model)
        self.weights = [weight for weight in adapter.encoder(model).parameters() if weight.requires_grad]

    def on_epoch_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Unfreeze as many layers as this epoch's share of the first half of the training."""
        # By epochs, because a training may resume in the middle of one.
        epoch = int((state.epoch or 0) + 1e-6)
        share = min(1.0, 2 * epoch / max(state.num_train_epochs, 1))
        for weight in self.weights:
            weight.requires_grad_(share >= 1.0)
        count = round(share * len(self.layers))
        for layer in self.layers[len(self.layers) - count :]:
            layer.requires_grad_(True)
