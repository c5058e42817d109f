"""Several seeds: one command, the scores of each, one saved model, stopped and resumed."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from checkpoints import kept_checkpoint
from safetensors.numpy import load_file

import audio_ft as aft
from audio_ft.errors import InputError
from audio_ft.evaluation.baselines import read_baselines
from audio_ft.metrics import Score
from audio_ft.run import BASELINES_FILE
from audio_ft.training import single
from audio_ft.training.repeated import seeds
from tests.conftest import ASSETS


def recipe(**settings):
    given = {"data": aft.Data(path=str(ASSETS / "words"), limit=36), "seeds": 2, "seed": 4, "probe": False}
    training = {"max_steps": 2, "per_device_train_batch_size": 4}
    return aft.Recipe(name="seeds", model=kept_checkpoint("wav2vec2-group"), training=training, **(given | settings))


@pytest.fixture(scope="module")
def both_trained(tmp_path_factory):
    """Return a folder with two finished seeds, stopped in the second one and before the end, and the seeds fitted."""
    folder, fitted, fit = tmp_path_factory.mktemp("seeds") / "run", [], single.fit

    def stopping(prepared, place, *others):
        fitted.append(prepared.recipe.seed)
        if fitted == [4, 5]:
            raise KeyboardInterrupt
        return fit(prepared, place, *others)

    def stop(*arguments):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single, "fit", stopping)
        patch.setattr(seeds, "choose", stop)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                aft.train(recipe(), folder)
    with pytest.raises(InputError, match="unfinished training with another recipe"):
        aft.train(recipe(seeds=3), folder)
    return folder, fitted


@pytest.fixture(scope="module")
def finished(both_trained, tmp_path_factory):
    """Return the run of two seeds, and what was reported."""
    folder = Path(shutil.copytree(both_trained[0], tmp_path_factory.mktemp("seeds") / "finished"))
    lines = []
    return aft.train(recipe(), folder, report=lines.append), lines


def test_a_finished_seed_is_not_trained_again(both_trained, finished):
    run, _ = finished
    assert both_trained[1] == [4, 5, 5]
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "baselines.parquet", "fingerprints.npz", "model", "predictions.parquet", "run.json", "seed-4", "seed-5",
    ]  # fmt: skip
    with pytest.raises(InputError, match="already holds a finished run"):
        aft.train(recipe(), run.folder)


def test_scores_of_all_seeds_are_kept_and_one_model_is_saved(finished):
    run, lines = finished
    own = {seed: aft.Run.load(run.folder / f"seed-{seed}") for seed in ("4", "5")}
    values = [each.scores["test"]["accuracy"].value for each in own.values()]
    assert [seed["scores"]["accuracy"].value for seed in run.seeds.values()] == values
    spread = json.loads((run.folder / "run.json").read_text())["spread"]["accuracy"]
    assert spread["mean"] == pytest.approx(np.mean(values))
    assert spread["deviation"] == pytest.approx(np.std(values, ddof=1))
    assert (spread["low"], spread["high"]) == (min(values), max(values))
    assert any(line.startswith("accuracy of 2 seeds:") for line in lines)
    found = [read_baselines(each.folder / BASELINES_FILE) for each in (*own.values(), run)]
    assert all((found[0][name] == other[name]).all() for other in found for name in found[0])
    assert own["4"].digests["data"] == own["5"].digests["data"]
    model = aft.load(run.folder)
    assert set(model(str(ASSETS / "words" / "test" / "en-029_grandpa_go.ogg"))) == set(run.labels)
    assert run.recipe.seeds == 2
    assert own["5"].recipe.seed == 5


def test_the_best_seed_on_validation_is_saved(finished):
    run, _ = finished
    own = [aft.Run.load(run.folder / f"seed-{seed}") for seed in (4, 5)]
    best = max(own, key=lambda each: each.scores["validation"]["f1_macro"].value)
    assert run.digests["model"] == best.digests["model"]
    assert run.scores == best.scores
    assert run.kept.startswith(f"seed {best.recipe.seed}, step ")


def test_the_average_is_saved_where_it_is_better_on_validation(both_trained, tmp_path, monkeypatch):
    folder = Path(shutil.copytree(both_trained[0], tmp_path / "run"))

    def perfect(*arguments):
        found = score_split(*arguments)
        return dataclasses.replace(found, scores={**found.scores, "f1_macro": Score(1.0, 1.0, 1.0, 36)})

    score_split = seeds.score_split
    monkeypatch.setattr(seeds, "score_split", perfect)
    run = aft.train(recipe(), folder)
    assert run.kept.startswith("average of seeds 4, 5: f1_macro 1.0000 on the validation split; ")
    saved, *own = (load_file(folder / place / "model" / "model.safetensors") for place in (".", "seed-4", "seed-5"))
    for name, weight in saved.items():
        np.testing.assert_allclose(weight, (own[0][name] + own[1][name]) / 2, atol=1e-6)
    found = aft.evaluate(aft.load(folder), recipe().data)
    assert found.scores["accuracy"].value == run.scores["test"]["accuracy"].value


@pytest.mark.slow
def test_a_seed_gives_what_it_gives_alone(finished, tmp_path):
    run, _ = finished
    alone = aft.train(recipe(seeds=1, seed=5), tmp_path / "alone")
    assert alone.digests["model"] == aft.Run.load(run.folder / "seed-5").digests["model"]


def test_equal_recipes_of_one_seed_keep_their_digest():
    before = recipe(seeds=1).to_dict()
    before.pop("seeds")
    assert aft.Recipe.from_dict(before).digest == recipe(seeds=1).digest
    assert recipe(seeds=2).digest != recipe(seeds=1).digest


@pytest.mark.parametrize("settings", [
    {"method": "probe"}, {"training": {"data_seed": 1}}, {"seed": 2**32 - 1}, {"budget": 60},
    {"data": aft.Data(path="x", folds=2)},
])  # fmt: skip
def test_seeds_that_make_no_sense_are_refused(settings, tmp_path):
    work = aft.cross_validate if "data" in settings else aft.train
    with pytest.raises(InputError, match="seeds=2"):
        work(recipe().replace(**settings), tmp_path / "run")
