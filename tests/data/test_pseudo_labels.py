"""Pseudo-labels stay in train and are counted; consent and license of a table are read and said."""

from __future__ import annotations

import csv
import dataclasses
import json

import pytest
import soundfile
from checkpoints import RATE, speech

from audio_ft import Data, Run
from audio_ft.data import load
from audio_ft.errors import InputError
from audio_ft.reporting.card import model_card


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a table of 24 recordings of six speakers, changed row by row."""
    for number in range(24):
        soundfile.write(tmp_path / f"{number:02}.wav", speech(1_600, number), RATE)

    def write(change, **more):
        rows = [
            {"file_name": f"{number:02}.wav", "label": "ab"[number % 2], "speaker": f"s{number % 12 // 2}", **more}
            for number in range(24)
        ]
        for number, row in enumerate(rows):
            change(number, row)
        path = tmp_path / "table.csv"
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        return Data(path=str(path), validation=0.2, test=0.2)

    return write


def predicted(numbers):
    def change(number, row):
        row["label_source"] = "pseudo" if number in numbers else "person"

    return change


def keys(loaded, split):
    return set(loaded.splits[split]["key"])


def test_pseudo_labels_are_in_train_only_and_counted(table):
    def change(number, row):
        predicted({20, 21, 22, 23})(number, row)
        if number >= 20:
            row["speaker"] = f"new{number}"

    loaded = load(data := table(change))
    assert {"20.wav", "21.wav", "22.wav", "23.wav"} <= keys(loaded, "train")
    assert loaded.pseudo == 4
    train = len(loaded.splits["train"])
    assert f"4 of {train} training targets are pseudo-labels, which a model predicted" in loaded.warnings
    rows = {
        row["key"]: json.loads(row["meta"])["label_source"] for row in loaded.splits["train"].remove_columns("audio")
    }
    assert rows["20.wav"] == "pseudo"
    assert rows[min(rows)] == "person"
    without = load(data.replace(where=("label_source=person",)))
    for split in ("validation", "test"):  # the splits are those of the recordings that people labeled
        assert keys(loaded, split) == keys(without, split)


def test_pseudo_labels_of_speakers_in_the_test_are_left_out(table):
    loaded = load(table(predicted(set(range(12, 24)))))
    held = {group for split in ("validation", "test") for group in loaded.splits[split]["group"]}
    assert held
    assert not held & set(loaded.splits["train"]["group"])
    left = 12 - loaded.pseudo
    assert left > 0
    assert f"{left} pseudo-labels of groups or recordings in validation or test left out" in loaded.warnings


def test_pseudo_labels_in_a_test_split_are_refused(table):
    def change(number, row):
        predicted({23})(number, row)
        row["split"] = "test" if number > 16 else "train"

    with pytest.raises(InputError, match=r"1 row of test have pseudo-labels .* data.where=label_source!=pseudo"):
        load(table(change), need=("train", "test"))


def test_pseudo_labels_alone_are_refused(table):
    with pytest.raises(InputError, match="all targets of train are pseudo-labels"):
        load(table(predicted(set(range(24)))))


def test_consent_and_license_are_read_and_a_no_is_said(table):
    def change(number, row):
        row |= {"consent": "no" if number in (3, 5) else "yes", "license": "CC0" if number % 3 else ""}

    loaded = load(table(change))
    assert loaded.rights == {"consent": {"no": 2, "yes": 22}, "license": {"CC0": 16, "not stated": 8}}
    assert any(
        note == "2 rows without consent (column 'consent' says 'no') are used like all others; data.where=consent!=no "
        "leaves them out"
        for note in loaded.warnings
    )
    left = load(table(change).replace(where=("consent!=no",)))
    assert left.rights["consent"] == {"yes": 22}
    assert not any("consent" in note for note in left.warnings)


def test_card_says_what_is_predicted_and_what_was_agreed(small_run):
    run = Run.load(small_run)
    texts = dict.fromkeys(("intended_use", "limits", "consent"), "As the text says.")
    facts = {"pseudo_labels": 312, "rights": {"license": {"CC BY 4.0": 40, "CC0": 2}}}
    run = dataclasses.replace(run, recipe=run.recipe.replace(**texts), data={**run.data, **facts})
    card = model_card(run)
    assert "**312 of the training targets are pseudo-labels**, which a model predicted" in card
    assert "in its column `license`: CC BY 4.0 (40 recordings), CC0 (2)." in card
    plain = model_card(dataclasses.replace(run, data={**run.data, "pseudo_labels": 0, "rights": {}}))
    assert "pseudo" not in plain
