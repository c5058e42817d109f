"""Point scores against scikit-learn and scipy, the evaluate way, undefined values, directions, errors."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import evaluate
import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from scores import sample, score

from audio_ft.errors import InputError
from audio_ft.metrics import METRICS, Score, bootstrap, direction
from audio_ft.metrics.base import AudioMetric, Measured
from audio_ft.metrics.compute import plain_scores
from audio_ft.metrics.units import Units

LABELS = ("zero", "one", "two", "three")


def probabilities(ids, classes):
    """Return rows whose greatest entry is the given id."""
    return np.eye(classes)[np.asarray(ids)] * 0.6 + 0.4 / classes


def drawn(seed, n=200, classes=4):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    guesses = np.where(rng.random(n) < 0.6, truth, rng.integers(0, classes, n))
    return guesses, truth


def value(scores, name):
    return scores[name].value


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    """Keep evaluate's arrow files out of the home folder."""
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", str(tmp_path))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40))
def test_single_label_scores_equal_sklearn(pairs):
    guesses, truth = np.array(pairs).T
    scores = score("label", probabilities(guesses, 5), truth, resamples=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns where it applies its zero_division, as we do silently
        recall = sk.balanced_accuracy_score(truth, guesses)
    exact = {
        "accuracy": sk.accuracy_score(truth, guesses),
        "unweighted_average_recall": recall,
        "f1_macro": sk.f1_score(truth, guesses, average="macro", zero_division=0),
        "f1_weighted": sk.f1_score(truth, guesses, average="weighted", zero_division=0),
        "precision_macro": sk.precision_score(truth, guesses, average="macro", zero_division=0),
        "precision_weighted": sk.precision_score(truth, guesses, average="weighted", zero_division=0),
        "recall_weighted": sk.recall_score(truth, guesses, average="weighted", zero_division=0),
    }
    for name, expected in exact.items():
        assert value(scores, name) == pytest.approx(expected, abs=1e-12), name
    present = sorted(set(truth) | set(guesses))
    per_class = sk.precision_recall_fscore_support(truth, guesses, labels=present, zero_division=0)
    for label, precision, recall, f1, support in zip(present, *per_class, strict=True):
        assert value(scores, f"f1[{label}]") == pytest.approx(f1, abs=1e-12)
        assert value(scores, f"precision[{label}]") == pytest.approx(precision, abs=1e-12)
        if support:
            assert value(scores, f"recall[{label}]") == pytest.approx(recall, abs=1e-12)
            assert scores[f"recall[{label}]"].n == support
        else:
            assert f"recall[{label}]" not in scores
    assert {name for name in scores if name.startswith("f1[")} == {f"f1[{label}]" for label in present}


@pytest.mark.parametrize("digits", [1, 2, 15])
def test_multi_label_scores_equal_sklearn_with_and_without_ties(digits):
    rng = np.random.default_rng(digits)
    truth = (rng.random((80, 5)) < 0.3).astype(int)
    guesses = np.round(np.clip(0.35 * truth + 0.65 * rng.random(truth.shape), 0, 1), digits)
    scores = score("labels", guesses, truth, resamples=2)
    decided = (guesses >= 0.5).astype(int)
    exact = {
        "subset_accuracy": sk.accuracy_score(truth, decided),
        "f1_macro": sk.f1_score(truth, decided, average="macro"),
        "f1_micro": sk.f1_score(truth, decided, average="micro"),
        "roc_auc_macro": sk.roc_auc_score(truth, guesses, average="macro"),
        "mean_average_precision": sk.average_precision_score(truth, guesses, average="macro"),
    }
    for name, expected in exact.items():
        assert value(scores, name) == pytest.approx(expected, abs=1e-12), name


def test_resampled_scores_equal_sklearn_on_the_repeated_clips():
    rng = np.random.default_rng(3)
    weights = rng.multinomial(60, np.full(60, 1 / 60), 5).astype(float)
    guesses, truth = drawn(4, n=60)
    view = sample("label", probabilities(guesses, 4), truth).weigh(weights)
    hot = (rng.random((60, 3)) < 0.4).astype(int)
    chances = np.round(rng.random((60, 3)), 1)
    area, precision = sample("labels", chances, hot).weigh(weights).ranking
    numbers = sample("number", rng.normal(size=60) + np.arange(60), np.arange(60.0)).weigh(weights)
    pearson = METRICS["pearson"].measure(numbers)["pearson"].values
    f1 = METRICS["f1"].measure(view)["f1_macro"].values
    for b, times in enumerate(weights.astype(int)):
        i = np.repeat(np.arange(60), times)
        assert f1[b] == pytest.approx(sk.f1_score(truth[i], guesses[i], average="macro"), abs=1e-12)
        assert area[b].mean() == pytest.approx(sk.roc_auc_score(hot[i], chances[i]), abs=1e-12)
        assert precision[b].mean() == pytest.approx(sk.average_precision_score(hot[i], chances[i]), abs=1e-12)
        x, y = numbers.sample.predictions[i], numbers.sample.references[i]
        assert pearson[b] == pytest.approx(scipy.stats.pearsonr(x, y)[0], abs=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_regression_scores_equal_sklearn_and_scipy(offset):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=90) + offset
    guesses = 0.7 * (truth - offset) + offset + 0.5 * rng.normal(size=90) + 0.2
    scores = score("number", guesses, truth, resamples=2)
    a, b = guesses - offset, truth - offset
    concordance = 2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
    assert value(scores, "mean_absolute_error") == pytest.approx(sk.mean_absolute_error(truth, guesses), abs=1e-12)
    assert value(scores, "root_mean_squared_error") == pytest.approx(
        sk.root_mean_squared_error(truth, guesses), abs=1e-12
    )
    assert value(scores, "pearson") == pytest.approx(scipy.stats.pearsonr(a, b)[0], abs=1e-10 if offset else 1e-12)
    assert value(scores, "concordance") == pytest.approx(concordance, abs=1e-10 if offset else 1e-12)


def test_a_class_without_clips_and_predictions_is_left_out_of_averages():
    with_third = score("label", probabilities([0, 1, 0], 3), [0, 1, 1], labels=("a", "b", "c"), resamples=20)
    without = score("label", probabilities([0, 1, 0], 2), [0, 1, 1], labels=("a", "b"), resamples=20)
    assert with_third == without
    assert not any("[c]" in name for name in with_third)


def test_a_class_that_is_never_predicted_has_precision_zero():
    scores = score("label", probabilities([0, 0, 0], 2), [0, 1, 0], labels=("a", "b"), resamples=20)
    assert value(scores, "precision[b]") == 0.0
    assert value(scores, "f1[b]") == 0.0


def test_undefined_multi_label_classes_are_skipped_and_absent_when_none_is_left():
    truth = np.array([[1, 0], [0, 0], [1, 0], [0, 0]])
    guesses = np.array([[0.9, 0.2], [0.2, 0.1], [0.4, 0.3], [0.6, 0.4]])
    scores = score("labels", guesses, truth, resamples=50)
    assert value(scores, "roc_auc_macro") == pytest.approx(sk.roc_auc_score(truth[:, 0], guesses[:, 0]))
    assert value(scores, "mean_average_precision") == pytest.approx(
        sk.average_precision_score(truth[:, 0], guesses[:, 0])
    )
    nothing = score("labels", guesses, np.zeros_like(truth), resamples=50)
    assert "roc_auc_macro" not in nothing
    assert "mean_average_precision" not in nothing
    assert value(nothing, "f1_macro") == 0.0


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9 + 0.1])
def test_correlation_of_a_constant_is_absent_and_its_concordance_zero(constant):
    truth = np.random.default_rng(0).normal(size=30)
    scores = score("number", np.full(30, constant), truth, resamples=50)
    assert "pearson" not in scores
    assert value(scores, "concordance") == 0.0
    assert "mean_absolute_error" in scores


