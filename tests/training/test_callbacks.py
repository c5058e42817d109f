"""Progress, metrics.jsonl and trackers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from checkpoints import WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft import Data, InputError, Recipe
from audio_ft.training.steps.callbacks import SILENCE, MetricsFile, Progress
from audio_ft.training.steps.trackers import tracked

STEPS_AN_EPOCH, EPOCHS = 3, 2


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    training = {"num_train_epochs": EPOCHS, "per_device_train_batch_size": 8, "report_to": "tensorboard"}
    model = tiny_checkpoint("wav2vec2-group", tmp_path_factory.mktemp("tiny"))
    fixed = {"augment": (), "precision": "float32", "probe": False}
    return Recipe(model=model, data=Data(path=WORDS, limit=24), training=training, **fixed)


@pytest.fixture(scope="module")
def finished(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[aft.Run, list[str]]:
    """Return a run that was stopped after its first checkpoint and went on, and the lines said while it did."""
    folder, lines = tmp_path_factory.mktemp("journal") / "run", []

    def stop(line: str) -> None:
        if line.startswith("epoch   2.0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(recipe, folder, log=stop)
    # As a kill in the middle of writing leaves it.
    with (folder / "metrics.jsonl").open("a") as journal:
        journal.write('{"step": 7, "lo')
    return aft.train(recipe, folder, log=lines.append), lines


def entries(run: aft.Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]


def test_every_log_and_evaluation_is_a_line_once_and_in_order(finished):
    run, lines = finished
    assert any("resuming from checkpoint-3" in line for line in lines)
    found = entries(run)
    assert [{name: entry.get(name) for name in logged} for entry, logged in zip(found, run.history, strict=True)] == [
        dict(logged) for logged in run.history
    ]
    assert all(set(entry) >= {"step", "epoch", "time"} for entry in found)
    evaluated = [entry["step"] for entry in found if "eval_f1_macro" in entry]
    assert evaluated == [STEPS_AN_EPOCH, STEPS_AN_EPOCH * EPOCHS]
    learned = [entry["step"] for entry in found if "loss" in entry]
    assert learned == sorted(set(learned))


def test_tensorboard_reads_the_same_numbers_in_the_run_folder(finished):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run, _ = finished
    assert {path.name for path in run.folder.iterdir()} == {
        "model", "run.json", "predictions.parquet", "baselines.parquet", "metrics.jsonl", "fingerprints.npz",
        "tensorboard",
    }  # fmt: skip
    events = event_accumulator.EventAccumulator(str(run.folder / "tensorboard"))
    events.Reload()
    seen = {event.step: event.value for event in events.Scalars("eval/f1_macro")}
    assert seen == pytest.approx({e["step"]: e["eval_f1_macro"] for e in entries(run) if "eval_f1_macro" in e})
    (score,) = events.Scalars("test/f1_macro")
    assert (score.step, score.value) == (STEPS_AN_EPOCH * EPOCHS, pytest.approx(run.scores["test"]["f1_macro"].value))
    assert not any("[" in tag for tag in events.Tags()["scalars"]), "scores of single classes"


class FakeWandb(ModuleType):
    """Stand in for the package: what is logged, by run, and whether one is open."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.run: Any = None
        self.logged: list[list[dict[str, Any]]] = []
        self.exits: list[int] = []
        self.config: dict[str, Any] = {}

    def init(self, **settings: Any) -> None:
        self.run = SimpleNamespace(**settings, summary={}, _label=lambda **label: None)
        self.logged.append([])

    def log(self, logs: dict[str, Any]) -> None:
        self.logged[-1].append(logs)

    def finish(self, exit_code: int = 0) -> None:
        self.run = None
        self.exits.append(exit_code)


@pytest.fixture
def wandb(monkeypatch: pytest.MonkeyPatch) -> FakeWandb:
    from transformers.integrations import integration_utils

    fake, errors = FakeWandb(), ModuleType("wandb.sdk.lib.config_util")
    errors.ConfigError = type("ConfigError", (Exception,), {})  # type: ignore[attr-defined]
    for name in ("wandb", "wandb.sdk", "wandb.sdk.lib"):
        monkeypatch.setitem(sys.modules, name, fake)
    monkeypatch.setitem(sys.modules, errors.__name__, errors)
    monkeypatch.setattr(integration_utils, "is_wandb_available", lambda: True)
    return fake


