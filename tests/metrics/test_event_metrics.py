"""Scores of events: against sed_eval's numbers, against a search over all assignments, and at their edges."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scores import compare, score

from audio_ft.errors import InputError
from audio_ft.metrics.compute import measured_scores
from audio_ft.metrics.event_samples import EventsSample, Tolerance
from audio_ft.metrics.registry import metrics_of

LABELS = ("c0", "c1", "c2")
Spans = Sequence[tuple[float, float, int]]

# sed_eval 0.2.1 on `drawn(seed)`: SegmentBasedMetrics(time_resolution=1), EventBasedMetrics(t_collar=0.2,
# percentage_of_length=0.2), overall and class-wise averages.
SED_EVAL = {
    0: {
        "event_f1": 0.20618556701030932,
        "event_precision": 0.22727272727272727,
        "event_recall": 0.18867924528301888,
        "event_onset_f1": 0.49484536082474223,
        "segment_f1": 0.6805555555555556,
        "segment_error_rate": 0.5337837837837838,
        "event_f1_macro": 0.20354948942268183,
        "segment_f1_macro": 0.6624327485380117,
        "event_f1[c0]": 0.27027027027027023,
        "event_f1[c1]": 0.06451612903225806,
        "event_f1[c2]": 0.2758620689655172,
    },
    19: {
        "event_f1": 0.45098039215686275,
        "event_precision": 0.5,
        "event_recall": 0.4107142857142857,
        "event_onset_f1": 0.5882352941176471,
        "segment_f1": 0.7243589743589743,
        "segment_error_rate": 0.4602272727272727,
        "event_f1_macro": 0.4467610467610467,
        "segment_f1_macro": 0.7236331569664903,
        "event_f1[c0]": 0.6285714285714286,
        "event_f1[c1]": 0.37837837837837834,
        "event_f1[c2]": 0.3333333333333333,
    },
}


def drawn(seed: int) -> tuple[list[Spans], list[Spans]]:
    """Return true and predicted events of six recordings, three classes, onsets and offsets off by some 150 ms."""
    rng = np.random.default_rng(seed)
    truth, guesses = [], []
    for _ in range(6):
        true, predicted = [], []
        for _ in range(rng.integers(3, 15)):
            onset, length, label = float(rng.uniform(0, 60)), float(rng.uniform(0.1, 4)), int(rng.integers(3))
            true.append((onset, onset + length, label))
            if rng.random() < 0.8:
                moved = max(0, onset + float(rng.normal(0, 0.15))), onset + length + float(rng.normal(0, 0.3)) + 0.3
                predicted.append((*moved, label if rng.random() < 0.85 else int(rng.integers(3))))
        for _ in range(rng.integers(0, 4)):
            onset = float(rng.uniform(0, 60))
            predicted.append((onset, onset + 1, int(rng.integers(3))))
        truth.append(true)
        guesses.append([one for one in predicted if one[1] > one[0]])
    return truth, guesses


def values(truth: Sequence[Spans], guesses: Sequence[Spans], tolerance: Tolerance | None = None) -> dict[str, float]:
    sample = EventsSample.checked(guesses, truth, LABELS, tolerance=tolerance)
    return {name: float(found.values[0]) for name, (_, found) in measured_scores(metrics_of("events"), sample).items()}


@pytest.mark.parametrize("seed", SED_EVAL)
def test_scores_are_those_of_sed_eval(seed: int) -> None:
    found = values(*drawn(seed))
    assert {name: found[name] for name in SED_EVAL[seed]} == pytest.approx(SED_EVAL[seed], abs=1e-12)


def brute_force(truth: Spans, guesses: Spans, *, offsets: bool) -> int:
    """Return the most pairs that match, by trying every assignment of the shorter list."""

    def match(one: tuple[float, float, int], two: tuple[float, float, int]) -> bool:
        near = abs(one[0] - two[0]) <= 0.2 + 1e-9 and one[2] == two[2]
        return near and (not offsets or abs(one[1] - two[1]) <= max(0.2, 0.2 * (one[1] - one[0])) + 1e-9)

    if len(truth) > len(guesses):
        return max(
            sum(match(one, two) for one, two in zip(order, guesses, strict=True))
            for order in itertools.permutations(truth, len(guesses))
        )
    return max(
        sum(match(one, two) for one, two in zip(truth, order, strict=True))
        for order in itertools.permutations(guesses, len(truth))
    )


# On a grid of 50 ms events meet the collars exactly, and many pairs are possible for each.
events = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 30), st.integers(0, 1)).map(
        lambda one: (one[0] / 20, (one[0] + one[1]) / 20, one[2])
    ),
    max_size=5,
)


@given(events, events)
def test_as_many_events_match_as_any_assignment_allows(truth: Spans, guesses: Spans) -> None:
    sample = EventsSample.checked([guesses], [truth], LABELS)
    for criterion, offsets in (("events", True), ("onsets", False)):
        matched, true, predicted = sample.tally(criterion)[0].sum(axis=1)
        assert (true, predicted) == (len(truth), len(guesses))
        assert matched == brute_force(truth, guesses, offsets=offsets)


@given(events, events, st.sampled_from((0.1, 0.25, 1.0)))
def test_segments_are_counted_like_their_definition(truth: Spans, guesses: Spans, length: float) -> None:
    def active(spans: Spans) -> np.ndarray:
        """Return for each segment and class whether an event touches the inside of it."""
        starts = np.arange(0, 4, length)
        return np.array([
            [any(one[2] == label and one[0] < start + length - 1e-9 and one[1] > start + 1e-9 for one in spans)
             for label in range(3)]
            for start in starts
        ])  # fmt: skip

    one, two = active(truth), active(guesses)
    sample = EventsSample.checked([guesses], [truth], LABELS, tolerance=Tolerance(segment=length))
    expected = [(one & two).sum(0), one.sum(0), two.sum(0)]
    np.testing.assert_array_equal(sample.tally("segments")[0], expected)
    missed, added = (one & ~two).sum(1), (two & ~one).sum(1)
    assert sample.segment_errors[0].tolist() == [one.sum(), np.maximum(missed, added).sum()]


def test_settings_decide_which_events_match() -> None:
    truth, guesses = [[(1.0, 11.0, 0)]], [[(1.3, 12.5, 0)]]
    assert values(truth, guesses)["event_f1"] == 0
    assert values(truth, guesses, Tolerance(collar=0.5))["event_f1"] == 1
    assert values(truth, guesses, Tolerance(collar=0.5, offset_share=0.1))["event_f1"] == 0
    assert values(truth, guesses, Tolerance(collar=0.5, offset_share=0.1))["event_onset_f1"] == 1
    assert values(truth, guesses, Tolerance(collar=0.5, offset_share=0.1, offset_collar=1.5))["event_f1"] == 1


def test_nothing_predicted_and_nothing_there() -> None:
    found = values([[(1.0, 2.0, 0)], []], [[], []])
    assert (found["event_f1"], found["event_precision"], found["event_recall"]) == (0, 0, 0)
    assert found["segment_error_rate"] == 1
    assert "event_f1[c1]" not in found, "a class without true and predicted events has no score"
    assert values([[], []], [[], []]) == {}


def test_intervals_are_by_recording_and_two_models_are_compared_in_pairs() -> None:
    truth, guesses = drawn(3)
    found = score("events", guesses, truth, LABELS)["event_f1"]
    assert found.n == 6
    assert 0 < found.low < found.value < found.high < 1
    # The same recordings four times over say more.
    assert score("events", guesses * 4, truth * 4, LABELS)["event_f1"].low > found.low
    comparison = compare("events", guesses * 4, truth * 4, truth * 4, LABELS)
    assert (comparison.metric, comparison.second, comparison.verdict) == ("event_f1", 1.0, "better")


@pytest.mark.parametrize("bad", [[(2.0, 1.0, 0)], [(-1.0, 1.0, 0)], [(1.0, math.inf, 0)], [(1.0, math.nan, 0)]])
def test_an_event_that_ends_before_it_begins_is_refused(bad: Spans) -> None:
    with pytest.raises(InputError, match="expected a later end than start"):
        EventsSample.checked([bad], [[]], LABELS)


def test_lists_of_different_length_and_unknown_classes_are_refused() -> None:
    with pytest.raises(InputError, match="one list of events a clip on both sides, not 1 and 2"):
        EventsSample.checked([[]], [[], []], LABELS)
    with pytest.raises(InputError, match="an event has class 3, and 3 labels were given"):
        EventsSample.checked([[(0, 1, 3)]], [[]], LABELS)
