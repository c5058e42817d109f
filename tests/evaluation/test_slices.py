"""Slices: parts that a person can name, scores of just those clips, and no alarm that chance alone explains."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, mean_absolute_error

import audio_ft as aft
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.slices import ranges, slices, verdict
from audio_ft.targets import Label, Labels, Number, Transcript

LABELS = ("down", "left", "up")


def table(n: int = 300, seed: int = 0, right: float | np.ndarray = 0.8, **columns) -> pd.DataFrame:
    """Return the predictions of a classifier that is right as often as asked."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    predicted = np.where(rng.random(n) < right, truth, (truth + rng.integers(1, 3, n)) % 3)
    probabilities = 0.7 * np.eye(3)[predicted] + 0.1
    return pd.DataFrame(
        {
            "split": "test",
            "file": [f"{row}.wav" for row in range(n)],
            "group": [None] * n,
            "reference": [LABELS[row] for row in truth],
            "prediction": [LABELS[row] for row in predicted],
            "confidence": 0.8,
            "probabilities": list(probabilities),
            **columns,
        }
    )


def meta(**columns) -> list[str]:
    return [json.dumps(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def single(rows: pd.DataFrame) -> Predictions:
    return Predictions(rows, Label(LABELS))


def test_scores_are_those_of_the_clips_in_the_slice():
    rng = np.random.default_rng(1)
    language = rng.choice(["en", "fr", "it"], 300)
    rows = table(meta=meta(language=list(language)))
    found = {one.value: one for one in slices(single(rows), ["language"])}
    assert set(found) == {"en", "fr", "it"}
    for value, one in found.items():
        inside, outside = rows[language == value], rows[language != value]
        assert one.n == len(inside) == one.headline.n
        assert one.headline.value == pytest.approx((inside["reference"] == inside["prediction"]).mean())
        assert one.rest.value == pytest.approx((outside["reference"] == outside["prediction"]).mean())
        assert one.scores["f1_macro"].value == pytest.approx(
            f1_score(inside["reference"], inside["prediction"], average="macro")
        )
        assert one.difference.value == pytest.approx(one.headline.value - one.rest.value)
        assert one.difference.low < one.difference.value < one.difference.high


def test_clips_are_sliced_by_all_their_columns():
    rng = np.random.default_rng(2)
    rows = table(
        group=[f"speaker {row % 6}" for row in range(300)],
        seconds=rng.uniform(0.5, 4.0, 300),
        level=rng.uniform(-40, -10, 300),
        snr=rng.uniform(0, 30, 300),
        rate=rng.choice([8_000, 44_100], 300),
        meta=meta(voice=list(rng.choice(["a", "b"], 300)), age=[int(age) for age in rng.integers(20, 70, 300)]),
    )
    found = slices(single(rows))
    columns = {one.column for one in found}
    assert columns == {"class", "group", "voice", "age", "duration", "loudness", "SNR", "rate"}
    assert {one.value for one in found if one.column == "rate"} == {"8 kHz", "44.1 kHz"}
    durations = [one for one in found if one.column == "duration"]
    assert sum(one.n for one in durations) == 300
    assert len(durations) == 4
    for one in durations:
        low, high = map(float, one.value.removesuffix(" s").split("–"))
        assert rows["seconds"].round(2).between(low - 0.01, high + 0.01).sum() >= one.n
    assert all(" to -" in one.value and one.value.endswith(" dBFS") for one in found if one.column == "loudness")


def test_names_stay_names_and_a_parting_counts_once():
    numbers = [f"{row % 12:02d}" for row in range(300)]
    user_ids = [str(row % 12 + 1) for row in range(300)]
    rows = table(
        group=[f"actor {row % 12}" for row in range(300)],
        meta=meta(number=numbers, row_id=user_ids, empty=[""] * 300, unique=[f"x{row}" for row in range(300)]),
    )
    # All three part the clips alike, so one of them is enough; asked for by name each is there, value by value.
    assert {one.column for one in slices(single(rows))} == {"class", "group"}
    assert {one.value for one in slices(single(rows), ["number"])} == {f"{row:02d}" for row in range(12)}
    assert {one.value for one in slices(single(rows), ["row_id"])} == {str(row) for row in range(1, 13)}
    assert slices(single(rows), ["unique"]) == []
    with pytest.raises(aft.InputError, match=r"no column 'accent'.*class, group, number"):
        slices(single(rows), ["accent"])


def test_a_slice_needs_clips_inside_and_outside():
    few = ["a"] * 9 + ["b"] * 291
    assert slices(single(table(meta=meta(where=few))), ["where"]) == []
    assert verdict([]).startswith("no slice has 10 clips")


def test_a_weak_slice_is_named_with_its_score_and_the_number_looked_at():
    weak = np.arange(300) % 5 == 0
    rows = table(right=np.where(weak, 0.4, 0.95), meta=meta(room=["hall" if one else "studio" for one in weak]))
    found = slices(single(rows))
    assert (found[0].column, found[0].value) == ("room", "hall")
    assert found[0].stands_out
    assert not any(one.stands_out for one in found if one.column == "class")
    sentence = verdict(found)
    assert sentence.startswith(f"the worst of {len(found)} slices is room hall (accuracy 0.")
    assert f"{found[0].rest.value:.3f} elsewhere" in sentence


def test_chance_alone_makes_no_slice_stand_out():
    alarms = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rows = table(seed=seed, right=0.9, n=200, meta=meta(a=list(rng.choice(list("uvwxyz"), 200).astype(str))))
        found = slices(single(rows))
        assert "no slice stands out among 9 looked at; the weakest is " in verdict(found) or found[0].stands_out
        alarms += found[0].stands_out
    assert alarms <= 2  # 5 % of 12 is 0.6; benchmarks/slice_alarms.py counts them in a thousand draws


def test_many_looks_widen_the_interval_of_the_difference():
    rows = table(meta=meta(a=["x", "y"] * 150, b=[f"{row % 20}" for row in range(300)]))
    (one,) = [one for one in slices(single(rows), ["a"]) if one.value == "x"]
    (same,) = [one for one in slices(single(rows), ["a", "b"]) if (one.column, one.value) == ("a", "x")]
    assert same.headline == one.headline
    assert same.difference.low < one.difference.low < one.difference.high < same.difference.high


def test_numbers_are_judged_by_their_distance():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=120)
    error = np.where(np.arange(120) < 40, 2.0, 0.1) * rng.normal(size=120)
    rows = table(120).assign(
        reference=truth, prediction=truth + error, meta=meta(site=["far"] * 40 + ["near"] * 80), probabilities=None
    )
    found = slices(Predictions(rows, Number()))
    assert {one.column for one in found} == {"target", "site"}
    worst = found[0]
    assert (worst.value, worst.stands_out) == ("far", True)
    assert worst.headline.value == pytest.approx(mean_absolute_error(truth[:40], (truth + error)[:40]))
    assert "concordance" in worst.scores


def test_several_labels_are_judged_by_f1():
    rng = np.random.default_rng(0)
    truth = rng.random((200, 3)) < 0.4
    probabilities = np.clip(0.7 * truth + 0.3 * rng.random((200, 3)), 0, 1)
    probabilities[:50] = rng.random((50, 3))
    names = [[LABELS[index] for index in np.flatnonzero(row)] for row in truth]
    rows = table(200).assign(
        reference=names, probabilities=list(probabilities), meta=meta(place=["street"] * 50 + ["room"] * 150)
    )
    found = slices(Predictions(rows, Labels(LABELS)))
    worst = found[0]
    assert (worst.column, worst.value, worst.stands_out) == ("place", "street", True)
    assert worst.headline.value == pytest.approx(f1_score(truth[:50], probabilities[:50] >= 0.5, average="micro"))
    assert "class" not in {one.column for one in found}


def test_transcripts_are_judged_by_word_errors():
    import jiwer

    truth = ["press one for sales"] * 60
    predicted = ["press for sails"] * 15 + ["press one for sales"] * 44 + ["press one four sales"]
    rows = table(60).assign(reference=truth, prediction=predicted, meta=meta(line=["mobile"] * 20 + ["fixed"] * 40))
    found = slices(Predictions(rows, Transcript()))
    worst = found[0]
    assert (worst.value, worst.stands_out) == ("mobile", True)
    assert worst.headline.value == pytest.approx(jiwer.wer(truth[:20], predicted[:20]))
    assert worst.scores["cer"].value == pytest.approx(jiwer.cer(truth[:20], predicted[:20]))


def test_ranges_keep_equal_values_together_and_leave_gaps_out():
    values = [1.0] * 30 + [2.0] * 5 + [3.5] * 15 + [None] * 4
    names = ranges(values, "s", 10)
    assert set(names[:35]) == {"1–2 s"}
    assert set(names[35:50]) == {"3.5 s"}
    assert names[50:] == [None] * 4
    assert ranges([1.0] * 15, "s", 10) == [None] * 15