def test_every_training_has_a_wandb_run_of_its_own_that_ends_with_the_test_scores(recipe, tmp_path, wandb):
    reported = recipe.override(["report_to=wandb", "num_train_epochs=1"])

    def stop(line: str) -> None:
        if line.startswith("epoch   1.0"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aft.train(reported, tmp_path / "stopped", log=stop)
    assert (wandb.run, wandb.exits) == (None, [1])
    run = aft.train(reported, tmp_path / "first")
    assert (wandb.run, wandb.exits) == (None, [1, 0])
    last = wandb.logged[1][-1]
    assert last["test/f1_macro"] == run.scores["test"]["f1_macro"].value
    assert last["train/global_step"] == STEPS_AN_EPOCH
    wandb.init(name="the caller's own")
    aft.train(reported, tmp_path / "second")
    assert wandb.run.name == "the caller's own", "still open for what its owner has to say"
    assert len(wandb.logged) == 3
    assert "test/f1_macro" in wandb.logged[2][-1]


def test_each_evaluation_logs_a_line(finished):
    _, lines = finished
    (line,) = [line for line in lines if line.startswith("epoch")]
    for part in ("epoch   2.0   loss ", "validation: loss ", "learning rate ", "best f1_macro ", "0:00 left"):
        assert part in line


def test_a_tracker_that_is_not_installed_is_refused_before_anything_is_read(recipe, tmp_path):
    nowhere = recipe.override(["report_to=mlflow", "data.path=nowhere", "model=nowhere/at-all"])
    with pytest.raises(InputError, match=r"report_to=mlflow needs a package that is not installed: pip install mlflow"):
        aft.train(nowhere, tmp_path / "run")
    with pytest.raises(InputError, match=r"report_to: expected none, all or some of .*tensorboard"):
        aft.train(recipe.override(["report_to=tensorbord"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_trackers_write_to_the_run_folder_unless_the_user_set_another(tmp_path, monkeypatch):
    import os

    monkeypatch.setenv("WANDB_DIR", "/elsewhere")
    with tracked(["wandb", "trackio", "tensorboard", "mlflow"], tmp_path):
        assert os.environ["WANDB_DIR"] == "/elsewhere"
        assert os.environ["TRACKIO_DIR"] == str(tmp_path / "trackio")
        assert os.environ["TENSORBOARD_LOGGING_DIR"] == str(tmp_path / "tensorboard")
    assert os.environ["WANDB_DIR"] == "/elsewhere"
    assert "TRACKIO_DIR" not in os.environ


def state(step: int, **settings: Any) -> SimpleNamespace:
    known = {"global_step": step, "max_steps": 100, "epoch": step / 10, "best_metric": None}
    return SimpleNamespace(**known | settings)


def test_numbers_without_a_word_in_json_are_null(tmp_path: Path):
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    metrics.on_train_begin(None, state(0), None)
    metrics.on_log(None, state(1), None, logs={"loss": float("nan"), "grad_norm": float("inf"), "epoch": 0.1})
    (entry,) = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert (entry["step"], entry["epoch"], entry["loss"], entry["grad_norm"]) == (1, 0.1, None, None)


def test_a_fresh_start_forgets_the_lines_of_another(tmp_path: Path):
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    metrics.on_train_begin(None, state(0), None)
    metrics.on_log(None, state(1), None, logs={"loss": 1.0})
    metrics.on_train_begin(None, state(0), None)
    assert (tmp_path / "metrics.jsonl").read_text() == ""


@pytest.mark.parametrize(("higher", "best"), [(True, 0.9), (False, 0.4)])
def test_the_best_score_so_far_follows_its_direction(higher, best):
    lines: list[str] = []
    progress, arguments = Progress(lines.append, "wer"), SimpleNamespace(greater_is_better=higher)
    progress.on_train_begin(arguments, state(0), None)
    for step, value in ((10, 0.6), (20, 0.9), (30, 0.4), (40, 0.5)):
        progress.on_log(arguments, state(step), None, logs={"eval_loss": 1.0, "eval_wer": value})
    assert f"validation: loss 1.000, wer 0.500   best wer {best:.3f}" in lines[-1]


def test_a_long_epoch_logs_lines_to_a_file(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("audio_ft.training.steps.callbacks.time.monotonic", lambda: now[0])
    lines: list[str] = []
    progress, arguments = Progress(lines.append, "wer"), SimpleNamespace(greater_is_better=False)
    progress.on_train_begin(arguments, state(0), None)
    # As tqdm makes it where TQDM_DISABLE was set before it was imported, which the command line does.
    progress.bar.disable = True
    for step in range(1, 11):
        now[0] += SILENCE / 4
        progress.on_log(arguments, state(step), None, logs={"loss": 2.0, "learning_rate": 1e-4})
    assert len(lines) == 2
    # Five steps took 75 seconds, so the 95 that are left take 1,425.
    assert lines[0] == "epoch   0.5   loss 2.000   step 5 of 100   learning rate 1.0e-04   23:45 left"
