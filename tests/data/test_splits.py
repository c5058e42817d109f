"""Splits: disjoint by group, complete, stratified, and blind to the order of rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from audio_ft.data.rows import Rows
from audio_ft.data.splitting.splits import SPLITS, leaks, sample, split
from audio_ft.errors import InputError
from audio_ft.targets import Label, Labels, Number

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12)), min_size=3, max_size=150)


def apart(rows):
    """Return targets, groups and keys of (label, speaker) rows."""
    return (
        [label for label, _ in rows],
        [f"s{who:02d}" for _, who in rows],
        [f"{row:04d}" for row in range(len(rows))],
    )


def labels_of(parts, targets):
    return {name: Counter(targets[row] for row in rows) for name, rows in parts.items()}


@given(rows=ROWS, seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_groups_stay_in_one_split_and_every_row_is_assigned(rows, seed):
    targets, groups, keys = apart(rows)
    if len(set(groups)) < 3:
        with pytest.raises(InputError, match="speaker: train, validation and test need 3"):
            split(targets, groups, seed=seed, keys=keys, by="speaker")
        return
    parts = split(targets, groups, seed=seed, keys=keys)
    assert sorted(row for own in parts.values() for row in own) == list(range(len(rows)))
    found = [{groups[row] for row in parts[name]} for name in SPLITS]
    assert all(found)
    assert len(set.union(*found)) == sum(map(len, found))


@given(rows=ROWS, seed=st.integers(0, 3), data=st.data())
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("grouped", [True, False])
def test_the_order_of_rows_changes_nothing(grouped, rows, seed, data):
    targets, groups, keys = apart(rows)
    order = data.draw(st.permutations(range(len(rows))))

    def outcome(order):
        own = [groups[row] for row in order] if grouped else None
        try:
            parts = split([targets[row] for row in order], own, seed=seed, keys=[keys[row] for row in order])
        except InputError as error:
            return str(error)
        return {name: sorted(keys[order[row]] for row in rows) for name, rows in parts.items()}

    assert outcome(order) == outcome(range(len(rows)))


def test_without_keys_the_rows_of_a_class_are_interchangeable():
    targets = list("aabbbbabab" * 8)
    backwards = split(targets[::-1], seed=4)
    assert labels_of(split(targets, seed=4), targets) == labels_of(backwards, targets[::-1])


@given(
    sizes=st.lists(st.integers(3, 60), min_size=2, max_size=8),
    shares=st.sampled_from([(0.1, 0.1), (0.2, 0.1), (0.15, 0.3)]),
    seed=st.integers(0, 3),
)
@settings(max_examples=60, deadline=None)
def test_without_groups_each_class_is_within_a_clip_of_its_share(sizes, shares, seed):
    targets = [f"c{code}" for code, size in enumerate(sizes) for _ in range(size)]
    counts = labels_of(split(targets, validation=shares[0], test=shares[1], seed=seed), targets)
    for code, size in enumerate(sizes):
        for name, share in zip(("validation", "test"), shares, strict=True):
            assert 1 <= counts[name][f"c{code}"] <= size
            assert abs(counts[name][f"c{code}"] - share * size) < 1.5
        assert counts["train"][f"c{code}"] >= 1


def test_a_class_with_too_few_clips_stays_in_train():
    targets = ["often"] * 40 + ["rare"] * 2
    counts = labels_of(split(targets), targets)
    assert counts["train"]["rare"] == 2
    assert set(counts["test"]) == set(counts["validation"]) == {"often"}


def test_seeds_differ_and_repeat():
    targets = ["a", "b"] * 100
    assert split(targets, seed=1) == split(targets, seed=1)
    assert split(targets, seed=1) != split(targets, seed=2)
    groups = [f"s{row % 40}" for row in range(200)]
    assert split(targets, groups, seed=1) == split(targets, groups, seed=1)
    assert split(targets, groups, seed=1) != split(targets, groups, seed=2)


def imbalance(rows, targets):
    """Return the largest gap between a class's share of the test split and its share of all."""
    chosen = Counter(targets[row] for row in rows)
    return max(abs(chosen[label] / len(rows) - number / len(targets)) for label, number in Counter(targets).items())


@pytest.mark.parametrize("seed", range(5))
def test_classes_are_balanced_as_well_as_by_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    groups = [f"s{who:02d}" for who in range(30) for _ in range(generator.integers(5, 60))]
    favorite = generator.dirichlet([0.7] * 4, size=30)
    targets = [str(generator.choice(4, p=favorite[int(own[1:])])) for own in groups]
    parts = split(targets, groups, validation=0.0, test=0.2, seed=seed)
    assert parts["validation"] == []
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(targets, targets, groups)
    theirs = np.mean([imbalance(rows, targets) for _, rows in folds])
    assert imbalance(parts["test"], targets) <= theirs + 0.01
    assert abs(len(parts["test"]) / len(targets) - 0.2) < 0.02


def test_every_class_is_trained_on_where_groups_allow_it():
    # Only s2 speaks both words, so only s2 can be in train.
    targets = ["x"] * 20 + ["y"] * 20 + ["x", "y"] * 3
    groups = ["s0"] * 20 + ["s1"] * 20 + ["s2"] * 6
    for seed in range(5):
        assert {groups[row] for row in split(targets, groups, seed=seed)["train"]} == {"s2"}


