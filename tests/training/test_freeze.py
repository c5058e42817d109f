"""Each freeze policy lets exactly its parameters learn, at the rates that the recipe names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import TINY, speech, tiny_checkpoint
from transformers import TrainerControl, TrainerState

from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.models.base import Adapter
from audio_ft.targets import Label
from audio_ft.tasks import Classification
from audio_ft.tasks.base import Checkpoint, HeadSettings
from audio_ft.training.weights.freeze import GradualUnfreezing, freeze, parameter_groups

LABELS = ("down", "left", "right")
HEAD = ("projector.", "classifier.", "layer_weights")
NAMES = list(TINY)


@pytest.fixture(scope="module", params=NAMES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint(request.param, tmp_path_factory.mktemp(request.param))


def build(folder: str, policy: str = "none", **head: Any) -> tuple[Adapter, Any]:
    adapter = load_adapter(folder).with_window(2)
    mask = adapter.mask_settings([], 16_000)
    torch.manual_seed(0)
    settings = HeadSettings(weighted_layers=adapter.pools_frames, mask=mask, **head)
    model = Classification(Label(LABELS)).build(Checkpoint(adapter, folder), settings)
    freeze(model, adapter, policy)
    return adapter, model


def one_step(adapter: Adapter, model: Any) -> set[str]:
    """Take one optimizer step on four clips and return the names of the parameters that changed."""
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.SGD([parameter for parameter in model.parameters() if parameter.requires_grad], lr=1.0)
    batch = adapter.collate([adapter.extract(speech(length, length)) for length in (6_000, 9_000, 16_000, 20_000)])
    np.random.seed(0)  # the stream from which transformers draws its masks
    task, labels = Classification(Label(LABELS)), torch.tensor([0, 1, 2, 0])
    loss, _ = task.loss(model.train(), batch, labels, HeadSettings())
    loss.backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{name} learns nothing"
            assert torch.isfinite(parameter.grad).all(), name
    optimizer.step()
    return {name for name, parameter in model.named_parameters() if not torch.equal(before[name], parameter)}


def names_in(model: Any, modules: list[Any]) -> set[str]:
    inside = {id(parameter) for module in modules for parameter in module.parameters()}
    return {name for name, parameter in model.named_parameters() if id(parameter) in inside}


# A key projection's bias adds the same number to all attention logits of a query, so its gradient is zero.
# The embedding of masked frames learns only in batches where a frame is masked; positions of Whisper are fixed. The
# norm above all layers of a layer-norm encoder is no part of the weighted sum.
def may_rest(name: str, model: Any) -> bool:
    fixed = "embed_positions" in name or name.endswith("encoder.layer_norm.weight") or name.endswith("layer_norm.bias")
    learns = dict(model.named_parameters())[name].requires_grad
    return name.endswith(("k_proj.bias", "linear_k.bias", "masked_spec_embed")) or (fixed and not learns)


def test_nothing_frozen(folder: str) -> None:
    adapter, model = build(folder)
    changed = one_step(adapter, model)
    assert [name for name, _ in model.named_parameters() if name not in changed and not may_rest(name, model)] == []


def test_the_feature_encoder_frozen(folder: str) -> None:
    adapter, model = build(folder, "feature_encoder")
    frozen = names_in(model, adapter.feature_encoder(model))
    changed = one_step(adapter, model)
    assert frozen
    assert not changed & frozen
    learning = {name for name, _ in model.named_parameters()} - frozen
    assert [name for name in sorted(learning - changed) if not may_rest(name, model)] == []


def test_the_lowest_layers_frozen(folder: str) -> None:
    adapter, model = build(folder, "layers:2")
    layers = adapter.layers(model)
    learning = names_in(model, [layers[2], *adapter.above_layers(model)])
    frozen = names_in(model, [adapter.encoder(model)]) - learning
    changed = one_step(adapter, model)
    assert not changed & frozen
    assert all(name in changed or may_rest(name, model) for name in names_in(model, [layers[2]]))


def test_all_but_the_head_frozen(folder: str) -> None:
    adapter, model = build(folder, "encoder")
    assert one_step(adapter, model) == {name for name, _ in model.named_parameters() if name.startswith(HEAD)}


def test_more_layers_than_there_are(folder: str) -> None:
    with pytest.raises(InputError, match="names more layers than the 3"):
        build(folder, "layers:4")


@pytest.mark.parametrize("pooling", ["max", "attention", "statistics"])
def test_every_pooling_passes_gradients_on(folder: str, pooling: str) -> None:
    if not load_adapter(folder).pools_frames:
        pytest.skip("pools in its own way")
    adapter, model = build(folder, "feature_encoder", pooling=pooling)
    changed = one_step(adapter, model)
    assert {name for name, _ in model.named_parameters() if name.startswith("classifier.")} <= changed
    assert names_in(model, [adapter.layers(model)[0]]) & changed


def test_gradual_unfreezing_starts_at_the_top(folder: str) -> None:
    adapter, model = build(folder, "gradual")
    callback = GradualUnfreezing(model, adapter)
    layers = adapter.layers(model)
    head = {name for name, _ in model.named_parameters() if name.startswith(HEAD)}
    never = names_in(model, adapter.feature_encoder(model))
    awake = []
    for epoch in range(10):
        state = TrainerState(epoch=float(epoch), num_train_epochs=10)
        callback.on_epoch_begin(None, state, TrainerControl())  # type: ignore[arg-type]
        learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        assert head <= learning
        assert not learning & never
        awake.append([index for index, layer in enumerate(layers) if names_in(model, [layer]) & learning])
    assert awake[0] == []
    assert all(indices == list(range(3 - len(indices), 3)) for indices in awake)
    assert [len(indices) for indices in awake] == sorted(len(indices) for indices in awake)
    assert awake[5:] == [[0, 1, 2]] * 5, "the last is awake by half of the training"
    assert 0 < len(awake[2]) < 3
    rest = {name for name, _ in model.named_parameters()} - never
    assert [name for name in sorted(rest - learning) if not may_rest(name, model)] == []


def test_sleeping_layers_do_not_learn(folder: str) -> None:
    adapter, model = build(folder, "gradual")
    GradualUnfreezing(model, adapter).on_epoch_begin(
        None,  # type: ignore[arg-type]
        TrainerState(epoch=0.0, num_train_epochs=10),
        TrainerControl(),
    )
    assert all(name.startswith(HEAD) for name in one_step(adapter, model))


# ---- learning rates


def rates(folder: str, **settings: Any) -> tuple[Adapter, Any, dict[str, tuple[float, float]]]:
    adapter, model = build(folder, "feature_encoder")
    decay_names = {name for name, _ in model.named_parameters() if name.endswith("weight")}
    defaults: dict[str, Any] = {"head_learning_rate": 1e-4, "layer_decay": 1.0}
    groups = parameter_groups(
        model, adapter, decay_names=decay_names, learning_rate=1e-4, weight_decay=0.01, **{**defaults, **settings}
    )
    by_id = {id(p): (group["lr"], group["weight_decay"]) for group in groups for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(by_id), "no parameter is in two groups"
    return adapter, model, {name: by_id[id(p)] for name, p in model.named_parameters() if id(p) in by_id}


def test_head_and_encoder_learn_at_their_own_rates(folder: str) -> None:
    _, model, found = rates(folder, head_learning_rate=1e-3)
    assert set(found) == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    for name, (rate, _) in found.items():
        assert rate == pytest.approx(1e-3 if name.startswith(HEAD) else 1e-4)


def test_each_layer_learns_slower_than_the_one_above(folder: str) -> None:
    adapter, model, found = rates(folder, layer_decay=0.5)
    for below, layer in enumerate(reversed(adapter.layers(model))):
        assert all(found[name][0] == pytest.approx(1e-4 * 0.5**below) for name in names_in(model, [layer]))
    assert all(rate == pytest.approx(1e-4) for name, (rate, _) in found.items() if name.startswith(HEAD))
    above = names_in(model, adapter.above_layers(model))
    assert all(found[name][0] == pytest.approx(1e-4) for name in above & found.keys()), "what lies above all layers"
    below_all = names_in(model, [adapter.encoder(model)]) & found.keys() - above
    below_all -= names_in(model, adapter.layers(model))
    assert all(found[name][0] == pytest.approx(1e-4 * 0.5**3) for name in below_all), "what lies below all layers"


def test_weight_decay_goes_where_trainer_puts_it(folder: str) -> None:
    _, _, found = rates(folder, head_learning_rate=1e-3)
    assert all(decay == (0.01 if name.endswith("weight") else 0.0) for name, (_, decay) in found.items())


def test_checkpointing_with_a_frozen_front_keeps_gradients(tmp_path: Path) -> None:
    adapter, model = build(tiny_checkpoint("hubert-group", tmp_path), "feature_encoder")
    model.gradient_checkpointing_enable({"use_reentrant": False})
    changed = one_step(adapter, model)
    assert names_in(model, [adapter.layers(model)[0]]) & changed
