"""Calibration and selective accuracy, against scikit-learn and against the definitions written out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from audio_ft.evaluation.calibration import calibration, expected_calibration_error, reliability, selective, tempered
from audio_ft.evaluation.predictions import Predictions
from audio_ft.targets import Label, Labels, Number, Transcript


def answers(n: int, seed: int = 0, sharpness: float = 1.0, classes: int = 4) -> Predictions:
    """Return clips whose probabilities are those of the truth, sharpened: 1 is calibrated, above 1 overconfident."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, classes))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = [rng.choice(classes, p=row) for row in true]
    stated = np.exp(sharpness * logits)
    stated /= stated.sum(axis=1, keepdims=True)
    labels = tuple("abcdefgh"[:classes])
    rows = pd.DataFrame({"group": None, "reference": [labels[place] for place in truth], "probabilities": list(stated)})
    return Predictions(rows, Label(labels))


def judged(test: Predictions) -> tuple[np.ndarray, np.ndarray]:
    return test.predicted.max(axis=1), test.predicted.argmax(axis=1) == test.truth


def test_the_reliability_curve_is_scikit_learns():
    confidences, right = judged(answers(500, sharpness=2))
    shares, means = calibration_curve(right, confidences, n_bins=15, strategy="uniform")
    bins = reliability(confidences, right)
    assert [one.accuracy for one in bins] == pytest.approx(shares)
    assert [one.confidence for one in bins] == pytest.approx(means)
    assert sum(one.n for one in bins) == 500
    assert all(one.low < one.confidence <= one.high for one in bins)
    assert all(one.accuracy_low <= one.accuracy <= one.accuracy_high for one in bins)


