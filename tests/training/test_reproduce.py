"""Training again from run.json: the same scores on the same machine, and whatever differs is named."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from checkpoints import WORDS, tiny_checkpoint, tiny_transcriber

from audio_ft import Data, InputError, Recipe, Run
from audio_ft.cli import main as cli
from audio_ft.metrics import Score
from audio_ft.targets.transcripts import Text
from audio_ft.training.reproduce import Pair, compared, reproduce
from audio_ft.training.train import train


@pytest.fixture(scope="module")
def first(small_run: Path) -> Run:
    return Run.load(small_run)


@pytest.fixture(scope="module")
def again(first: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a reproduction that was really trained."""
    told: list[str] = []
    folder = tmp_path_factory.mktemp("again") / "run"
    pushing = dataclasses.replace(first.recipe, push_to_hub="me/words")
    found = reproduce(dataclasses.replace(first, recipe=pushing), folder, log=told.append)
    assert found.agrees
    assert not any(line.startswith("differs") for line in told)
    return folder


def test_the_same_machine_gives_the_very_same_run(first, again):
    found = compared(first, Run.load(again))
    assert {pair.verdict for pair in found.scores.values()} == {"exactly"}
    assert found.same_weights
    assert found.differences == ()
    assert set(found.scores) == {"accuracy", "f1_macro", "unweighted_average_recall"}
    assert found.second.recipe.push_to_hub is None


def test_a_finished_reproduction_is_compared_without_training(first, again):
    told: list[str] = []
    stamp = (again / "run.json").stat().st_mtime_ns
    assert reproduce(first, again, log=told.append).agrees
    assert (again / "run.json").stat().st_mtime_ns == stamp
    assert "pass --overwrite to train again" in told[-1]


@pytest.mark.parametrize(
    ("now", "verdict"),
    [(0.9, "exactly"), (0.85, "within"), (0.95, "within"), (0.79, "outside"), (float("nan"), "outside")],
)
def test_a_score_agrees_within_the_interval_it_had(now, verdict):
    assert Pair(Score(0.9, 0.8, 0.95, 40), Score(now, now - 0.3, now + 0.3, 40)).verdict == verdict


def test_without_an_interval_only_the_same_score_agrees():
    bare = Score(0.9, float("nan"), float("nan"), 1)
    assert Pair(bare, bare).verdict == "exactly"
    assert Pair(bare, dataclasses.replace(bare, value=0.91)).verdict == "outside"


def test_versions_hardware_settings_and_data_that_differ_are_named(first):
    fewer = first.splits | {"train": first.splits["train"] | {"clips": 47}}
    other = dataclasses.replace(
        first,
        versions=first.versions | {"torch": "9.9"},
        hardware=first.hardware | {"threads": 99, "accelerators": ["NVIDIA H100"], "memory_gb": 1.0},
        training=first.training | {"clips_per_step": {"value": 999, "origin": "recipe"}},
        digests=first.digests | {"data": "f" * 64, "model": "e" * 64},
        splits=fewer,
    )
    found = compared(first, other)
    told = [str(difference) for difference in found.differences]
    torch = first.versions["torch"]
    assert told == [
        f"torch: {torch} then, 9.9 now",
        f"threads: {first.hardware['threads']} then, 99 now",
        "accelerators: none then, NVIDIA H100 now",
        f"clips_per_step: {first.used['clips_per_step']} then, 999 now",
        f"clean recordings and targets (digest): {first.digests['data'][:12]} then, {'f' * 12} now",
        "train split, recordings: 48 then, 47 now",
    ]
    assert found.agrees
    assert not found.same_weights


def test_a_score_that_the_second_run_lacks_does_not_agree(first):
    test = {name: score for name, score in first.scores["test"].items() if name != "accuracy"}
    found = compared(first, dataclasses.replace(first, scores=first.scores | {"test": test}))
    assert not found.agrees
    assert found.to_dict()["scores"]["accuracy"]["now"]["value"] is None


def test_differences_are_logged_before_training(first, tmp_path):
    told: list[str] = []
    old = dataclasses.replace(first, versions=first.versions | {"torch": "1.0"})
    with pytest.raises(InputError, match="nowhere"):
        reproduce(old, tmp_path / "out", data=str(tmp_path / "nowhere"), log=told.append)
    assert told[0].startswith("differs: torch: 1.0 then")
    assert not (tmp_path / "out").exists()


def test_the_run_itself_and_the_run_of_another_recipe_are_left_alone(first, again, tmp_path):
    with pytest.raises(InputError, match="is the run itself"):
        reproduce(first, first.folder)
    other = dataclasses.replace(first, recipe=first.recipe.override(["learning_rate=1e-3"]))
    with pytest.raises(InputError, match="another recipe"):
        reproduce(other, again)


def test_the_current_folder_can_be_reproduced(first, again, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    shutil.copy(first.folder / "run.json", tmp_path / "run")
    shutil.copytree(again, tmp_path / "run-again")
    monkeypatch.chdir(tmp_path / "run")
    found = reproduce(Run.load("."))
    assert found.second.folder == tmp_path / "run-again"
    assert found.agrees


def test_the_command_says_whether_the_scores_agree(first, again, tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(first.folder / "run.json", run)
    assert cli.main(["reproduce", str(run), "--output-dir", str(again)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["test", "split", "then", "now"]
    assert lines[1].startswith("accuracy")
    assert lines[1].endswith("the same")
    assert lines[-1].startswith("reproduced: yes, every score is within its first interval")
    record = json.loads((run / "run.json").read_text())
    record["scores"]["test"]["accuracy"] = {"value": 0.99, "low": 0.98, "high": 1.0, "n": 48}
    (run / "run.json").write_text(json.dumps(record))
    assert cli.main(["reproduce", str(run), "--output-dir", str(again), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["agrees"] is False
    assert found["same_weights"] is True
    assert found["scores"]["accuracy"]["verdict"] == "outside"
    assert found["scores"]["f1_macro"]["verdict"] == "exactly"
    assert found["run"] == str(again)


@pytest.mark.parametrize("name", ["ctc", "seq2seq"])
def test_what_the_recipe_left_open_is_the_same_again(name, tmp_path):
    """Whisper's window follows each batch: named in run.json, it would be thirty seconds for all of them."""
    model = tmp_path / "checkpoint"
    recipe = Recipe(
        model=tiny_checkpoint("wav2vec2-group", model) if name == "ctc" else tiny_transcriber(model),
        data=Data(path=WORDS, target="label", limit=16),
        task="transcription",
        text=Text(language="en"),
        training={"max_steps": 3, "per_device_train_batch_size": 8},
    )
    run = train(recipe, tmp_path / "run")
    found = reproduce(Run.load(run.folder))
    assert run.recipe.task == name
    assert found.same_weights
    assert found.second.recipe == run.recipe
    assert found.differences == ()
