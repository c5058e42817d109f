"""Training rows come in batches of like length, as often as the recipe says, in an order that epoch and seed fix."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_ft.training.steps.sampler import BucketSampler

COUNTS = st.lists(st.integers(1, 30), min_size=2, max_size=5)


def lengths(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1_000, 50_000, count)


def order(sampler: BucketSampler, epoch: int = 0) -> list[int]:
    sampler.epoch = epoch
    return list(sampler)


def classes_of(counts: list[int]) -> np.ndarray:
    return np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))


@given(count=st.integers(1, 300), batch=st.integers(1, 40), seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_every_row_comes_once_an_epoch(count: int, batch: int, seed: int, epoch: int) -> None:
    sampler = BucketSampler(lengths(count), batch, seed)
    rows = order(sampler, epoch)
    assert sorted(rows) == list(range(count))
    assert len(sampler) == count
    assert rows == order(BucketSampler(lengths(count), batch, seed), epoch)


def test_seed_and_epoch_change_the_order() -> None:
    first = order(BucketSampler(lengths(200), 8, 0))
    assert first != order(BucketSampler(lengths(200), 8, 1))
    assert first != order(BucketSampler(lengths(200), 8, 0), epoch=1)


def test_batches_hold_clips_of_like_length_in_no_order_of_length() -> None:
    clips = lengths(1_605)
    batches = np.split(np.asarray(order(BucketSampler(clips, 16, 0)))[:1_600], 100)
    spread = np.mean([np.ptp(clips[batch]) for batch in batches])
    assert spread < 0.1 * np.ptp(clips)
    means = [clips[batch].mean() for batch in batches]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4


@given(count=st.integers(2, 300), batch=st.integers(2, 40))
def test_only_the_last_batch_is_short(count: int, batch: int) -> None:
    """A short batch in the middle would shift all that follow out of their buckets."""
    clips = np.arange(count)
    rows = order(BucketSampler(clips, batch, 0))
    full = [rows[start : start + batch] for start in range(0, count - count % batch, batch)]
    one_bucket = count <= batch * 50
    assert all(len(group) == batch for group in full)
    if one_bucket:  # sorted by length, so a batch is a run of neighbors
        assert all(max(group) - min(group) == batch - 1 for group in full)


@given(counts=COUNTS, epoch=st.integers(0, 3))
def test_over_sampling_repeats_rare_classes_up_to_the_commonest(counts: list[int], epoch: int) -> None:
    classes = classes_of(counts)
    sampler = BucketSampler(lengths(len(classes)), 4, 0, classes=classes, balance="over")
    rows = order(sampler, epoch)
    seen = Counter(int(classes[row % len(classes)]) for row in rows)
    assert set(seen.values()) == {max(counts)}
    assert len(rows) == len(sampler) == max(counts) * len(counts)
    assert len(set(rows)) == len(rows), "each repeat has a number of its own, so that it is augmented differently"
    uses = Counter(row % len(classes) for row in rows)
    assert set(uses) == set(range(len(classes))), "no recording is left out"
    for label in range(len(counts)):
        turns = [uses[row] for row in np.flatnonzero(classes == label)]
        assert max(turns) - min(turns) <= 1


@given(counts=COUNTS)
def test_under_sampling_draws_as_many_of_each_as_the_rarest_has(counts: list[int]) -> None:
    classes = classes_of(counts)
    sampler = BucketSampler(lengths(len(classes)), 4, 0, classes=classes, balance="under")
    rows = order(sampler)
    assert len(rows) == len(sampler) == len(set(rows)) == min(counts) * len(counts)
    assert set(Counter(classes[rows].tolist()).values()) == {min(counts)}


def test_under_sampling_draws_afresh_each_epoch() -> None:
    classes = np.repeat([0, 1], [60, 5])
    sampler = BucketSampler(lengths(65), 4, 0, classes=classes, balance="under")
    drawn = [frozenset(row for row in order(sampler, epoch) if classes[row] == 0) for epoch in range(4)]
    assert len(set(drawn)) == 4


def test_a_label_without_rows_asks_for_nothing() -> None:
    classes = np.asarray([0, 0, 0, 2])
    assert Counter(classes[row % 4] for row in BucketSampler(lengths(4), 2, 0, classes=classes, balance="over")) == {
        0: 3,
        2: 3,
    }


def test_padding_is_what_batches_add_to_their_clips() -> None:
    sampler = BucketSampler(np.asarray([40, 20, 10, 20]), 2, 0)
    # Sorted they are batches of 10 and 20, and of 20 and 40.
    assert sampler.padding(2) == pytest.approx(1 - 90 / (2 * 20 + 2 * 40))
    assert sampler.padding(2, fewest=80) == pytest.approx(1 - 90 / (4 * 80))
    assert BucketSampler(np.full(8, 7), 4, 0).padding(4) == 0


@given(weights=st.lists(st.floats(0.01, 100), min_size=2, max_size=60), seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_rows_are_drawn_by_weight(weights: list[float], seed: int, epoch: int) -> None:
    draws = np.asarray(weights)
    rows = order(BucketSampler(lengths(len(draws)), 4, seed, draws=draws), epoch)
    assert len(rows) == len(draws) == len(set(rows))  # repeats have numbers of their own
    found = Counter(row % len(draws) for row in rows)
    wanted = draws / draws.sum() * len(draws)
    assert all(np.floor(want) - 1e-6 <= found[row] <= np.ceil(want) + 1e-6 for row, want in enumerate(wanted))
    assert rows == order(BucketSampler(lengths(len(draws)), 4, seed, draws=draws), epoch)


def test_rare_rows_are_drawn_in_turn() -> None:
    sampler = BucketSampler(lengths(10), 4, 0, draws=np.asarray([1.0] * 9 + [11.0]))
    found = [Counter(row % 10 for row in order(sampler, epoch)) for epoch in range(100)]
    assert all(epoch[9] in (5, 6) for epoch in found)
    assert all(sum(epoch[row] for epoch in found) > 25 for row in range(9))
