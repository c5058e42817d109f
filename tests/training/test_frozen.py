"""A frozen encoder is run once where neither it nor the clips change, and the scores stay the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checkpoints import WORDS, tiny_checkpoint
from safetensors.torch import load_file

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.training.steps import trainer

TRAINING = {"num_train_epochs": 3, "per_device_train_batch_size": 8, "learning_rate": 1e-2}


def recipe(model: str, **settings: Any) -> Recipe:
    fixed: dict[str, Any] = {"freeze": "encoder", "augment": (), "probe": False, "precision": "float32"}
    return Recipe(model=model, data=Data(path=WORDS, limit=24), training=TRAINING, **{**fixed, **settings})


def test_vectors_that_are_computed_once_train_the_same_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_checkpoint("whisper", tmp_path / "model")
    lines: list[str] = []
    once = aft.train(recipe(model, sampling="over"), tmp_path / "once", log=lines.append)
    assert any(line.startswith("frozen      the encoder was run once: 48 windows, 3.1 kB") for line in lines)
    monkeypatch.setattr(trainer, "why_each_epoch", lambda *_: "for comparison")
    each = aft.train(recipe(model, sampling="over"), tmp_path / "each", log=lines.append)
    assert lines[-1] or any("run in each epoch: for comparison" in line for line in lines)
    steps = [[entry for entry in run.history if "eval_loss" in entry] for run in (once, each)]
    assert [entry["eval_loss"] for entry in steps[0]] == pytest.approx([e["eval_loss"] for e in steps[1]], rel=2e-3)
    assert once.scores["test"]["accuracy"].value == each.scores["test"]["accuracy"].value
    mine, theirs = (load_file(run.model_folder / "model.safetensors") for run in (once, each))
    assert mine.keys() == theirs.keys()
    for name, weight in mine.items():
        assert weight.numpy() == pytest.approx(theirs[name].numpy(), abs=1e-3 if "encoder" not in name else 0)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"augment": None}, "augment changes the clips"),
        ({"pooling": "max"}, "the head pools frames in a way of its own"),
        ({"dropout": 0.1}, "is on below the head"),
    ],
)
def test_what_changes_in_each_epoch_is_said(settings: dict[str, Any], why: str, tmp_path: Path) -> None:
    model, found = tiny_checkpoint("whisper", tmp_path / "model"), []

    def stop(line: str) -> None:
        if line.startswith("frozen "):
            found.append(line)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(recipe(model, **settings), tmp_path / "run", log=stop)
    assert why in found[0]
