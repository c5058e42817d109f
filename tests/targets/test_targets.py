"""Targets: each kind reads cells, refuses what is not of its kind, and keeps its predictions through a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_ft.errors import InputError
from audio_ft.targets import Events, Label, Labels, Number, Target, Transcript, target_class
from audio_ft.tasks.classification import objective_of

NAMES = ("cat", "dog", "owl")


def test_a_kind_is_found_by_its_name_and_an_unknown_one_is_refused() -> None:
    kinds = {"label": Label, "labels": Labels, "number": Number, "transcript": Transcript, "events": Events}
    assert {kind: target_class(kind) for kind in kinds} == kinds
    with pytest.raises(InputError, match=r"kind: expected one of label, .*labels, number, transcript"):
        target_class("lable")


@pytest.mark.parametrize(
    ("kind", "cell", "sentence"),
    [
        (Label, ["a", "b"], "expected one label a row"),
        (Number, "loud", "expected a finite number for x.wav, got 'loud'"),
        (Number, float("inf"), "expected a finite number"),
        (Transcript, ["a"], "expected a transcript as text"),
    ],
)
def test_a_cell_of_another_kind_is_refused(kind: type[Target], cell: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        kind.parse([cell], "list.csv, column 'c'", ["x.wav"])


@pytest.mark.parametrize("kind", [Label, Number])
def test_an_empty_cell_is_refused_with_its_recording(kind: type[Target]) -> None:
    with pytest.raises(InputError, match=r"1 row has no target \(first: x\.wav\)"):
        kind.parse([" "], "list.csv", ["x.wav"])


def test_an_empty_cell_is_an_empty_list_of_labels_and_an_empty_transcript() -> None:
    assert Labels.parse([""], "list.csv", ["x.wav"]) == [[]]
    assert Transcript.parse([None], "list.csv", ["x.wav"]) == [""]


@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=20), st.integers(0, 99))
def test_predictions_of_labels_survive_a_table(truth: list[str], seed: int) -> None:
    target = Label(NAMES)
    raw = np.random.default_rng(seed).random((len(truth), 3))
    predictions = raw / raw.sum(1, keepdims=True)
    table = pd.DataFrame({"reference": truth, **target.columns([target.as_dict(row) for row in predictions], truth)})
    np.testing.assert_allclose(target.stored_predictions(table), predictions)
    assert target.stored_references(table).tolist() == target.encode(truth).tolist()
    assert list(table["prediction"]) == [NAMES[place] for place in predictions.argmax(1)]


@given(st.lists(st.sets(st.sampled_from(NAMES)).map(sorted), min_size=1, max_size=20), st.integers(0, 99))
def test_predictions_of_several_labels_survive_a_table(truth: list[list[str]], seed: int) -> None:
    target = Labels(NAMES)
    predictions = np.random.default_rng(seed).random((len(truth), 3))
    table = pd.DataFrame({"reference": truth, **target.columns([target.as_dict(row) for row in predictions], truth)})
    np.testing.assert_allclose(target.stored_predictions(table), predictions)
    np.testing.assert_array_equal(target.stored_references(table), target.encode(truth))


def test_a_target_of_another_package_takes_the_objective_of_what_it_derives_from() -> None:
    class Loudness(Number):
        """A number of its own, without a kind to register."""

    assert [objective_of(kind).problem_type for kind in (Label, Labels, Number, Loudness)] == [
        "single_label_classification",
        "multi_label_classification",
        "regression",
        "regression",
    ]
    with pytest.raises(InputError, match="cannot learn targets of kind 'transcript'"):
        objective_of(Transcript)
