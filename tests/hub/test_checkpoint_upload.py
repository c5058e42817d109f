"""Training with push_to_hub: each checkpoint goes to a branch, the finished run to main in one commit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from checkpoints import WORDS, tiny_checkpoint
from hub_server import connected
from hub_store import Fault

from audio_ft import Data, Recipe, load, push
from audio_ft.errors import AudioFTError, InputError
from audio_ft.run import Run
from audio_ft.training.train import train

CARD_FIELDS = {"intended_use": "Commands.", "limits": "English.", "consent": "Given."}
TRAINING = {
    "max_steps": 4, "eval_steps": 2, "save_steps": 2, "eval_strategy": "steps", "save_strategy": "steps",
    "per_device_train_batch_size": 8, "hub_always_push": True,
}  # fmt: skip


@pytest.fixture
def online(hub, tmp_path):
    with connected(hub, tmp_path / "cache") as patch:
        yield patch


def recipe_for(folder: Path, **training) -> Recipe:
    return Recipe(
        model=tiny_checkpoint("wav2vec2-group", folder / "somebody" / "checkpoint"),
        data=Data(path=WORDS, limit=16),
        training=TRAINING | training,
        push_to_hub="me/words",
        **CARD_FIELDS,
    )


def test_checkpoints_are_pushed_as_they_are_saved_and_the_run_at_the_end(hub, online, tmp_path):
    recipe = recipe_for(tmp_path, hub_strategy="checkpoint", hub_private_repo=True)
    printed: list[str] = []
    run = train(recipe, tmp_path / "run", log=printed.append)
    repo = hub.repo()
    assert repo.private
    assert printed[-1] == f"pushed      {hub.front.url}/me/words/commit/{repo.main.oid}"
    assert not any(line.startswith("warning: ") and "Hub" in line for line in printed)
    assert len(repo.titles) == 1
    assert {"README.md", "run.json", "model.safetensors"} <= repo.files.keys()
    branch = repo.at("training")
    assert branch.title == "Training, step 4"
    assert repo.commits[branch.parent].title == "Training, step 2"
    files = {path: content for path, (content, _) in branch.files.items()}
    assert {"model.safetensors", "config.json", "chain.json", "preprocessor_config.json"} <= files.keys()
    assert {"last-checkpoint/optimizer.pt", "last-checkpoint/trainer_state.json"} <= files.keys()
    assert "run.json" not in files
    for path, content in [*files.items(), *repo.files.items()]:
        assert "training_args.bin" not in path
        assert b"somebody" not in content, path
        assert b"hf_writer" not in content, path
        assert str(tmp_path).encode() not in content, path
    # The last step's weights need not be the best ones, but they predict the same labels.
    clip = next(Path(WORDS).rglob("*.ogg"))
    assert load("me/words@training")(clip).keys() == load(run.folder)(clip).keys()
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_training_finishes_although_the_hub_fails(hub, online, tmp_path):
    hub.faults.append(Fault("commit", 500))
    printed: list[str] = []
    with pytest.raises(AudioFTError) as caught:
        train(recipe_for(tmp_path), tmp_path / "run", log=printed.append)
    (warning,) = [line for line in printed if "did not reach the Hub" in line]
    assert warning.startswith("warning: 2 of 2 checkpoints did not reach the Hub: the Hub has a server error (500")
    assert str(caught.value).startswith(f"The training is done and the run in {tmp_path / 'run'} is complete")
    assert f"audio-ft push {tmp_path / 'run'} me/words" in str(caught.value)
    assert not hub.repo().files
    hub.faults.clear()
    push(Run.load(tmp_path / "run"), "me/words")
    assert len(hub.repo().titles) == 1
    assert json.loads(hub.repo().files["run.json"])["recipe"]["push_to_hub"] == "me/words"


@pytest.mark.parametrize(("fault", "message"), [
    (Fault("create", 403), "The token has no write access to me/words"),
    (Fault("branch", 500), "The Hub has a server error"),
    (Fault("info", drop="before"), "The connection to"),
])  # fmt: skip
def test_nothing_is_trained_when_the_repository_cannot_be_written(fault, message, hub, online, tmp_path):
    hub.faults.append(fault)
    with pytest.raises(AudioFTError, match=f"{message}.*Nothing was trained yet"):
        train(recipe_for(tmp_path), tmp_path / "run")
    assert not os.path.exists(tmp_path / "run")


def test_push_to_hub_of_training_arguments_is_rejected(tmp_path):
    with pytest.raises(InputError, match=r"push_to_hub: expected a repository in the recipe itself"):
        Recipe(model="m", data="d", training={"push_to_hub": True})