def test_the_error_is_its_definition():
    confidences, right = judged(answers(400, sharpness=3))
    expected = 0.0
    for k in range(15):
        inside = (confidences > k / 15) & (confidences <= (k + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidences[inside].mean())
    assert expected_calibration_error(confidences, right) == pytest.approx(expected)
    assert expected_calibration_error(np.ones(7), np.ones(7, bool)) == 0
    assert expected_calibration_error(np.ones(4), np.asarray([True, False, False, False])) == pytest.approx(0.75)


def test_the_temperature_undoes_overconfidence_and_is_scikit_learns():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model import LogisticRegression

    validation, test = answers(4_000, seed=1, sharpness=2.5), answers(4_000, seed=2, sharpness=2.5)
    found = calibration(test, validation)
    assert found.temperature == pytest.approx(2.5, rel=0.06)
    assert found.error > 5 * found.error_after
    assert found.error > found.chance_high > found.chance
    assert found.error_after < 2 * found.chance_high
    assert found.loss == pytest.approx(log_loss(test.truth, test.predicted))
    assert found.loss_after == pytest.approx(log_loss(test.truth, tempered(test.predicted, found.temperature)))
    # A linear model with the identity for weights hands the logits on as they are.
    logits = np.log(validation.predicted)
    model = LogisticRegression().fit(logits[:50], np.arange(50) % 4)
    model.coef_, model.intercept_ = np.eye(4), np.zeros(4)
    theirs = CalibratedClassifierCV(FrozenEstimator(model), method="temperature", ensemble=False)
    theirs.fit(logits, validation.truth)
    expected = theirs.predict_proba(np.log(test.predicted))
    np.testing.assert_allclose(tempered(test.predicted, found.temperature), expected, atol=2e-3)


def test_a_calibrated_model_is_within_chance_and_keeps_its_temperature():
    found = calibration(answers(1_000, seed=3), answers(1_000, seed=4))
    assert found.error < found.chance_high
    assert found.temperature == pytest.approx(1, abs=0.15)


def test_chance_covers_nine_errors_in_ten_of_calibrated_models():
    inside = [(found := calibration(answers(80, seed=seed))).error < found.chance_high for seed in range(40)]
    assert sum(inside) >= 34


def test_temperature_keeps_predictions_and_zero_probabilities():
    probabilities = np.asarray([[1.0, 0.0, 0.0], [0.6, 0.3, 0.1]])
    cooled = tempered(probabilities, 3.0)
    assert np.isfinite(cooled).all()
    np.testing.assert_allclose(cooled.sum(axis=1), 1)
    assert (cooled.argmax(axis=1) == [0, 0]).all()
    np.testing.assert_allclose(tempered(probabilities, 1.0), probabilities, atol=1e-12)


def test_no_temperature_without_errors_in_a_validation_split():
    test = answers(100)
    for validation, why in ((None, "no validation split"), (test.where(judged(test)[1]), "no validation clip")):
        found = calibration(test, validation)
        assert found.temperature is None
        assert found.error_after is None
        assert found.why.startswith(why)


def test_selective_accuracy_is_that_of_the_surest_clips():
    test = answers(200, sharpness=2)
    confidences, right = judged(test)
    order = np.argsort(-confidences)
    found = selective(test)
    for share, score in found.at.items():
        kept = order[: int(np.ceil(share * 200))]
        assert score.n == len(kept)
        assert score.value == pytest.approx(right[kept].mean())
        assert found.thresholds[share] == pytest.approx(confidences[kept].min())
    risks = [1 - right[order[:count]].mean() for count in range(1, 201)]
    assert found.aurc == pytest.approx(np.mean(risks))
    assert found.curve[-1] == pytest.approx((1.0, right.mean()))
    assert dict(found.curve)[0.5] == pytest.approx(right[order[:100]].mean())
    ideal = np.sort(~right)
    assert found.best == pytest.approx(np.mean([ideal[:count].mean() for count in range(1, 201)]))
    assert found.best < found.aurc


def test_the_order_of_equally_sure_clips_does_not_matter():
    labels, truth = ("a", "b"), np.asarray([0, 1] * 20)
    rows = pd.DataFrame(
        {"group": None, "reference": [labels[place] for place in truth], "probabilities": [[0.8, 0.2]] * 40}
    )
    one = selective(Predictions(rows, Label(labels)))
    other = selective(Predictions(rows.sort_values("reference").reset_index(drop=True), Label(labels)))
    assert one.aurc == other.aurc == pytest.approx(0.5)
    assert {accuracy for _, accuracy in one.curve} == {0.5}


@pytest.mark.parametrize("kind", [Labels, Number, Transcript])
def test_other_kinds_of_target_have_neither(kind):
    rows = pd.DataFrame({"group": None, "reference": ["a"] * 3, "prediction": ["a"] * 3})
    assert calibration(Predictions(rows, kind())) is None
    assert selective(Predictions(rows, kind())) is None


def test_a_run_is_described_once_for_its_predictions(small_run, tmp_path):
    import shutil

    from audio_ft.evaluation.summary import SLICES_FILE, describe
    from audio_ft.run import Run

    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    run = Run.load(folder)
    made = describe(run)
    assert json.loads((folder / SLICES_FILE).read_text()) == made
    assert made["per_class"].keys() == set(run.labels)
    assert made["per_class"]["yes"]["recall"] == pytest.approx(run.scores["test"]["recall[yes]"].to_dict())
    assert made["n"] == run.scores["test"]["accuracy"].n
    assert made["slices"]["looked_at"] == len(made["slices"]["slices"])
    assert made["selective"]["curve"][-1][1] == pytest.approx(run.scores["test"]["accuracy"].value)
    assert {"error", "chance", "temperature", "bins"} <= made["calibration"].keys()
    written = (folder / SLICES_FILE).stat().st_mtime_ns
    assert describe(run) == made
    assert (folder / SLICES_FILE).stat().st_mtime_ns == written
    table = pd.read_parquet(folder / "predictions.parquet")
    table[table["split"] == "test"].head(20).to_parquet(folder / "predictions.parquet")
    assert describe(run)["n"] == 20
