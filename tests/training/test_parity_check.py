"""No run is called done before a clean process answers as the training's own does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkpoints import WORDS, tiny_checkpoint
from forked import in_new_process

from audio_ft import Data, Recipe, Run
from audio_ft.errors import AudioFTError
from audio_ft.training import parity_check
from audio_ft.training import save_run as finish
from audio_ft.training.train import train

EXTRACTOR = "preprocessor_config.json"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Return a recipe of one step."""
    model = tiny_checkpoint("wav2vec2-group", tmp_path / "checkpoint")
    settings = {"max_steps": 1, "per_device_train_batch_size": 8}
    # A probe might be kept, of the layer below all that tells one level from another.
    return Recipe(model=model, data=Data(path=WORDS, limit=16), probe=False, training=settings)


def damaged(monkeypatch: pytest.MonkeyPatch, damage: Any) -> None:
    """Damage what is saved before anybody loads it."""
    save = finish.save_model

    def save_and_damage(prepared: Any, fitted: Any, folder: Path) -> None:
        save(prepared, fitted, folder)
        damage(folder / EXTRACTOR)

    monkeypatch.setattr(finish, "save_model", save_and_damage)


@pytest.mark.parametrize("pooling", ["mean", "statistics"])
def test_a_run_is_proved_by_a_process_of_its_own(
    pooling: str, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pooling == "mean":  # as users' are, by a process that imports everything itself
        monkeypatch.setattr(parity_check, "CleanProcess", in_new_process)
    run = train(Recipe.from_dict(recipe.to_dict() | {"pooling": pooling}), tmp_path / "run")
    assert Run.load(run.folder).scores == run.scores


def test_a_model_with_other_outputs_in_a_clean_process_is_refused(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unnormalized(file: Path) -> None:
        file.write_text(json.dumps(json.loads(file.read_text()) | {"do_normalize": False}))

    damaged(monkeypatch, unnormalized)
    with pytest.raises(AudioFTError, match=r"in a clean process and .* here. Do not use it"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_model_that_does_not_load_in_a_clean_process_is_refused(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged(monkeypatch, Path.unlink)
    with pytest.raises(AudioFTError, match=f"fails in a clean process: (?s:.*){EXTRACTOR}"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run" / "run.json").exists()
