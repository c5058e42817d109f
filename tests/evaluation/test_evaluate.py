"""Evaluation: the scores of a saved model on a split are those of its training, and honest about what was left out."""

from __future__ import annotations

import csv
import json

import pytest

import audio_ft as aft
from audio_ft.evaluation.evaluate import evaluate
from audio_ft.run import Run

EVERY = 5


@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_scores_of_the_training_are_found_again(model, small_run, split):
    run = Run.load(small_run)
    evaluation = evaluate(model, run.recipe.data, split)
    assert evaluation.scores.keys() == run.scores[split].keys()
    for name, score in evaluation.scores.items():
        assert score.value == pytest.approx(run.scores[split][name].value, abs=1e-6)
        assert score.n == run.scores[split][name].n
    assert evaluation.scores["accuracy"].low == pytest.approx(run.scores[split]["accuracy"].low, abs=1e-6)
    if split == "test":
        assert evaluation.resampling == run.intervals


def test_accuracy_is_the_share_of_correct_top_predictions(model, few):
    rows = list(csv.DictReader((few / "metadata.csv").open()))
    answers = model([few / row["file_name"] for row in rows])
    right = sum(next(iter(answer)) == row["label"] for answer, row in zip(answers, rows, strict=True))
    evaluation = evaluate(model, aft.Data(path=str(few)))
    assert evaluation.scores["accuracy"].value == pytest.approx(right / len(rows))
    assert evaluation.n == len(rows)


def test_data_without_splits_is_taken_whole_unless_all_are_needed(model, few):
    whole = evaluate(model, aft.Data(path=str(few), group=""))
    assert whole.n == 20
    part = evaluate(model, aft.Data(path=str(few), group="", test=0.5, validation=0.25), need=("train", "test"))
    assert part.n < 20


def test_unreadable_recordings_are_counted_and_named(model, few):
    broken = next(few.glob("*.ogg"))
    broken.write_bytes(b"not audio at all")
    evaluation = evaluate(model, aft.Data(path=str(few)))
    assert evaluation.n == 19
    ((file, reason),) = evaluation.unreadable
    assert file.endswith(broken.name)
    assert reason


def test_nothing_readable_is_an_error(model, few):
    for file in few.glob("*.ogg"):
        file.write_bytes(b"not audio at all")
    with pytest.raises(aft.InputError, match="None of the recordings of the test split"):
        evaluate(model, aft.Data(path=str(few)))


def test_labels_that_the_model_does_not_know_are_named(model, few):
    text = (few / "metadata.csv").read_text().replace(",yes,", ",maybe,")
    (few / "metadata.csv").write_text(text)
    with pytest.raises(aft.InputError, match="'maybe'"):
        evaluate(model, aft.Data(path=str(few)))


def test_an_unknown_split_is_refused(model, few):
    with pytest.raises(aft.InputError, match="train, validation, test"):
        evaluate(model, aft.Data(path=str(few)), "dev")


def test_the_json_face_holds_value_low_high_and_n(model, few):
    plain = json.loads(json.dumps(evaluate(model, aft.Data(path=str(few))).to_dict(), allow_nan=False))
    assert list(plain) == ["scores"]
    assert set(plain["scores"]["accuracy"]) == {"value", "low", "high", "n"}
    assert plain["scores"]["accuracy"]["n"] == 20