def test_concordance_of_two_equal_constants_is_absent():
    scores = score("number", np.full(5, 2.5), np.full(5, 2.5), resamples=20)
    assert set(scores) == {"mean_absolute_error", "root_mean_squared_error"}


def test_every_score_is_finite_and_inside_its_interval():
    rng = np.random.default_rng(8)
    hot = (rng.random((40, 3)) < 0.2).astype(int)
    guesses, truth = drawn(1, n=40)
    runs = [
        score("label", probabilities(guesses, 4), truth, labels=LABELS),
        score("labels", rng.random((40, 3)), hot),
        score("number", rng.normal(size=40), rng.normal(size=40)),
    ]
    for name, each in [pair for run in runs for pair in run.items()]:
        assert math.isfinite(each.low), name
        assert math.isfinite(each.high), name
        assert each.low <= each.value <= each.high, name
        assert 0 < each.n <= 40, name


@pytest.mark.parametrize("kind", ["label", "labels", "number"])
def test_plain_scores_are_the_values_of_the_scores_but_the_per_class_ones(kind):
    rng = np.random.default_rng(10)
    shapes = {"label": ((30, 4), (30,)), "labels": ((30, 4), (30, 4)), "number": ((30,), (30,))}
    predictions, references = rng.random(shapes[kind][0]), rng.integers(0, 2, shapes[kind][1])
    scores = score(kind, predictions, references, resamples=2)
    expected = {name: each.value for name, each in scores.items() if "[" not in name}
    assert plain_scores(sample(kind, predictions, references)) == expected


