"""Cross-validation: one command, one score over all folds, stopped and resumed."""

from contextlib import nullcontext

import pandas
import pytest
from checkpoints import kept_checkpoint

import audio_ft as aft
from audio_ft.cli.main import main as cli
from audio_ft.errors import InputError
from audio_ft.training.repeated import folds
from tests.conftest import ASSETS


def recipe(**settings):
    return aft.Recipe(
        name="folds",
        model=kept_checkpoint("wav2vec2-group"),
        data=aft.Data(path=str(ASSETS / "words"), limit=36, folds=2),
        training={"max_steps": 1, "per_device_train_batch_size": 4},
        **settings,
    )


def test_stopped_after_a_fold_it_goes_on_and_scores_all_together(tmp_path, monkeypatch, capsys):
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
    accuracy = found.scores["test"]["accuracy"]
    assert accuracy.n == len(table) == sum(fold["scores"]["accuracy"].n for fold in found.folds.values())
    assert accuracy.value == pytest.approx((table["reference"] == table["prediction"]).mean())
    by_fold = [set(table["group"][table["fold"] == fold]) for fold in ("1", "2")]
    assert by_fold[0].isdisjoint(by_fold[1])
    assert [fold["folder"] for fold in found.folds.values()] == ["fold-1", "fold-2"]
    assert any(line.startswith("all folds together") for line in lines)
    with pytest.raises(InputError, match="already holds a finished run"):
        aft.cross_validate(recipe(), folder)
    check_baselines(found, table)
    assert found.leaks["folds"] == 2
    assert found.leaks["clips"]["test"] == len(table)
    (said,) = (line for line in lines if line.startswith("leaks"))
    assert f"({len(table)} clips of 2 folds compared with the others of each fold;" in said
    check_views(found, capsys)


def check_baselines(found, table):
    """Each fold's baseline learned from the other folds: the majority of those is pooled over the folds' own clips."""
    fold_sizes = [fold["scores"]["accuracy"].n for fold in found.folds.values()]
    for name in ("linear on MFCC", "majority"):
        by_fold = [fold["baselines"][name]["accuracy"].value for fold in found.folds.values()]
        pooled = sum(value * size for value, size in zip(by_fold, fold_sizes, strict=True)) / len(table)
        assert found.baselines[name]["accuracy"].value == pytest.approx(pooled)
        assert found.baselines[name]["accuracy"].n == len(table)


def check_views(found, capsys):
    """Report, card and comparison read a cross-validation; what needs one model refuses it in one sentence."""
    again = aft.Run.load(found.folder)
    assert again.scores == found.scores
    assert again.folds == found.folds
    page = aft.report(again, errors=2).read_text()
    for part in ("clips of 2 folds compared with the others", "fine-tuned 2 times", 'id="folds"', "<audio"):
        assert part in page
    texts = ["--set", "intended_use=a", "--set", "limits=b", "--set", "consent=c"]
    assert cli(["card", str(found.folder), *texts]) == 0
    card = capsys.readouterr().out
    assert "Cross-validation, not one model" in card
    assert "| `2` |" in card
    assert "clips of 2 folds compared with the others" in " ".join(card.split())
    assert cli(["card", str(found.folder / "fold-2"), *texts]) == 0
    assert f"Accuracy over all folds is {found.scores['test']['accuracy']}" in capsys.readouterr().out
    assert cli(["compare", str(found.folder), str(found.folder)]) == 0
    assert "They agree on every clip" in capsys.readouterr().out
    for command in (["predict", str(found.folder), str(ASSETS / "words")], ["push", str(found.folder), "me/x", *texts]):
        assert cli(command) == 2
        assert "is a cross-validation of 2 models" in capsys.readouterr().err


def test_a_recipe_that_fails_at_once_leaves_the_folder_free(tmp_path, monkeypatch):
    def failing(own, place, **options):
        raise InputError("no such checkpoint")

    monkeypatch.setattr(folds, "train", failing)
    for seed in (0, 1):
        with pytest.raises(InputError, match="no such checkpoint"):
            aft.cross_validate(recipe(seed=seed), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_of_several_processes_only_the_first_one_writes(tmp_path, monkeypatch):
    """A second process of torchrun follows the first, which has trained and pooled."""
    monkeypatch.setattr(folds, "train", lambda own, place, **options: aft.Run.load(place))
    monkeypatch.setattr(folds, "pooled", lambda *_: pytest.fail("written by the second process"))
    monkeypatch.setattr("accelerate.PartialState.is_main_process", property(lambda self: False))
    monkeypatch.setattr("accelerate.PartialState.main_process_first", lambda self: nullcontext())
    with pytest.raises(InputError, match=r"fold-1 holds no run\.json"):
        aft.cross_validate(recipe(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_single_training_refuses_folds(tmp_path):
    with pytest.raises(InputError, match=r"data\.folds=2 is a training for each fold.*data\.test_fold"):
        aft.train(recipe(), tmp_path / "run")


def test_folds_cannot_be_pushed(tmp_path):
    with pytest.raises(InputError, match="push_to_hub is for one model"):
        aft.cross_validate(recipe(push_to_hub="me/name"), tmp_path / "run")
