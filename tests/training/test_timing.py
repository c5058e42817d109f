"""The time of a training: all of its starts count, stage by stage; and the record says which settings were used."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from checkpoints import WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.training.run_folder import Clock


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    training = {"num_train_epochs": 3, "per_device_train_batch_size": 8}
    model = tiny_checkpoint("wav2vec2-group", tmp_path_factory.mktemp("tiny"))
    return Recipe(
        model=model, data=Data(path=WORDS, limit=24), augment=(), precision="float32", probe=False, training=training
    )


def test_the_seconds_of_every_start_count(recipe: Recipe, tmp_path: Path) -> None:
    lines: list[str] = []

    def late(line: str) -> None:
        if line.startswith("epoch   2.0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(recipe, tmp_path / "run", log=late)
    marker = tmp_path / "run" / "started.json"
    told = json.loads(marker.read_text("utf-8"))
    assert told["seconds"]["training"] > 0
    # As if the first start had taken an hour to learn and a minute to clean.
    marker.write_text(json.dumps(told | {"seconds": {"cleaning": 60.0, "training": 3600.0, "scoring": 0.0}}))
    began = time.monotonic()
    run = aft.train(recipe, tmp_path / "run", log=lines.append)
    took = time.monotonic() - began
    assert any("resuming" in line for line in lines)
    assert 3660 < run.seconds["total"] <= 3660.1 + took
    assert run.seconds["training"] > 3600
    assert run.seconds["cleaning"] >= 60
    assert run.seconds["total"] == pytest.approx(sum(run.seconds[stage] for stage in told["seconds"]), abs=0.2)
    # The settings that the recipe leaves open are on record too, and are those of the optimizer.
    assert run.used["learning_rate"] == max(entry["learning_rate"] for entry in run.history if "loss" in entry)
    assert run.used["head_learning_rate"] == 10 * run.used["learning_rate"]
    assert (run.used["num_train_epochs"], run.used["clips_per_step"]) == (3, 8)
    assert "max_steps" not in run.used
    assert run.training["num_train_epochs"]["origin"] == "recipe"
    assert run.training["head_learning_rate"]["origin"] == "default: ten times learning_rate"
    assert aft.Run.load(run.folder) == run


def test_the_count_is_kept_beside_what_else_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("audio_ft.training.run_folder.time.monotonic", lambda: now[0])
    marker = tmp_path / "started.json"
    marker.write_text(json.dumps({"recipe": "a"}))
    for _ in range(2):
        clock = Clock()
        now[0] += 2
        clock.open(marker)
        clock.enter("training")
        now[0] += 30
        clock.save()
        now[0] += 500  # lost: killed before it was kept again
    assert clock.seconds() == {"cleaning": 4.0, "training": 560.0, "scoring": 0.0, "total": 564.0}
    assert json.loads(marker.read_text()) == {
        "recipe": "a", "seconds": {"cleaning": 4.0, "training": 60.0, "scoring": 0.0},
    }  # fmt: skip
    marker.unlink()
    clock.save()
    assert not marker.exists(), "a folder that was given back stays so"
