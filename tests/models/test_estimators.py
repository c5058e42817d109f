"""Linear models, SVMs and forests: fitted in one go, saved without pickle, and ordinary runs in everything else."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from checkpoints import LEFT_BEHIND, WORDS

import audio_ft as aft
from audio_ft import Data, InputError, Recipe
from audio_ft.audio.features.mfcc_statistics import GROUPS, mfcc_statistics
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.data import load
from audio_ft.models.scratch import ESTIMATOR_FILE, Selection
from audio_ft.reporting.card.render import model_card
from audio_ft.reporting.html import report
from audio_ft.targets import Label, Labels, Number
from audio_ft.training.small.pipelines import TRIED, pipeline_of, selector_of

FEW = Data(path=WORDS, limit=48)
CHOICES = {"linear": {"C": 0.1}, "svm": {"C": 1.0, "gamma": 1.0}, "forest": {"min_samples_leaf": 4}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aft.Run:
    texts = dict.fromkeys(("intended_use", "limits", "consent"), "None.")
    return aft.train(Recipe(model="svm", data=FEW, select=30, **texts), tmp_path_factory.mktemp("svm") / "run")


def test_an_estimator_is_an_ordinary_run(run: aft.Run) -> None:
    # `card` and `report` keep slices.json beside a run.
    assert {path.name for path in run.folder.iterdir()} - {"slices.json"} == LEFT_BEHIND - {"metrics.jsonl"}
    assert {"config.json", ESTIMATOR_FILE, "chain.json", "recipe.json", "preprocessor_config.json"} == {
        path.name for path in run.model_folder.iterdir()
    }
    assert "the 30 of 120 features with most mutual information" in run.kept
    assert run.scores["test"]["accuracy"].value > run.baselines["majority"]["accuracy"].value
    assert run.scores["validation"]["f1_macro"].value == pytest.approx(run.best["value"], abs=1e-6)
    model = aft.load(run.folder, precision="auto")
    assert model.precision == "float32"
    row = pandas.read_parquet(run.folder / "predictions.parquet").query("split == 'test'").iloc[0]
    assert model(str(Path(WORDS) / row["file"]))[row["prediction"]] == pytest.approx(row["confidence"], abs=1e-3)
    assert aft.evaluate(model, FEW).scores["accuracy"].value == run.scores["test"]["accuracy"].value
    assert aft.compare(run, run).headline.difference == 0


def test_its_features_are_selected_by_training_clips_alone(run: aft.Run) -> None:
    from sklearn.feature_selection import mutual_info_classif

    rows = load(FEW, need=("train", "validation", "test")).splits["train"]
    clips = clean(rows, Cleaner(DEFAULT_CHAIN, 16_000), name="train")
    vectors = np.stack([mfcc_statistics(clips.wave(place), 16_000) for place in clips.used.tolist()])
    gains = mutual_info_classif(vectors, rows["target"], random_state=0)
    kept = aft.load(run.folder).network.pipeline.steps[1][1].transformers_[0][2]
    assert set(kept) == set(np.argsort(-gains)[:30].tolist())


def test_its_card_and_page_show_what_it_is(run: aft.Run, tmp_path: Path) -> None:
    card = model_card(run)
    assert "`svm`, trained from scratch with audio_ft" in card
    assert "saved by skops" in card
    assert "from transformers import pipeline" not in card
    page = report(run, output=tmp_path / "page.html", audio=False).read_text("utf-8")
    assert "Importance of features" in page
    assert set(run.best["importance"]) == set(GROUPS)
    assert "MFCC 20" in page


@pytest.mark.parametrize("name", TRIED)
def test_numbers_several_labels_and_missing_classes(name: str, tmp_path: Path) -> None:
    from audio_ft.models.estimator import Estimator, EstimatorConfig, load_estimator

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 6)).astype(np.float32)
    marks = (vectors[:, :2] > 0).astype(int)
    cases: list[tuple[Any, Any, str, int]] = [
        (Label(("a", "b", "c")), marks[:, 0] * 2, "single_label_classification", 3),
        (Labels(("a", "b")), marks, "multi_label_classification", 2),
        (Number(), vectors[:, 0] * 50 + 7, "regression", 1),
    ]
    for place, (target, references, problem, outputs) in enumerate(cases):
        selector = selector_of(Selection(4, components=place == 1), target, vectors, references, 0)
        pipeline = pipeline_of(name, CHOICES[name], target, selector, features=4, seed=0).fit(vectors, references)
        folder = tmp_path / problem
        folder.mkdir()
        config = EstimatorConfig(estimator=name, problem_type=problem, id2label=dict(enumerate("abc"[:outputs])))
        Estimator(config, pipeline).save_pretrained(folder)
        loaded = load_estimator(folder, config)
        scores = loaded.scores(vectors)
        assert loaded(torch.from_numpy(vectors)).hidden_states[0].shape == (60, 1, 6), "its vectors are embeddings"
        assert scores.shape == (60, outputs)
        if target.regression:
            assert np.corrcoef(scores[:, 0], references)[0, 1] > 0.8
        elif target.exclusive:
            assert set(scores.argmax(1)) <= {0, 2}, "no training clip had the second class"
            assert (scores.argmax(1) == pipeline.predict(vectors)).all()
        else:
            assert ((scores > 0) == pipeline.predict(vectors)).all()


def test_a_file_that_could_run_code_is_refused(run: aft.Run, tmp_path: Path) -> None:
    import shutil

    import skops.io
    from sklearn.preprocessing import FunctionTransformer

    folder = Path(shutil.copytree(run.model_folder, tmp_path / "model"))
    skops.io.dump(FunctionTransformer(func=shutil.rmtree), folder / ESTIMATOR_FILE)
    with pytest.raises(InputError, match=r"holds shutil\.rmtree, which could run code, so it is not loaded"):
        aft.load(folder)
    (folder / ESTIMATOR_FILE).write_bytes(b"no archive")
    with pytest.raises(InputError, match=f"{ESTIMATOR_FILE} cannot be read"):
        aft.load(folder)
    (folder / ESTIMATOR_FILE).unlink()
    with pytest.raises(InputError, match=f"has no {ESTIMATOR_FILE}"):
        aft.load(folder)


def test_what_an_estimator_does_not_use_is_refused(run: aft.Run, tmp_path: Path) -> None:
    for settings in ({"pooling": "max"}, {"window": 2.0}, {"seeds": 3}, {"training": {"learning_rate": 1.0}}):
        with pytest.raises(InputError, match="forest does not use it"):
            aft.train(Recipe(model="forest", data=FEW, **settings), tmp_path / "run")
    with pytest.raises(InputError, match="select=200: a clip has 120 features"):
        aft.train(Recipe(model="linear", data=FEW, select=200), tmp_path / "run")
    with pytest.raises(InputError, match="select: cnn takes the sound itself"):
        aft.train(Recipe(model="cnn", data=FEW, select=20), tmp_path / "run")
    for wrong in (0, "pca", "pca:0", "best:4", 2.5):
        with pytest.raises(InputError, match="select: expected a number of features"):
            Recipe(model="svm", data=FEW, select=wrong)
    with pytest.raises(InputError, match="precision='bf16' is for networks, and svm is not one"):
        aft.load(run.folder, precision="bf16")
    again = dataclasses.replace(run.recipe, model=str(run.model_folder), select=None)
    with pytest.raises(InputError, match="cannot be trained further; give model=svm"):
        aft.train(again, tmp_path / "run")


def test_each_feature_belongs_to_a_group() -> None:
    assert len(GROUPS) == len(mfcc_statistics(np.zeros(800, np.float32), 16_000))
