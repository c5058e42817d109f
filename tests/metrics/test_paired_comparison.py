"""Paired comparison: verdicts and their words, McNemar, intervals, false alarms, what cannot be compared."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk
from scores import compare, score

from audio_ft.errors import InputError


def sided(right):
    """Return probabilities of two classes, of which the second is the right one."""
    return np.eye(2)[np.asarray(right, dtype=int)]


def accuracy(first, second, **settings):
    return compare("label", sided(first), sided(second), np.ones(len(first), int), **settings)


def answers(kind, seed, n=60):
    """Return two answers and the truth for n clips; the second answer is much nearer."""
    rng = np.random.default_rng(seed)
    if kind == "label":
        truth = rng.integers(0, 3, n)
        return (rng.random((n, 3)) + share * np.eye(3)[truth] for share in (0.3, 2)), truth
    if kind == "labels":
        truth = (rng.random((n, 3)) < 0.4).astype(int)
        return (np.clip(share * truth + (1 - share) * rng.random((n, 3)), 0, 1) for share in (0.1, 0.6)), truth
    if kind == "number":
        truth = rng.normal(size=n)
        return (truth + spread * rng.normal(size=n) for spread in (1.5, 0.2)), truth
    truth = ["one two three four"] * n
    return (
        [" ".join(w if rng.random() > share else "no" for w in text.split()) for text in truth] for share in (0.5, 0.1)
    ), truth


@pytest.mark.parametrize("kind", ["label", "labels", "number", "transcript"])
@pytest.mark.parametrize("groups", [None, [str(i % 8) for i in range(60)]])
def test_a_better_second_is_called_better_and_a_worse_one_worse(kind, groups):
    (first, second), truth = answers(kind, 0)
    better = compare(kind, first, second, truth, groups=groups)
    worse = compare(kind, second, first, truth, groups=groups)
    assert better.verdict == "better"
    assert worse.verdict == "worse"
    assert worse.difference == -better.difference
    assert (better.low, better.high) == pytest.approx((-worse.high, -worse.low))
    scores = [score(kind, each, truth, resamples=2)[better.metric].value for each in (first, second)]
    assert [better.first, better.second] == scores
    assert better.difference == scores[1] - scores[0]
    assert better.sentence.startswith("The second is better than the first: ")
    assert better.n == 60
    assert not better.identical


@pytest.mark.parametrize("kind", ["label", "labels", "number", "transcript"])
def test_a_model_against_itself_is_not_distinguishable(kind):
    (first, _), truth = answers(kind, 1)
    itself = compare(kind, first, first, truth)
    assert itself.verdict == "not distinguishable"
    assert itself.difference == 0
    assert itself.low <= 0 <= itself.high
    assert itself.identical
    assert itself.sentence.endswith(" They agree on every clip.")
    assert itself.sentence.startswith("The first and the second are not distinguishable: ")
    assert itself.describe("runs/a", "runs/a").startswith("runs/a and runs/a are not")


def test_mcnemars_mid_p_halves_the_observed_table():
    # 3 clips gained, 12 lost, 15 in all: the exact test's p less the chance of just this table on either side.
    first = [1] * 12 + [0] * 3 + [1] * 25
    second = [0] * 12 + [1] * 3 + [1] * 25
    each = accuracy(first, second)
    exact = scipy.stats.binomtest(3, 15).pvalue
    assert each.p_value == pytest.approx(exact - scipy.stats.binom.pmf(3, 15, 0.5))
    assert each.verdict == "worse"
    assert f"p = {each.p_value:.3f}" in each.sentence
    assert accuracy(first, first).p_value == 1.0
    assert accuracy([1, 0, 1, 1], [0, 1, 1, 1]).p_value == 1.0


def test_the_verdict_asks_mcnemar_too():
    # Four clips gained, none lost: the interval just misses 0, the chance of it among equals is 2 / 16 halved.
    each = accuracy([0] * 4 + [1] * 60, [1] * 64)
    assert each.low > 0
    assert each.p_value == pytest.approx(0.0625)
    assert each.verdict == "not distinguishable"


def test_mcnemar_is_for_accuracy_by_clip():
    right = np.random.default_rng(0).random(60) < 0.7
    assert accuracy(right, right, groups=[str(i % 8) for i in range(60)]).p_value is None
    assert accuracy(right, right, groups=["one"] * 60).p_value == 1.0
    assert accuracy(right, right, metric="f1_macro").p_value is None


def test_the_interval_is_students_for_pairs():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=80)
    first, second = truth + rng.normal(size=80), truth + 0.8 * rng.normal(size=80)
    each = compare("number", first, second, truth, resamples=20_000)
    apart = np.abs(second - truth) - np.abs(first - truth)
    low, high = scipy.stats.ttest_1samp(apart, 0).confidence_interval(0.95)
    assert each.low == pytest.approx(low, abs=0.01)
    assert each.high == pytest.approx(high, abs=0.01)
    groups = [str(i // 8) for i in range(80)]
    by_group = compare("number", first, second, truth, groups=groups, resamples=20_000)
    low, high = scipy.stats.ttest_1samp(apart.reshape(10, 8).mean(axis=1), 0).confidence_interval(0.95)
    assert by_group.low == pytest.approx(low, abs=0.01)
    assert by_group.high == pytest.approx(high, abs=0.01)
    assert by_group.resampling == "group: resampled by group (10 groups)."


def test_clips_that_are_hard_for_both_do_not_blur_the_difference():
    rng = np.random.default_rng(3)
    hard = rng.random(200) < 0.4
    second = ~hard | (rng.random(200) < 0.25)
    each = accuracy(~hard, second)
    alone = [score("label", sided(right), np.ones(200, int))["accuracy"] for right in (~hard, second)]
    assert alone[0].high > alone[1].low  # apart, the two intervals overlap
    assert each.verdict == "better"


def test_agreement_on_every_clip_does_not_prove_equality():
    few, many = (accuracy([1] * n, [1] * n) for n in (20, 400))
    assert few.high == -few.low > many.high > 0
    words = compare("transcript", ["a b"] * 20, ["a b"] * 20, ["a b"] * 20)
    assert words.high == -words.low > 0
    beaten = accuracy([0] * 20, [1] * 20)
    assert (beaten.verdict, beaten.high) == ("better", 1.0)


def test_any_score_of_the_kind_can_be_compared():
    (first, second), truth = answers("label", 4)
    labels = ("no", "yes", "maybe")
    each = compare("label", first, second, truth, labels=labels, metric="f1[yes]")
    expected = [sk.f1_score(truth, side.argmax(axis=1), average=None)[1] for side in (first, second)]
    assert [each.first, each.second] == pytest.approx(expected)
    texts = compare("transcript", ["You are"], ["you're"], ["You're"], metric="wer_normalized", language="en")
    assert (texts.first, texts.second) == (0.0, 0.0)


def test_one_clip_has_no_interval_and_no_verdict():
    each = compare("transcript", ["a"], ["b"], ["b"])
    assert (each.difference, each.verdict) == (-1.0, "not distinguishable")
    assert math.isnan(each.low)
    assert "no interval" in each.sentence
    assert "1 clip," in each.sentence
    plain = json.loads(json.dumps(each.to_dict(), allow_nan=False))
    assert plain["low"] is None
    assert plain["sentence"] == each.sentence


@pytest.mark.parametrize(
    ("kind", "metric", "message"),
    [
        ("label", "wer", "'wer' is not a score of kind 'label'; the scores are accuracy, "),
        ("label", "f1[9]", r"'f1\[9\]' is undefined on these 60 clips"),
        ("transcript", "accuracy", "'accuracy' is not a score of kind 'transcript'; the scores are .*wer"),
    ],
)
def test_a_score_that_there_is_not_is_refused(kind, metric, message):
    (first, second), truth = answers(kind, 5)
    with pytest.raises(InputError, match=message):
        compare(kind, first, second, truth, metric=metric)


def test_predictions_for_other_clips_are_refused():
    with pytest.raises(InputError, match="1 and 2"):
        compare("transcript", ["a", "b"], ["a"], ["a", "b"])


@pytest.mark.parametrize("groups", [0, 10])
@pytest.mark.parametrize("kind", ["label", "transcript"])
def test_equally_good_models_are_called_different_as_seldom_as_promised(kind, groups):
    rng = np.random.default_rng(6)
    alarms, clips = 0, 60
    names = [str(i * groups // clips) for i in range(clips)] if groups else None
    for draw in range(400):
        luck = rng.normal(size=(2, groups))[:, np.arange(clips) * groups // clips] if groups else 0
        wrong = rng.normal(size=clips) + rng.normal(size=(2, clips)) + 0.5 * luck > 0.8
        if kind == "label":
            each = accuracy(*~wrong, groups=names, seed=draw, resamples=200)
        else:
            texts = [["no no yes" if bad else "yes yes yes" for bad in side] for side in wrong]
            each = compare("transcript", *texts, ["yes yes yes"] * clips, groups=names, seed=draw, resamples=200)
        alarms += each.verdict != "not distinguishable"
    # 400 draws know a share of .05 to ±.022 (two standard errors); benchmarks/comparison_false_alarms.py draws 1,000.
    assert 0.025 <= alarms / 400 <= 0.075