def test_rows_without_group_stand_alone():
    targets = ["a", "b"] * 30
    groups = ["s0"] * 10 + [None] * 50
    parts = split(targets, groups)
    assert len({name for name, rows in parts.items() for row in rows if groups[row] == "s0"}) == 1
    assert all(parts.values())


def test_several_labels_a_row_are_stratified():
    generator = np.random.default_rng(0)
    targets = [sorted({f"t{tag}" for tag in generator.choice(6, size=generator.integers(1, 4))}) for _ in range(600)]
    parts = split(targets, target=Labels, seed=3)
    whole = Counter(tag for tags in targets for tag in tags)
    for name, share in (("validation", 0.1), ("test", 0.1)):
        assert abs(len(parts[name]) - 60) <= 3
        part = Counter(tag for row in parts[name] for tag in targets[row])
        assert all(abs(part[tag] - share * number) <= 3 for tag, number in whole.items())


def test_numbers_are_stratified_by_size():
    values = list(np.random.default_rng(1).exponential(size=500))
    parts = split(values, target=Number, seed=0)
    quantiles = np.quantile(values, [0.25, 0.5, 0.75])
    for name in ("validation", "test"):
        shares = np.bincount(np.searchsorted(quantiles, [values[row] for row in parts[name]]), minlength=4) / 50
        assert np.abs(shares - 0.25).max() < 0.09


@pytest.mark.parametrize(
    ("count", "settings_", "words"),
    [(2, {}, "at least 3 clips"), (9, {"validation": 0.6, "test": 0.5}, "less than 1 together"),
     (9, {"test": -0.1}, "at least 0")],
)  # fmt: skip
def test_invalid_shares_and_too_few_rows_are_refused(count, settings_, words):
    with pytest.raises(InputError, match=words):
        split(["a"] * count, **settings_)


def test_classes_too_small_for_three_splits_are_refused_together():
    with pytest.raises(InputError, match="too few clips for a validation split"):
        split(["a", "a", "b", "b", "c"])


@given(sizes=st.lists(st.integers(1, 40), min_size=2, max_size=6), limit=st.integers(1, 60), seed=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_sample_includes_every_class_it_has_room_for(sizes, limit, seed):
    targets = [f"c{code}" for code, size in enumerate(sizes) for _ in range(size)]
    keys = [str(row) for row in range(len(targets))]
    rows = sample(targets, keys, limit=limit, seed=seed, target=Label)
    assert rows == sorted(set(rows))
    assert len(rows) == min(limit, len(targets))
    assert len({targets[row] for row in rows}) == min(len(sizes), limit)


def loaded(kind=Label, **splits):
    """Return loaded data of (target, group) rows."""
    parts = {
        name: Rows({}, [f"{name}/{row}" for row in range(len(rows))], [],
                   targets=[target for target, _ in rows], groups=[group for _, group in rows])
        for name, rows in splits.items()
    }  # fmt: skip
    return parts, kind(), "speaker"


def test_leaks_name_the_groups_in_two_splits():
    train = [("a", "ann"), ("b", "bob")]
    notes = leaks(*loaded(train=train, test=[("a", "ann"), ("b", "eve")]))
    assert len(notes) == 1
    assert "1 speaker value in both train and test (ann)" in notes[0]
    (note,) = leaks(*loaded(train=train, test=[("a", "ann"), ("b", "bob")]))
    assert note.startswith("2 speaker values in both train and test (ann, bob): ")
    assert leaks(*loaded(train=train, test=[("a", "eve"), ("b", None)])) == ()


def test_leaks_name_groups_that_are_spelled_in_two_ways():
    (note,) = leaks(*loaded(train=[("a", "Ann"), ("b", "eve")], test=[("a", "ann "), ("b", "Bob")]))
    assert "1 speaker value in train and test differs only in spelling" in note
    assert "'Ann' and 'ann '" in note
    (note,) = leaks(*loaded(train=[("a", "Ann"), ("b", "bob")], test=[("a", "ann "), ("b", "Bob")]))
    assert "2 speaker values in train and test differ only in spelling" in note


def test_leaks_name_the_classes_that_a_split_lacks():
    (note,) = leaks(*loaded(train=[("a", "1"), ("b", "2"), ("c", "3")], test=[("b", "4")]))
    assert note == "no clip of a, c in test"
    (note,) = leaks(*loaded(train=[(letter, letter) for letter in "abcdefgh"], test=[("b", "4")]))
    assert note == "no clip of a, c, d, e, f and 2 more in test"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (loaded(train=[("a", None), ("b", None)], test=[("c", None)]), "labels 'c' are in test and not in train"),
        (
            loaded(train=[("a", None), ("b", None)], test=[(f"{number:03}", None) for number in range(300)]),
            "labels '000', '001', '002', '003', '004' and 295 more are in test and not in train",
        ),
        (loaded(train=[("a", None), ("a", None)]), "only 'a'"),
        (loaded(kind=Number, train=[(1.5, None), (1.5, None)]), "only 1.5"),
        (loaded(train=[("a", None), ("b", None)], validation=[]), "split 'validation' is empty"),
    ],
)
def test_splits_without_enough_labels_are_refused(data, words):
    with pytest.raises(InputError, match=words):
        leaks(*data)
