"""Every route from recordings to scores gives the same scores and the same intervals on the same rows."""

from __future__ import annotations

import pytest
from checkpoints import WORDS, tiny_checkpoint

import audio_ft as aft
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.robustness import robustness


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aft.Run:
    """Return a run whose second set is the first one again."""
    folder = tmp_path_factory.mktemp("routes")
    data = aft.Data(path=WORDS, limit=24)
    recipe = aft.Recipe(
        model=tiny_checkpoint("wav2vec2-group", folder / "model"),
        data=data,
        extra_eval=data,
        training={"max_steps": 1, "per_device_train_batch_size": 8},
    )
    return aft.train(recipe, folder / "run")


def test_the_intervals_resample_speakers(run: aft.Run) -> None:
    assert "by group" in run.intervals


def test_the_second_set_has_the_intervals_of_the_test_split(run: aft.Run) -> None:
    after = list(run.retention["extra_eval"].values())[-1]  # of what is kept, a probe or the fine-tuned network
    assert after.keys() == run.scores["test"].keys()
    for name, score in run.scores["test"].items():
        assert after[name].to_dict() == pytest.approx(score.to_dict(), abs=1e-6), name


def test_evaluation_and_stored_predictions_have_them_too(run: aft.Run) -> None:
    scores = {name: score.to_dict() for name, score in run.scores["test"].items()}
    found = aft.evaluate(aft.load(run.folder), run.recipe.data, need=("train", "validation", "test"))
    stored = Predictions.of(run).split("test").score()
    for route in (found.scores, stored):
        assert route.keys() == scores.keys()
        for name, score in route.items():
            assert score.to_dict() == pytest.approx(scores[name], abs=1e-6), name


def test_the_clean_side_of_robustness_has_them_too(run: aft.Run) -> None:
    found = robustness(aft.load(run.folder), run.recipe.data, only=["gain"])
    assert found["clean"] == pytest.approx(run.scores["test"][found["metric"]].to_dict(), abs=1e-6)
