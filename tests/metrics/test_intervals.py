"""Intervals: what they hold, how often, by clip and by group, and at the edges of the scale."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scores import score

from audio_ft.metrics import bootstrap, resampling
from audio_ft.metrics.intervals import poisson, wilson
from audio_ft.metrics.units import Units


def accuracy(right, **settings):
    """Score a two-class test in which `right` says which clips are right."""
    right = np.asarray(right, dtype=int)
    return score("label", np.eye(2)[right], np.ones(len(right), int), **settings)["accuracy"]


def mean(values):
    return lambda weights: (weights @ values) / weights.sum(axis=1)


@pytest.mark.parametrize(("right", "n"), [(40, 40), (39, 40), (36, 40), (0, 40), (63, 127), (490, 500)])
def test_accuracy_by_clip_is_wilsons_interval(right, n):
    each = accuracy(np.arange(n) < right, resamples=4000)
    low, high = scipy.stats.binomtest(right, n).proportion_ci(method="wilson")
    # Student's t in place of the normal quantile (2.02 for 1.96 at 40 clips) moves the ends.
    assert each.low == pytest.approx(low, abs=0.07 * (high - low))
    assert each.high == pytest.approx(high, abs=0.07 * (high - low))


def test_all_right_is_not_certain():
    each = accuracy(np.ones(40))
    assert each.value == each.high == 1.0
    assert 0.88 < each.low < 0.93
    assert accuracy(np.ones(400)).low > each.low


def test_all_wrong_is_not_certain():
    each = accuracy(np.zeros(40))
    assert each.value == each.low == 0.0
    assert 0.07 < each.high < 0.12


def test_averages_and_classes_that_are_all_right_are_known_as_well_as_their_clips_allow():
    truth = np.repeat([0, 1, 2], [30, 6, 4])
    scores = score("label", np.eye(3)[truth], truth)
    for name, each in scores.items():
        assert each.value == each.high == 1.0, name
        assert each.low < 1.0, name
    # Four clips say little about their class, and an average over classes is limited by its rare ones.
    assert scores["recall[2]"].low < scores["recall[1]"].low < scores["recall[0]"].low
    assert scores["recall[2]"].n == 4
    assert scores["unweighted_average_recall"].low < scores["accuracy"].low


def test_multi_label_scores_at_one_are_not_certain():
    truth = np.random.default_rng(0).integers(0, 2, (30, 3))
    for name, each in score("labels", truth * 0.8 + 0.1, truth).items():
        assert each.value == 1.0, name
        assert 0.5 < each.low < 1.0, name


def test_one_clip_has_a_wide_interval_or_none():
    each = accuracy([1])
    assert (each.value, each.high, each.n) == (1.0, 1.0, 1)
    assert each.low < 0.3
    number = score("number", [1.0], [1.5])["mean_absolute_error"]
    assert number.value == 0.5
    assert math.isnan(number.low)
    assert math.isnan(number.high)


def test_same_seed_same_interval_other_seed_nearly_the_same():
    right = np.random.default_rng(0).random(200) < 0.8
    assert accuracy(right, seed=1) == accuracy(right, seed=1)
    one, two = accuracy(right, seed=1), accuracy(right, seed=2)
    assert one != two
    assert one.low == pytest.approx(two.low, abs=0.01)


def test_resamples_depend_on_the_clips_only_so_that_two_models_can_be_paired():
    first, second = np.random.default_rng(0).normal(size=(2, 300))
    groups = [str(i % 7) for i in range(300)]
    for given_groups in (None, groups):
        units = Units.of(300, given_groups)
        apart = bootstrap(mean(second), units) - bootstrap(mean(first), units)
        assert apart == pytest.approx(bootstrap(mean(second - first), units), abs=1e-12)


def test_every_resample_draws_as_many_clips_and_whole_groups():
    drawn = bootstrap(lambda weights: weights, Units.of(50), resamples=30)
    assert (drawn.sum(axis=1) == 50).all()
    groups = [str(i // 5) for i in range(50)]
    by_group = bootstrap(lambda weights: weights, Units.of(50, groups), resamples=30).reshape(30, 10, 5)
    assert (by_group == by_group[:, :, :1]).all()
    assert (by_group[:, :, 0].sum(axis=1) == 10).all()


def test_replicates_agree_with_scipys_bootstrap():
    values = np.random.default_rng(2).gamma(1.0, size=150)
    ours = bootstrap(mean(values), Units.of(150), resamples=4000)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=4000, rng=np.random.default_rng(0))
    assert ours.std() == pytest.approx(theirs.standard_error, rel=0.06)
    assert ours.mean() == pytest.approx(values.mean(), abs=4 * ours.std() / math.sqrt(4000))


def test_clips_of_a_group_that_agree_widen_the_interval():
    right = np.repeat(np.random.default_rng(3).random(20) < 0.8, 10)
    groups = [str(i // 10) for i in range(200)]
    by_clip, by_group = accuracy(right), accuracy(right, groups=groups)
    assert by_group.value == by_clip.value
    # Twenty groups that are right or wrong as a whole are worth twenty clips, not two hundred.
    twenty = accuracy(right[::10])
    assert by_group.high - by_group.low == pytest.approx(twenty.high - twenty.low, rel=0.1)
    assert by_group.high - by_group.low > 2 * (by_clip.high - by_clip.low)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), min_size=2, max_size=60))
def test_groups_never_narrow_the_interval_of_a_proportion(rows):
    right, groups = [row[0] for row in rows], [str(row[1]) for row in rows]
    by_clip, by_group = accuracy(right, resamples=500), accuracy(right, groups=groups, resamples=500)
    assert by_group.high - by_group.low >= 0.85 * (by_clip.high - by_clip.low)


def test_all_right_by_group_is_known_less_well_than_by_clip():
    groups = [str(i // 50) for i in range(500)]
    by_clip, by_group = accuracy(np.ones(500)), accuracy(np.ones(500), groups=groups)
    assert by_group.high == 1.0
    # A design effect of 1 + 49 * 0.1, and Student's t at 9 degrees of freedom.
    assert (1 - by_group.low) / (1 - by_clip.low) == pytest.approx(5.9 * (2.262 / 1.965) ** 2, rel=0.05)


def test_groups_of_unequal_sizes_count_as_fewer_equal_ones():
    assert Units.of(40).equal == Units.of(40, ["one"] * 40).equal == 40
    assert Units.of(60, [str(i % 6) for i in range(60)]).equal == pytest.approx(6)
    uneven = [str(g) for g in range(8) for _ in range(10 * (1 + (g == 0)))]
    assert Units.of(90, uneven).equal == pytest.approx(90**2 / (20**2 + 7 * 10**2))
    assert Units.of(205, ["most"] * 195 + [str(i) for i in range(10)]).equal == 5


@pytest.mark.parametrize("value", [0.03, 0.4, 0.9])
@pytest.mark.parametrize("lean", [1.0, 1.25])
def test_the_ends_are_where_the_value_is_as_many_errors_away_as_the_quantile(value, lean):
    ratio = 0.02
    binomial = lambda p: value * (1 - value) + lean * (1 - 2 * value) * (p - value) - (p - value) ** 2  # noqa: E731
    counted = lambda r: value + lean * (r - value)  # noqa: E731
    for interval, variance in ((wilson, binomial), (poisson, counted)):
        ends = [
            scipy.optimize.brentq(lambda x, v=variance: (x - value) ** 2 - ratio * v(x), *between)
            for between in ((value * 1e-3, value), (value, 1.5))
        ]
        assert interval(value, ratio, lean) == pytest.approx(tuple(ends))


def test_few_groups_are_resampled_by_clip_and_say_so():
    right = np.random.default_rng(4).random(100) < 0.7
    one_speaker = ["yweweler"] * 100
    assert accuracy(right, groups=one_speaker) == accuracy(right)
    assert resampling(one_speaker).startswith("clip: resampled by clip (1 group, 5 needed)")
    assert resampling(["a", "b"] * 50).startswith("clip: resampled by clip (2 groups")
    assert "new groups" in resampling(one_speaker)


def test_enough_groups_are_resampled_by_group_and_say_so():
    assert resampling([str(i % 12) for i in range(100)]) == "group: resampled by group (12 groups)."


def test_no_groups_are_resampled_by_clip_and_say_so():
    assert resampling(None) == resampling([None] * 8) == resampling([]) == "clip: resampled by clip (no groups known)."


def test_a_clip_of_unknown_group_is_a_group_by_itself():
    assert resampling(["a", "b", "c", "d", None, None]) == "group: resampled by group (6 groups)."


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_error_intervals_scale_with_the_unit(scale):
    rng = np.random.default_rng(5)
    truth, guesses = rng.normal(size=(2, 60))
    plain = score("number", guesses, truth)
    scaled = score("number", guesses * scale, truth * scale)
    for name in ("mean_absolute_error", "root_mean_squared_error"):
        assert scaled[name].low == pytest.approx(plain[name].low * scale, rel=1e-9)
        assert scaled[name].high == pytest.approx(plain[name].high * scale, rel=1e-9)
        assert plain[name].low > 0
    assert scaled["pearson"].low == pytest.approx(plain["pearson"].low, abs=1e-9)


def test_pearson_interval_is_near_fishers():
    rng = np.random.default_rng(6)
    truth = rng.normal(size=300)
    guesses = truth + rng.normal(size=300)
    each = score("number", guesses, truth, resamples=4000)["pearson"]
    low, high = scipy.stats.pearsonr(guesses, truth).confidence_interval()
    assert each.low == pytest.approx(low, abs=0.25 * (high - low))
    assert each.high == pytest.approx(high, abs=0.25 * (high - low))


def test_undefined_resamples_are_left_out():
    # One positive clip: a third of the resamples have none, and no ROC.
    truth = np.zeros((12, 1), int)
    truth[3] = 1
    each = score("labels", np.linspace(0, 1, 12)[:, None], truth)["roc_auc_macro"]
    assert 0 <= each.low < each.value < each.high <= 1


@pytest.mark.parametrize(
    ("sizes", "p", "icc"),
    [
        ((1,) * 40, 0.9, 0.0),
        ((1,) * 40, 0.98, 0.0),
        ((1,) * 127, 0.5, 0.0),
        ((10,) * 20, 0.8, 0.15),
        ((5,) * 30, 0.9, 0.1),
        ((50,) * 10, 0.98, 0.1),
        (tuple(range(2, 31, 2)), 0.8, 0.1),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(sizes, p, icc):
    rng = np.random.default_rng(7)
    groups = [str(g) for g, size in enumerate(sizes) for _ in range(size)] if max(sizes) > 1 else None
    held = 0
    for draw in range(400):
        strength = (1 - icc) / icc if icc else None
        chances = rng.beta(p * strength, (1 - p) * strength, len(sizes)) if icc else np.full(len(sizes), p)
        each = accuracy(rng.random(sum(sizes)) < np.repeat(chances, sizes), groups=groups, resamples=200, seed=draw)
        held += each.low <= p <= each.high
    # 400 draws know a share of .95 to ±.022 (two standard errors); benchmarks/interval_coverage.py draws 1,000.
    assert 0.925 <= held / 400 <= 0.985


def test_some_scores_at_another_level_are_those_scores_with_wider_intervals():
    rng = np.random.default_rng(0)
    probabilities, references = rng.dirichlet(np.ones(3), 60), rng.integers(0, 3, 60)
    everything = score("label", probabilities, references)
    chosen = score("label", probabilities, references, names=("accuracy", "f1_macro"), level=0.999)
    assert set(chosen) == {"accuracy", "f1_macro"}
    for name, wide in chosen.items():
        assert wide.value == pytest.approx(everything[name].value)
        assert wide.low < everything[name].low < everything[name].high < wide.high
    hits = round(60 * chosen["accuracy"].value)
    wilson = scipy.stats.binomtest(hits, 60).proportion_ci(0.999, method="wilson")
    # Wilson's own interval, with Student's t at 59 degrees of freedom instead of the normal quantile.
    assert (chosen["accuracy"].low, chosen["accuracy"].high) == pytest.approx(tuple(wilson), abs=0.01)