def test_labels_name_the_classes():
    guesses, truth = drawn(2)
    scores = score("label", probabilities(guesses, 4), truth, labels=LABELS, resamples=2)
    assert next(iter(scores)) == "accuracy"
    assert {"f1[zero]", "precision[two]", "recall[three]"} <= set(scores)


def test_confusion_equals_sklearn_for_ids_and_probabilities():
    guesses, truth = drawn(5)
    expected = sk.confusion_matrix(truth, guesses, labels=range(4))
    for predictions in (guesses, probabilities(guesses, 4)):
        answer = METRICS["confusion_matrix"]().compute(predictions=predictions, references=truth, labels=LABELS)
        assert answer["confusion_matrix"] == expected.tolist()
    with pytest.raises(InputError, match="3 labels were given for predictions with 4 classes"):
        METRICS["confusion_matrix"]().compute(predictions=guesses, references=truth, labels=LABELS[:3])


def test_metrics_combine_and_take_batches_the_evaluate_way():
    guesses, truth = drawn(6)
    names = ("accuracy", "precision", "recall", "f1", "unweighted_average_recall", "confusion_matrix")
    together = evaluate.combine([METRICS[name]() for name in names])
    for start in range(0, 200, 64):
        batch = slice(start, start + 64)
        together.add_batch(predictions=guesses[batch], references=truth[batch])
    answer = together.compute()
    expected = {name: s.value for name, s in score("label", probabilities(guesses, 4), truth, resamples=2).items()}
    assert answer.pop("confusion_matrix") == sk.confusion_matrix(truth, guesses).tolist()
    assert answer == expected


def test_evaluate_metrics_take_probabilities_and_labels():
    guesses, truth = drawn(7)
    answer = METRICS["f1"]().compute(predictions=probabilities(guesses, 4), references=truth, labels=LABELS)
    assert answer["f1[two]"] == pytest.approx(sk.f1_score(truth, guesses, average=None)[2], abs=1e-12)


@pytest.mark.parametrize("kind", ["labels", "number"])
def test_other_kinds_combine_too(kind):
    rng = np.random.default_rng(9)
    if kind == "labels":
        truth, guesses = (rng.random((50, 3)) < 0.4).astype(int), rng.random((50, 3))
    else:
        truth, guesses = rng.normal(size=50), rng.normal(size=50)
    together = evaluate.combine([metric() for metric in METRICS.values() if kind in metric.kinds])
    answer = together.compute(predictions=guesses, references=truth)
    assert answer == pytest.approx({name: s.value for name, s in score(kind, guesses, truth, resamples=2).items()})


def test_directions():
    for name in ("accuracy", "f1_macro", "f1[zero]", "recall[a [b]]", "pearson", "roc_auc_macro", "subset_accuracy"):
        assert direction(name) is True, name
    for name in ("loss", "wer", "cer", "wer_normalized", "mean_absolute_error", "root_mean_squared_error"):
        assert direction(name) is False, name


def test_the_metrics_are_found_in_their_folder():
    assert len(METRICS) >= 12


def test_every_score_has_the_direction_of_its_metric():
    guesses, truth = drawn(6)
    for name in score("label", probabilities(guesses, 4), truth, resamples=2):
        assert direction(name) is True


@pytest.mark.parametrize(("typo", "meant"), [("acuracy", "accuracy"), ("f1_makro", "f1_macro"), ("f2[zero]", "f1")])
def test_unknown_score_names_the_closest(typo, meant):
    with pytest.raises(InputError, match=rf"Did you mean .*\b{meant}\b"):
        direction(typo)
    with pytest.raises(InputError, match="There are"):
        direction("qqqqqqqq")


