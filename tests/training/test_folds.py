"""Cross-validation: one command, one score over all folds, stopped and resumed."""

import json

import pandas
import pytest

import audio_ft as aft
from audio_ft.errors import InputError
from audio_ft.training import folds
from tests.conftest import ASSETS


def recipe(**settings):
    return aft.Recipe(
        name="folds",
        model=str(ASSETS / "wav2vec2-mini"),
        data=aft.Data(path=str(ASSETS / "words"), limit=36, folds=2),
        training={"max_steps": 1, "per_device_train_batch_size": 4},
        **settings,
    )


def test_stopped_after_a_fold_it_goes_on_and_scores_all_together(tmp_path, monkeypatch):
    folder, trained = tmp_path / "run", []

    def stopping(own, place, **options):
        if trained:
            raise KeyboardInterrupt
        trained.append(own.data.test_fold)
        return aft.train(own, place, **options)

    monkeypatch.setattr(folds, "train", stopping)
    with pytest.raises(KeyboardInterrupt):
        aft.cross_validate(recipe(), folder)
    assert (folder / "fold-1" / "run.json").is_file()
    with pytest.raises(InputError, match="unfinished cross-validation with another recipe"):
        aft.cross_validate(recipe(seed=1), folder)

    def counting(own, place, **options):
        trained.append(own.data.test_fold)
        return aft.train(own, place, **options)

    monkeypatch.setattr(folds, "train", counting)
    lines = []
    found = aft.cross_validate(recipe(), folder, report=lines.append)
    assert trained == ["1", "2"]
    table = pandas.read_parquet(folder / "predictions.parquet")
    assert table["file"].is_unique
    accuracy = found.scores["accuracy"]
    assert accuracy.n == len(table) == sum(run.scores["test"]["accuracy"].n for run in found.runs.values())
    assert accuracy.value == pytest.approx((table["reference"] == table["prediction"]).mean())
    by_fold = [set(table["group"][table["fold"] == fold]) for fold in ("1", "2")]
    assert by_fold[0].isdisjoint(by_fold[1])
    saved = json.loads((folder / "folds.json").read_text())
    assert saved["scores"]["accuracy"]["value"] == accuracy.value
    assert [fold["folder"] for fold in saved["folds"].values()] == ["fold-1", "fold-2"]
    assert "all folds together" in lines[-1]
    with pytest.raises(InputError, match="already holds a finished cross-validation"):
        aft.cross_validate(recipe(), folder)


def test_a_single_training_refuses_folds(tmp_path):
    with pytest.raises(InputError, match=r"data\.folds=2 is a training for each fold.*data\.test_fold"):
        aft.train(recipe(), tmp_path / "run")


def test_folds_cannot_be_pushed(tmp_path):
    with pytest.raises(InputError, match="push_to_hub is for one model"):
        aft.cross_validate(recipe(push_to_hub="me/name"), tmp_path / "run")
