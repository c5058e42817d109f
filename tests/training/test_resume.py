"""A training that was killed and started again ends where an uninterrupted one does."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas
import pytest
import soundfile
from checkpoints import LEFT_BEHIND, RATE, WORDS, speech, tiny_checkpoint, tiny_transcriber
from forked import Running, request

import audio_ft as aft
from audio_ft import Data, Recipe, Text
from audio_ft.augmentation import Gain, Mixup, Noise, Shift, SpecAugment, Speed
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.data.shards.prepare import prepare_shards
from audio_ft.training.run_folder import last_checkpoint

PROGRAM = """
import sys
import audio_ft as aft
aft.train(aft.Recipe.load(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint("wav2vec2-group", tmp_path_factory.mktemp("tiny"))


def recipe(model: str, epochs: int, **settings: Any) -> Recipe:
    training = {"num_train_epochs": epochs, "per_device_train_batch_size": 8, "learning_rate": 1e-3}
    training["save_strategy"] = "epoch"  # whether an evaluation is the best or not
    data = Data(path=WORDS, limit=24)
    return Recipe(model=model, data=data, precision="float32", **{"training": training, "probe": False, **settings})


def checkpoints(run: Path) -> list[int]:
    """Return the steps of the checkpoints that are complete; a state that Trainer is still writing is not JSON yet."""
    found = []
    for state in (run / "checkpoints").glob("checkpoint-*/trainer_state.json"):
        with suppress(FileNotFoundError, ValueError):
            json.loads(state.read_bytes())
            found.append(int(state.parent.name.rpartition("-")[2]))
    return sorted(found)


@pytest.mark.parametrize("state", [None, b"", b'{"global_step": 10, "best'])
def test_a_checkpoint_whose_state_is_incomplete_is_removed(state: bytes | None, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    for step in (5, 10):
        (folder / f"checkpoint-{step}").mkdir(parents=True)
    (folder / "checkpoint-5" / "trainer_state.json").write_text('{"global_step": 5}')
    if state is not None:
        (folder / "checkpoint-10" / "trainer_state.json").write_bytes(state)
    assert last_checkpoint(tmp_path) == folder / "checkpoint-5"
    assert not (folder / "checkpoint-10").exists()


def kill_after(run: Path, step: int, whole: Recipe) -> None:
    """Train in a process of its own and kill it, with no chance to tidy up, once a checkpoint of `step` is there."""
    recipe_file = run.with_suffix(".json")
    whole.save(recipe_file)
    running = Running(request(PROGRAM, str(recipe_file), str(run), trains=True))
    while running.alive() and max(checkpoints(run), default=0) < step:
        time.sleep(0.005)
    assert running.alive(), f"it ended before it could be killed: {running.outcomes()[0].stderr[-2000:]!r}"
    os.killpg(running.pids[0], signal.SIGKILL)
    assert running.outcomes()[0].returncode == -signal.SIGKILL
    assert not (run / "run.json").exists()
    assert max(checkpoints(run)) >= step


def score_values(run: Any) -> dict[str, float]:
    return {name: score.value for name, score in run.scores["test"].items()}


def test_a_killed_training_goes_on_to_the_same_result(tiny: str, tmp_path: Path) -> None:
    augment = (Gain(), Shift(), SpecAugment(), Mixup())
    whole = recipe(tiny, 12, augment=augment, sampling="over", class_weights="balanced", probe=True)
    straight = aft.train(whole, tmp_path / "straight")
    kill_after(tmp_path / "killed", 9, whole)
    reached = max(checkpoints(tmp_path / "killed"))
    assert reached < 36
    # As a kill in the middle of saving leaves it: weights, and nothing that says where the training was.
    half = tmp_path / "killed" / "checkpoints" / "checkpoint-99"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    lines: list[str] = []
    resumed = aft.train(whole, tmp_path / "killed", log=lines.append)
    assert any(f"resuming from checkpoint-{reached}" in line for line in lines)
    assert resumed.digests == straight.digests, "the weights are the same to the last bit"
    assert score_values(resumed) == score_values(straight)
    assert resumed.best == straight.best
    assert {path.name for path in resumed.folder.iterdir()} == LEFT_BEHIND


@pytest.mark.slow
def test_a_killed_training_that_streams_goes_on_with_the_next_batch(tiny: str, tmp_path: Path) -> None:
    prepare_shards(Data(path=WORDS, limit=48), DEFAULT_CHAIN, tmp_path / "shards", size=0.3)
    data = Data(path=str(tmp_path / "shards"), streaming=True)
    whole = recipe(tiny, 6, augment=(Gain(), Mixup())).replace(data=data)
    # A checkpoint in the middle of an epoch of six steps.
    training = {**whole.training, "save_strategy": "steps", "save_steps": 4, "eval_strategy": "steps", "eval_steps": 4}
    whole = whole.replace(training={**training, "dataloader_num_workers": 1})
    straight = aft.train(whole, tmp_path / "straight")
    kill_after(tmp_path / "killed", 9, whole)
    assert max(checkpoints(tmp_path / "killed")) < 36
    resumed = aft.train(whole, tmp_path / "killed")
    assert resumed.digests == straight.digests, "the weights are the same to the last bit"
    assert score_values(resumed) == score_values(straight)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a manifest of transcribed recordings of several lengths in three splits."""
    folder = tmp_path_factory.mktemp("sentences")
    texts = ("hello there", "bells ring", "noon soon", "yes", "so it goes", "come in")
    rows = []
    for split, count in (("train", 12), ("validation", 4), ("test", 4)):
        for index in range(count):
            name = f"{split}{index}.wav"
            soundfile.write(folder / name, speech(12_000 + 1_000 * (index % 5), seed=len(rows)), RATE)
            text = f"{texts[index % len(texts)]} {split[index % 3 :][:3]}"
            rows.append({"file_name": name, "text": text, "split": split, "speaker": name})
    pandas.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
    return str(folder / "metadata.csv")


@pytest.mark.parametrize(
    ("name", "epochs", "rate"), [("ctc", 12, 3e-3), pytest.param("seq2seq", 8, 1e-3, marks=pytest.mark.slow)]
)
def test_a_killed_training_of_transcripts_goes_on_to_the_same_result(
    name: str, epochs: int, rate: float, sentences: str, tmp_path: Path
) -> None:
    model = tmp_path / "checkpoint"
    checkpoint = tiny_checkpoint("hubert-layer", model) if name == "ctc" else tiny_transcriber(model)
    whole = Recipe(
        model=checkpoint,
        data=Data(path=sentences),
        task="transcription",
        text=Text(language="en"),
        augment=(Speed(probability=1.0), Noise(snr=(10.0, 30.0)), SpecAugment()),
        precision="float32",
        training={
            "num_train_epochs": epochs,
            "per_device_train_batch_size": 4,
            "learning_rate": rate,
            "save_strategy": "epoch",
        },
    )
    straight = aft.train(whole, tmp_path / "straight")
    assert straight.recipe.task == name
    kill_after(tmp_path / "killed", 6, whole)
    reached = max(checkpoints(tmp_path / "killed"))
    assert reached < 3 * epochs
    assert (tmp_path / "killed" / "untuned.json").is_file()
    lines: list[str] = []
    resumed = aft.train(whole, tmp_path / "killed", log=lines.append)
    assert any(f"resuming from checkpoint-{reached}" in line for line in lines)
    assert not any(line.startswith("untuned ") for line in lines), "scored again, with another random head"
    assert resumed.digests == straight.digests, "the weights are the same to the last bit"
    assert (resumed.scores, resumed.baselines) == (straight.scores, straight.baselines)
    assert resumed.best == straight.best
    mine, theirs = (pandas.read_parquet(run.folder / "predictions.parquet") for run in (resumed, straight))
    pandas.testing.assert_frame_equal(mine, theirs)
    assert mine["prediction"].str.len().min() > 0


def test_early_stopping_counts_on_after_an_interruption(tiny: str, tmp_path: Path) -> None:
    # With constant weights no evaluation is better than the first, so the fourth is the last.
    still = {"num_train_epochs": 12, "per_device_train_batch_size": 8, "learning_rate": 1e-12, "warmup_steps": 0}
    whole = recipe(tiny, 12, patience=3, head_learning_rate=1e-12, training=still, augment=())

    def interrupt(line: str) -> None:
        if line.startswith("epoch   3.0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(whole, tmp_path / "run", log=interrupt)
    assert checkpoints(tmp_path / "run") == [3], "what came after the best is computed again"
    run = aft.train(whole, tmp_path / "run")
    assert max(entry["step"] for entry in run.history) == 12
    assert run.best["step"] == 3


def test_a_training_with_other_settings_does_not_go_on(tiny: str, tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("epoch   2.0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(recipe(tiny, 3, augment=()), tmp_path / "run", log=interrupt)
    marker = json.loads((tmp_path / "run" / "started.json").read_text("utf-8"))
    assert set(marker) >= {"recipe", "data"}
    with pytest.raises(aft.InputError, match="unfinished training with another recipe"):
        aft.train(recipe(tiny, 4, augment=()), tmp_path / "run")
    assert checkpoints(tmp_path / "run") == [3]
    # What a card says about a model does not change the model.
    run = aft.train(recipe(tiny, 3, augment=(), limits="English words."), tmp_path / "run")
    assert run.recipe.limits == "English words."


def test_a_killed_worker_of_the_batches_says_how_to_go_on(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch.utils.data import get_worker_info

    from audio_ft.inference.batching import Collator

    collate = Collator.__call__

    def killed(self: Collator, items: Any) -> Any:
        if get_worker_info() is not None and self.epoch == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return collate(self, items)

    def with_workers(count: int) -> Recipe:
        whole = recipe(tiny, 2, augment=())
        return whole.replace(training={**whole.training, "dataloader_num_workers": count})

    monkeypatch.setattr(Collator, "__call__", killed)
    with pytest.raises(aft.AudioFTError, match=r"was killed by the system.*dataloader_num_workers=0"):
        aft.train(with_workers(1), tmp_path / "run")
    assert checkpoints(tmp_path / "run") == [3]
    lines: list[str] = []
    aft.train(with_workers(0), tmp_path / "run", log=lines.append)
    assert "resuming from checkpoint-3" in lines


def test_an_interruption_before_the_first_checkpoint_leaves_nothing(tiny: str, tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        if line.startswith("epoch"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(recipe(tiny, 2, augment=()), tmp_path / "run", log=interrupt)
    assert not (tmp_path / "run").exists()
