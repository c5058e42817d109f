"""LoRA over weights held in 8 bits: what is refused, and what comes out is an ordinary network in float32."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from checkpoints import WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft import Data, InputError, Recipe


def recipe(model: str, **settings: Any) -> Recipe:
    training = {"num_train_epochs": 2, "per_device_train_batch_size": 8}
    kept = {"peft": "lora", "lora_rank": 2, "load_in_8bit": True, "precision": "float32", "augment": (), "probe": False}
    return Recipe(model=model, data=Data(path=WORDS, limit=24), training=training, **{**kept, **settings})


def test_rounded_weights_stand_beside_low_rank_ones_only() -> None:
    for peft in (None, "adapter"):
        with pytest.raises(InputError, match="add peft=lora"):
            recipe("model", peft=peft)
    with pytest.raises(InputError, match="load_in_8bit"):
        recipe("model", load_in_8bit="yes")
    assert recipe("model").override(["load_in_8bit=false", "peft=null"]).load_in_8bit is False


def test_without_bitsandbytes_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(InputError, match=r"pip install 'audio-ft\[8bit\]'"):
        aft.train(recipe(tiny_checkpoint("wav2vec2-group", tmp_path / "model")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_matrices_go_into_exact_weights_also_after_an_interruption(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes", reason="not among the tested packages")
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForAudioClassification

    checkpoint = tiny_checkpoint("wav2vec2-group", tmp_path / "model")
    run = aft.train(recipe(checkpoint, keep_adapter=True), tmp_path / "run")
    before, after = load_file(Path(checkpoint) / "model.safetensors"), load_file(run.model_folder / "model.safetensors")
    assert {weight.dtype for weight in after.values()} == {torch.float32}
    changed = set()
    for name, weight in after.items():
        old = before.get(name.removeprefix("wav2vec2."))
        if old is not None and not torch.equal(old, weight):
            changed.add(name.split(".")[-2])
    assert changed == {"q_proj", "v_proj"}
    # The same matrices put by peft itself into the checkpoint as it is, never rounded.
    plain = AutoModelForAudioClassification.from_pretrained(checkpoint, num_labels=len(run.labels))
    theirs = PeftModel.from_pretrained(plain, run.folder / "adapter").merge_and_unload().state_dict()
    for name, weight in after.items():
        if name.split(".")[-2] in changed:
            torch.testing.assert_close(weight, theirs[name])

    def interrupt(line: str) -> None:
        if line.startswith("epoch   2.0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(recipe(checkpoint, keep_adapter=True), tmp_path / "again", log=interrupt)
    again = aft.train(recipe(checkpoint, keep_adapter=True), tmp_path / "again")
    assert again.digests["model"] == run.digests["model"]
