"""Weights that are missing, wrong, not finite or no weights are refused by name; what is expected is no false alarm."""

from __future__ import annotations

import json
import pickle
import resource
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import RATE, TINY, speech, tiny_checkpoint
from safetensors.torch import load_file, save_file

from audio_ft.errors import AudioFTError, InputError
from audio_ft.models import load_adapter
from audio_ft.targets import Label
from audio_ft.tasks import Classification
from audio_ft.tasks.base import Checkpoint, HeadSettings, forward

TASK = Classification(Label(("no", "yes")))
Weights = dict[str, torch.Tensor]


def build(folder: Path, **head: Any) -> Any:
    return TASK.build(Checkpoint(load_adapter(str(folder)), str(folder)), HeadSettings(**head))


def saved(folder: Path, name: str = "hubert-group", **head: Any) -> Path:
    """Return the folder of a saved classifier."""
    start = Path(tiny_checkpoint(name, folder / "start"))
    model = build(start, **head)
    model.save_pretrained(folder / "model")
    load_adapter(str(start)).save_extractor(folder / "model")
    return folder / "model"


def restored(folder: Path) -> Any:
    return TASK.load(load_adapter(str(folder)), folder)


def edit(folder: Path, change: Any) -> None:
    """Replace the weights of a folder by what `change` makes of them."""
    weights = change(load_file(folder / "model.safetensors"))
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")


def without(part: str) -> Any:
    return lambda weights: {name: tensor for name, tensor in weights.items() if part not in name}


@pytest.mark.parametrize("name", TINY)
def test_no_architecture_gives_a_false_alarm(tmp_path: Path, name: str) -> None:
    assert restored(saved(tmp_path, name)) is not None


def test_poolings_of_our_own_load_again_and_are_checked(tmp_path: Path) -> None:
    folder = saved(tmp_path, pooling="attention", weighted_layers=True)
    assert restored(folder) is not None
    edit(folder, without("attention.weight"))
    with pytest.raises(InputError, match=r"projector\.attention\.weight\] missing"):
        restored(folder)


def test_an_older_whisper_that_pools_over_padding_goes_on_doing_so(tmp_path: Path) -> None:
    folder = saved(tmp_path, "whisper", pooling="max")
    new = restored(folder)
    assert new.config.audio_ft_pools_padding is False
    plain = json.loads((folder / "config.json").read_text("utf-8"))
    del plain["audio_ft_pools_padding"]
    (folder / "config.json").write_text(json.dumps(plain), "utf-8")
    old, adapter = restored(folder), load_adapter(str(folder))
    batch = adapter.collate([adapter.extract(speech(8_000))])
    answers = []
    for model in (new, old):
        model.eval()(**batch)
        answers.append(int(model.projector.frames[0]))
    assert answers == [adapter.frames(8_000), model.config.max_source_positions]


def test_a_head_for_another_task_and_old_names_are_expected(tmp_path: Path) -> None:
    folder = Path(tiny_checkpoint("wav2vec2-group", tmp_path))

    def renamed(weights: Weights) -> Weights:
        weights = {
            name.replace("parametrizations.weight.original0", "weight_g").replace(
                "parametrizations.weight.original1", "weight_v"
            ): tensor
            for name, tensor in weights.items()
            if "masked_spec_embed" not in name
        }
        assert any(name.endswith("weight_g") for name in weights)
        return weights | {"quantizer.codevectors": torch.zeros(1, 4, 2), "lm_head.weight": torch.zeros(8, 32)}

    edit(folder, renamed)
    assert build(folder) is not None


@pytest.mark.parametrize(
    ("part", "named"),
    [("classifier", r"\[classifier\.bias, classifier\.weight\]"), ("hubert", r"\[hubert\..* and \d+ more\]")],
)
def test_a_saved_model_without_a_part_is_refused(tmp_path: Path, part: str, named: str) -> None:
    folder = saved(tmp_path)
    edit(folder, without(part))
    with pytest.raises(InputError, match=named + " missing from its weights"):
        restored(folder)


