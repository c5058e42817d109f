"""What each step and augmentation bought: left out in turn, on validation alone, stopped and resumed."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pandas
import pytest
from scipy.stats import t

import audio_ft as aft
from audio_ft.augmentation import Noise
from audio_ft.cleaning.steps import BandPass, Mono, Normalize, Resample
from audio_ft.cli.commands.ablate import as_text
from audio_ft.errors import InputError
from audio_ft.metrics.comparison import Comparison, over_trainings
from audio_ft.training.tuning import ablate as ablation
from audio_ft.training.weights import retention
from tests.conftest import ASSETS


def recipe(**settings):
    data = aft.Data(path=str(ASSETS / "words"), limit=24)
    chain = (Resample(16_000), Mono(), Normalize())
    usual = {"model": "cnn", "chain": chain, "augment": (Noise(),)}
    training = {"max_steps": 2, "per_device_train_batch_size": 8} if settings.get("model", "cnn") == "cnn" else {}
    return aft.Recipe(data=data, training=training, **{**usual, **settings})


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Return an ablation with two seeds whose third training was stopped once, its folder, its lines and its splits."""
    folder, trained = tmp_path_factory.mktemp("ablate") / "run", ablation.fitted_quietly
    lines, splits, trainings = [], [], []

    def training(recipe, place, **settings):
        trainings.append(place.name)
        if len(trainings) == 3:
            raise KeyboardInterrupt
        return trained(recipe, place, **settings)

    def scoring(prepared, model, split):
        splits.append(split)
        return score(prepared, model, split)

    score = ablation.score_split
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ablation, "fitted_quietly", training)
        patch.setattr(ablation, "score_split", scoring)
        patch.setattr(retention, "score_split", scoring)
        with pytest.raises(KeyboardInterrupt):
            aft.ablate(recipe(seeds=2), folder)
        with pytest.raises(InputError, match="holds an ablation with another recipe; choose another --output-dir"):
            aft.ablate(recipe(seeds=2, patience=3), folder)
        result = aft.ablate(recipe(seeds=2), folder, log=lines.append)
    return result, folder, lines, splits, trainings


def test_finished_trainings_are_kept_and_each_part_is_left_out_in_turn(found):
    result, folder, lines, _, trainings = found
    assert [row.left_out for row in result.rows] == ["Normalize", "Noise"]
    assert trainings == [f"without-{name}-seed-{seed}" for name, seed in
                         [("nothing", 0), ("normalize", 0), ("noise", 0), ("noise", 0), ("nothing", 1),
                          ("normalize", 1), ("noise", 1)]]  # fmt: skip
    told = [line for line in lines if line.startswith("training ")]
    assert [line.endswith(", finished earlier") for line in told] == [True, True, False, False, False, False]
    assert "left" in told[2]
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", *[".parquet"] * 6]


def test_nothing_is_predicted_for_the_test_split(found):
    _, folder, _, splits, _ = found
    assert splits == ["validation"] * 6
    for file in folder.glob("*.parquet"):
        assert set(pandas.read_parquet(file)["split"]) == {"validation"}


def test_differences_are_those_of_the_predictions(found):
    result, folder, _, _, _ = found

    def accuracy(name):
        table = pandas.read_parquet(folder / f"without-{name}.parquet").sort_values("file")
        return float((table["prediction"] == table["reference"]).mean())

    for row, name in zip(result.rows, ("normalize", "noise"), strict=True):
        by_seed = [accuracy(f"nothing-seed-{seed}") - accuracy(f"{name}-seed-{seed}") for seed in (0, 1)]
        assert row.by_seed == pytest.approx(by_seed)
        assert row.comparison.difference == pytest.approx(np.mean(by_seed))
        assert row.comparison.low <= row.comparison.difference <= row.comparison.high
        assert row.verdict == "neither" or row.comparison.low > 0 or row.comparison.high < 0
    assert result.score.value == pytest.approx(np.mean([accuracy(f"nothing-seed-{seed}") for seed in (0, 1)]))


def test_the_table_is_read_back_from_its_file(found):
    result, folder, _, _, _ = found
    plain = json.loads((folder / "ablation.json").read_text())["result"]
    assert plain["split"] == "validation"
    assert [row["left_out"] for row in plain["rows"]] == [row.left_out for row in result.rows]
    lines = as_text(result)
    assert lines[0] == f"accuracy of the recipe as it is: {result.score}"
    assert "2 trainings each" in lines[-2]
    assert all(len(line) <= 80 for line in lines[:-2])


def test_a_probe_compares_steps_and_says_that_it_takes_no_augmentation(tmp_path):
    """An estimator, like a probe, is fitted at once; both take clips as they are."""
    lines = []
    chain = (Resample(16_000), Mono(), BandPass(300, 3_000), Normalize())
    result = aft.ablate(recipe(model="linear", chain=chain, augment=None), tmp_path / "linear", log=lines.append)
    assert [row.left_out for row in result.rows] == ["BandPass", "Normalize", "all of cleaning"]
    assert "whose chance the interval leaves out" in as_text(result)[-2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chain": (Resample(16_000), Mono()), "augment": ()}, "none here can be left out"),
        ({"model": str(ASSETS / "wav2vec2-mini"), "budget": "10min"}, "budget is for one training"),
        ({"push_to_hub": "me/words"}, "ablate keeps none"),
        ({"data": {"path": str(ASSETS / "words"), "folds": 3}}, r"data\.folds=3: .+ set data\.test_fold"),
    ],
)
def test_what_cannot_be_taken_apart_is_explained(tmp_path, settings, message):
    data = settings.pop("data", None)
    asked = recipe(**settings)
    asked = dataclasses.replace(asked, data=aft.Data(**data)) if data else asked
    with pytest.raises(InputError, match=message):
        aft.ablate(asked, tmp_path / "run", log=lambda line: None)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other files \(notes\.txt\)"):
        aft.ablate(recipe(), tmp_path)
    with pytest.raises(InputError, match=r"holds other files \(notes\.txt\)"):
        aft.ablate(recipe(), tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_chance_of_training_widens_the_interval():
    one = Comparison("accuracy", 0.5, 0.6, 0.1, 0.04, 0.16, "better", 0.01, 100, False, "clip: resampled by clip.")
    steady, shaky = over_trainings(one, [0.1, 0.1, 0.1]), over_trainings(one, [-0.1, 0.1, 0.3])
    assert (steady.low, steady.high) == pytest.approx((0.04, 0.16))
    assert steady.verdict == "better"
    half = math.hypot(0.06, t.ppf(0.975, 2) * 0.2 / math.sqrt(3))
    assert (shaky.low, shaky.high) == pytest.approx((0.1 - half, 0.1 + half))
    assert shaky.verdict == "not distinguishable"
    assert over_trainings(dataclasses.replace(one, metric="wer"), [0.1, 0.1, 0.1]).verdict == "worse"
