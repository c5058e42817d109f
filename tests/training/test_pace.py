"""A training of a small set evaluates every few epochs and at its end, and saves what is better than before."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checkpoints import WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.training.steps.pace import LOST, Pace, epochs_between

EPOCHS, STEPS_AN_EPOCH = 25, 3


@pytest.mark.parametrize(
    ("training", "validation", "epochs", "expected"),
    [(60, 20, 40, 3), (312, 96, 24, 2), (2000, 500, 4, 1), (60, 2, 40, 1), (60, 600, 40, 3), (1, 1, 0.5, 1)],
)
def test_evaluations_take_little_of_a_training_and_are_twelve_at_least(training, validation, epochs, expected):
    assert epochs_between(training, validation, epochs) == expected


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    training = {"num_train_epochs": EPOCHS, "per_device_train_batch_size": 8}
    model = tiny_checkpoint("wav2vec2-group", tmp_path_factory.mktemp("tiny"))
    fixed: dict[str, Any] = {"augment": (), "precision": "float32", "probe": False, "freeze": "encoder"}
    return Recipe(model=model, data=Data(path=WORDS, limit=24), training=training, **fixed)


def evaluated(run: aft.Run) -> list[int]:
    return [entry["step"] // STEPS_AN_EPOCH for entry in run.history if "eval_loss" in entry]


def test_a_small_set_is_evaluated_every_other_epoch_and_at_the_end(recipe: Recipe, tmp_path: Path) -> None:
    lines: list[str] = []
    run = aft.train(recipe.replace(patience=0), tmp_path / "run", log=lines.append)
    assert "evaluation  after every 2 epochs (eval_strategy=epoch: after each)" in lines
    assert evaluated(run) == [*range(2, EPOCHS, 2), EPOCHS]
    every = recipe.override([f"num_train_epochs={EPOCHS}", "eval_strategy=epoch", "max_steps=6"])
    assert evaluated(aft.train(every, tmp_path / "every")) == [1, 2]


def test_patience_counts_epochs(recipe: Recipe, tmp_path: Path) -> None:
    # With constant weights no evaluation is better than the first.
    still = recipe.override(["learning_rate=1e-12", "head_learning_rate=1e-12", "patience=3"])
    run = aft.train(still, tmp_path / "run")
    assert evaluated(run) == [2, 4, 6], "the fourth epoch after the best is the first one evaluated past three"
    assert run.best["step"] == 2 * STEPS_AN_EPOCH


def test_checkpoints_are_of_the_best_and_of_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("audio_ft.training.steps.pace.time.monotonic", lambda: now[0])
    pace, arguments = Pace(2, "f1_macro", spares=True), SimpleNamespace(greater_is_better=True)

    def saves(epoch: int, best: float | None, value: float | None) -> bool:
        control = SimpleNamespace(should_evaluate=True, should_save=True)
        state: Any = SimpleNamespace(epoch=float(epoch), best_metric=best, global_step=epoch, max_steps=9)
        pace.on_epoch_end(arguments, state, control)
        assert control.should_evaluate == (value is not None)
        if control.should_evaluate:
            pace.on_evaluate(arguments, state, control, metrics={"eval_f1_macro": value})
        if control.should_save:
            pace.on_save(arguments, state, control)
        return control.should_save

    assert not saves(1, None, None)
    assert saves(2, None, 0.5)
    assert not saves(4, 0.5, 0.5)
    now[0] = LOST + 1
    assert saves(5, 0.5, None)
    assert not saves(6, 0.5, 0.4)
    assert saves(8, 0.5, 0.6)
    assert not saves(9, 0.6, 0.6), "the last one is evaluated, too"
