"""Baselines: one table of small models and frozen probes, each an ordinary run that is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pandas
import pytest
from checkpoints import WORDS

import audio_ft as aft
from audio_ft import Data, InputError, Recipe
from audio_ft.cli.main import main as cli


def test_models_are_trained_once_and_compared_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, table = tmp_path / "runs", tmp_path / "table.csv"
    words = ["baselines", WORDS, "--models", "linear", "./nowhere", "--output-dir", str(folder), "--set", "limit=32"]
    words += ["--set", "epochs=1", "--csv", str(table), "--json"]
    assert cli(words) == 1, "one of them is not there"
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["rows"]] == ["linear", "majority", "./nowhere"]
    assert "There is no checkpoint folder ./nowhere" in found["rows"][-1]["why"]
    run = aft.Run.load(folder / "linear")
    assert run.scores["test"]["accuracy"].value == found["rows"][0]["scores"]["accuracy"]["value"]
    cells = pandas.read_csv(table)
    assert cells["accuracy_low"][0] == pytest.approx(run.scores["test"]["accuracy"].low)
    assert (run.folder / "model" / "model.skops").is_file()

    before = (folder / "linear" / "run.json").stat().st_mtime_ns
    recipe = Recipe(model="none", data=Data(path=WORDS, limit=32), training={"num_train_epochs": 1})
    again = aft.baselines(recipe, folder, ["linear"])
    assert (folder / "linear" / "run.json").stat().st_mtime_ns == before
    assert [row.name for row in again.rows] == ["linear", "majority"]
    with pytest.raises(InputError, match="holds baselines of other data or settings"):
        aft.baselines(recipe.replace(seed=1), folder, ["linear"])
    with pytest.raises(InputError, match="models: each needs another name"):
        aft.baselines(recipe, folder, ["linear", "linear"])