def test_one_class_adds_a_metric(monkeypatch):
    registered = dict(METRICS)
    monkeypatch.setattr(METRICS, "registered", registered)
    monkeypatch.setattr(METRICS, "_loaded", registered)

    class MedianAbsoluteError(AudioMetric):
        """Half of the clips are nearer than this."""

        kinds = ("number",)
        names = ("worst_error",)
        greater_is_better = False
        scale = "positive"

        @classmethod
        def measure(cls, view):
            errors = np.abs(view.sample.predictions - view.sample.references)
            return {"worst_error": Measured(np.where(view.weights > 0, errors, 0.0).max(axis=1))}

    assert METRICS["median_absolute_error"] is MedianAbsoluteError
    assert direction("worst_error") is False
    assert score("number", [1.0, 2.0, 4.5], [1.0, 2.5, 3.0])["worst_error"].value == 1.5
    assert MedianAbsoluteError().compute(predictions=[1.0, 2.0], references=[1.0, 2.5]) == {"worst_error": 0.5}


@pytest.mark.parametrize(
    ("kind", "predictions", "references", "labels", "message"),
    [
        ("label", [1.0, 0.0], [0, 1], (), r"\(n, classes\) and \(n,\)"),
        ("label", [[0.5, 0.5]], [0, 1], (), r"not \(1, 2\), \(2,\)"),
        ("label", np.zeros((0, 2)), np.zeros(0), (), "at least one clip"),
        ("label", [[0.5, np.nan]], [0], (), "1 predictions are NaN"),
        ("label", [[0.5, 0.5]], [2], (), r"0\.\.1"),
        ("label", [[0.5, 0.5]], [-1], (), r"0\.\.1"),
        ("label", [[0.5, 0.5]], [0.5], (), "whole class ids"),
        ("label", [[0.5, 0.5]], [0], ("a",), "1 labels were given for predictions with 2 classes"),
        ("labels", [[0.5, 0.5]], [[0, 2]], (), "0 or 1 in 2 columns"),
        ("labels", [[0.5, 0.5]], [[0, 1, 0]], (), "0 or 1 in 2 columns"),
        ("number", [0.5], [np.inf], (), "references are NaN or infinite"),
    ],
)
def test_bad_input_says_what_was_expected(kind, predictions, references, labels, message):
    with pytest.raises(InputError, match=message):
        score(kind, predictions, references, labels=labels)


def test_bootstrap_refuses_what_it_cannot_resample():
    with pytest.raises(InputError, match="at least one clip"):
        Units.of(0)
    with pytest.raises(InputError, match="resamples must be at least 2"):
        bootstrap(lambda weights: weights.sum(axis=1), Units.of(5), resamples=1)
    with pytest.raises(InputError, match="3 clips, 2 groups"):
        Units.of(3, ["a", "b"])


def test_score_is_written_read_and_shown():
    each = Score(0.958, 0.934, 0.976, 500)
    assert str(each) == "0.958 [0.934, 0.976]"
    assert f"{each:.1%}" == "95.8% [93.4%, 97.6%]"
    assert each.to_dict() == {"value": 0.958, "low": 0.934, "high": 0.976, "n": 500}
    assert Score.from_dict(json.loads(json.dumps(each.to_dict()))) == each
    with pytest.raises(InputError, match="value, low, high and n"):
        Score.from_dict({"value": 1.0})


def test_a_score_without_interval_survives_json():
    each = Score(0.5, math.nan, math.nan, 1)
    text = json.dumps(each.to_dict(), allow_nan=False)
    assert math.isnan(Score.from_dict(json.loads(text)).low)
    assert str(each) == "0.500 [no interval]"


def test_a_thousand_resamples_of_ten_thousand_clips_take_seconds():
    guesses, truth = drawn(0, n=10_000, classes=10)
    chances = probabilities(guesses, 10)
    score("label", chances[:10], truth[:10], resamples=2)
    start = time.process_time()
    score("label", chances, truth)
    assert time.process_time() - start < 5


def test_the_package_imports_nothing_heavy():
    program = (
        "import sys, audio_ft.metrics, audio_ft.evaluation.baselines\n"
        "print([m for m in ('evaluate', 'datasets', 'torch', 'sklearn', 'scipy', 'librosa') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": str(root)}
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)
    assert answer.stdout.strip() == "[]"
