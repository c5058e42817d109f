"""Pretraining that goes on before fine-tuning: what it changes and records, how it resumes, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from checkpoints import LEFT_BEHIND, RATE, WORDS, kept_checkpoint, speech
from safetensors.numpy import load_file

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.audio.clip import Clip, write
from audio_ft.errors import InputError
from audio_ft.training import single
from audio_ft.training.unlabeled import continued

STEPS = {"max_steps": 2, "per_device_train_batch_size": 8}


def recipe(**settings) -> Recipe:
    """Return a recipe whose training takes no step of its own convolutions, so that what they learn is pretraining."""
    given = {"model": kept_checkpoint("wav2vec2-group"), "data": Data(path=WORDS, limit=24), "training": STEPS,
             "probe": False, "pretrain_epochs": 2.0, "pretrain_learning_rate": 1e-3,
             "intended_use": "tests", "limits": "all", "consent": "given"}  # fmt: skip
    return Recipe(**(given | settings))


def convolutions(folder) -> np.ndarray:
    """Return the weights of the lowest layer of a saved network."""
    weights = load_file(folder / "model.safetensors")
    return next(
        value for name, value in weights.items() if name.endswith("feature_extractor.conv_layers.0.conv.weight")
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with twelve recordings, none of which is in the labeled data."""
    place = tmp_path_factory.mktemp("calls")
    for number in range(12):
        write(Clip(speech(RATE // 2 + 500 * number, number)[None], RATE), place / f"{number}.wav")
    return place


def test_fine_tuning_starts_from_the_pretrained_encoder_however_often_it_was_stopped(folder, tmp_path, monkeypatch):
    lines: list[str] = []
    whole = aft.train(recipe(pretrain=str(folder)), tmp_path / "whole", log=lines.append)
    assert {path.name for path in whole.folder.iterdir()} == LEFT_BEHIND
    assert whole.pretraining["recordings"] == 12
    assert whole.pretraining["copies"] == 0
    assert np.isfinite([whole.pretraining["before"], whole.pretraining["after"]]).all()
    assert any(f"own objective on 12 recordings of {folder}, 2 steps" in line for line in lines)
    assert len(whole.digests["pretraining"]) == 64
    assert "Pretraining, continued before fine-tuning: own objective on 12 recordings of" in aft.card(whole)
    aft.pretrain(kept_checkpoint("wav2vec2-group"), folder, tmp_path / "alone", epochs=2, learning_rate=1e-3,
                 training={"use_cpu": True, "bf16": whole.hardware["precision"] == "bf16"})  # fmt: skip
    np.testing.assert_array_equal(convolutions(whole.model_folder), convolutions(tmp_path / "alone"))

    def stop(*arguments):
        raise KeyboardInterrupt

    for module in (continued, single):  # before the pretraining has a checkpoint, and after it
        with monkeypatch.context() as patch:
            patch.setattr(module, "fit", stop)
            with pytest.raises(KeyboardInterrupt):
                aft.train(recipe(pretrain=str(folder)), tmp_path / "again")
    assert (tmp_path / "again" / "pretraining" / "model.safetensors").is_file()
    with pytest.raises(InputError, match="unfinished training with another recipe"):
        aft.train(recipe(pretrain=str(folder), pretrain_epochs=3), tmp_path / "again")
    monkeypatch.setattr(continued, "fit", stop)  # it is finished
    again = aft.train(recipe(pretrain=str(folder)), tmp_path / "again")
    assert again.digests == whole.digests
    assert again.pretraining == whole.pretraining


def test_seeds_share_one_pretraining_on_the_training_split(tmp_path, monkeypatch):
    pretrained, fit = [], continued.fit

    def counting(*arguments):
        pretrained.append(arguments[3])
        return fit(*arguments)

    monkeypatch.setattr(continued, "fit", counting)
    run = aft.train(recipe(pretrain="train", seeds=2, model=kept_checkpoint("hubert-group")), tmp_path / "run")
    assert pretrained == [tmp_path / "run" / "pretraining"]
    assert not pretrained[0].exists()
    assert run.pretraining["recordings"] == run.splits["train"]["clips"]
    assert run.pretraining["new"] == ["final_proj"]
    assert [aft.Run.load(tmp_path / "run" / f"seed-{seed}").pretraining for seed in (0, 1)] == [run.pretraining] * 2


def test_recordings_that_are_tested_on_are_refused_unless_the_recipe_allows_it(tmp_path):
    calls = str(shutil.copytree(Path(WORDS, "test"), tmp_path / "calls"))
    message = r"pretrain: 24 recordings of pretrain are in test too: .* \(pretrain=train\)"
    with pytest.raises(InputError, match=message):
        aft.train(recipe(pretrain=calls), tmp_path / "run")
    run = aft.train(recipe(pretrain=calls, allow_leaks=True, method="probe", training={}), tmp_path / "run")
    assert run.pretraining["copies"] == 24
    assert "24 of them in validation or test too" in aft.card(run)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "crnn"}, "pretrain: crnn is trained from scratch"),
        ({"model": "whisper"}, "is a whisper; pretraining can be continued for wav2vec2 and hubert"),
        ({"budget": 600}, "pretrain takes as long as its epochs, whatever the budget"),
        ({"peft": "lora", "keep_adapter": True}, "an adapter that is kept alone is for those of the checkpoint"),
        ({"pretrain": "nowhere/at/all"}, "nowhere"),
        ({"pretrain": None}, "are for pretrain=FOLDER or pretrain=train"),
    ],
)
def test_what_cannot_be_pretrained_is_refused_in_a_sentence(settings, message, tmp_path):
    if settings.get("model") == "whisper":
        settings = settings | {"model": kept_checkpoint("whisper")}
    with pytest.raises(InputError, match=message):
        aft.train(recipe(**({"pretrain": "train"} | settings)), tmp_path / "run")
    assert not (tmp_path / "run" / "started.json").exists()


def test_searches_and_ablations_refuse_it(tmp_path):
    for work in (aft.tune, aft.ablate):
        with pytest.raises(InputError, match="run `audio-ft pretrain` once"):
            work(recipe(pretrain="train"), tmp_path / work.__name__)