def test_a_saved_model_with_other_tensors_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    edit(folder, lambda weights: weights | {"classifier.dense.weight": torch.zeros(2, 2)})
    with pytest.raises(InputError, match=r"classifier\.dense\.weight\] in its weights and not"):
        restored(folder)


def test_an_encoder_of_another_shape_is_no_start(tmp_path: Path) -> None:
    folder = Path(tiny_checkpoint("wav2vec2-group", tmp_path))
    edit(folder, lambda all_: {name: one[:8] if "k_proj.weight" in name else one for name, one in all_.items()})
    with pytest.raises(InputError, match=r"3 tensors are \[.*k_proj\.weight \(expected \(32, 32\), got \(8, 32\)\)"):
        build(folder)


def test_an_encoder_without_a_layer_or_with_one_more_is_no_start(tmp_path: Path) -> None:
    folder = Path(tiny_checkpoint("wav2vec2-group", tmp_path))
    config = json.loads((folder / "config.json").read_text())
    for layers, sentence in ((4, "missing from its weights"), (2, "in its weights and not in the network")):
        (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": layers}))
        with pytest.raises(InputError, match=rf"encoder\.layers\..*{sentence}"):
            build(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    folder = saved(tmp_path)
    edit(folder, lambda weights: weights | {"classifier.bias": torch.full((2,), value)})
    with pytest.raises(InputError, match=r"classifier\.bias\] not finite"):
        restored(folder)
    start = tmp_path / "start"
    edit(start, lambda weights: weights | {"masked_spec_embed": torch.full((32,), value)})
    with pytest.raises(InputError, match=r"masked_spec_embed\] not finite"):
        build(start)


# ---- files that are not what they seem


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_size": 10**9},
        {"intermediate_size": 10**9},
        {"num_hidden_layers": 10**6},
        {"hidden_size": 31},
        {"conv_stride": [0] * 7},
        {"num_labels": 10**9},
        {"hidden_size": "big"},
        {"conv_dim": [10**8] * 7},
        {"num_attention_heads": 0},
    ],
    ids=str,
)
def test_absurd_configurations_are_refused_before_memory_is_taken(tmp_path: Path, settings: dict[str, Any]) -> None:
    folder = Path(tiny_checkpoint("hubert-group", tmp_path))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"config\.json"):
        build(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_truncated_and_pickled_safetensors_are_refused(tmp_path: Path) -> None:
    folder = Path(tiny_checkpoint("hubert-group", tmp_path))
    whole = (folder / "model.safetensors").read_bytes()
    for content in (whole[: len(whole) // 2], pickle.dumps({"a": 1}), b"", b"\xff" * 64, (2**62).to_bytes(8, "little")):
        (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(InputError, match=r"model\.safetensors: the weights cannot be read"):
            build(folder)


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return open, ("ran", "w")


def test_bin_weights_load_and_other_pickles_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(tiny_checkpoint("hubert-group", tmp_path / "start"))
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    file = folder / "pytorch_model.bin"
    for zipped in (True, False):
        torch.save(weights, file, _use_new_zipfile_serialization=zipped)
        assert build(folder) is not None
    for content in (Evil(), {"a": Evil()}, weights | {"a": Evil()}, {"epoch": 3}, [1]):
        torch.save(content, file)
        with pytest.raises(InputError, match=r"pytorch_model\.bin") as refused:
            build(folder)
        assert "weights_only" not in str(refused.value)
    torch.save({"hubert.a": torch.zeros(1).expand(10**9)}, file)
    with pytest.raises(InputError, match="larger than what is stored"):
        build(folder)
    assert not (tmp_path / "ran").exists()


def test_outputs_that_overflow_are_an_error_and_no_nan(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    edit(folder, lambda all_: all_ | {"classifier.weight": torch.full_like(all_["classifier.weight"], 3e38)})
    adapter = load_adapter(str(folder))
    batch = adapter.collate([adapter.extract(speech(RATE))])
    with pytest.raises(AudioFTError, match="not finite"):
        forward(restored(folder), TASK, adapter, batch)
