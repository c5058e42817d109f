"""Rows of one recording become one list of events: from tables, lists in cells, label tracks and prepared folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_ft import Data
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.data import load
from audio_ft.data.prepare import prepare
from audio_ft.doctor.inspect import inspect
from audio_ft.errors import InputError
from audio_ft.targets import Events

RATE = 8_000
TABLE = """file,onset,offset,label,split,place,speaker
a.wav,1.0,2.5,dog,train,yard,ann
a.wav,0.5,1.5,owl,train,yard,bob
a.wav,0.5,1.5,owl,train,yard,bob
b.wav,,,,train,wood,cem
c.wav,3.0,3.5,dog,test,wood,dee
d.wav,0.2,0.9,owl,validation,yard,eve
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abcd":
        wave = np.random.default_rng(ord(name)).normal(0, 0.1, 4 * RATE)
        wave[: RATE // 2] = 0  # which Trim would cut
        soundfile.write(tmp_path / f"{name}.wav", wave, RATE)
    (tmp_path / "events.csv").write_text(TABLE)
    return tmp_path


def event(onset: float, offset: float, label: str) -> dict[str, object]:
    return {"onset": onset, "offset": offset, "label": label}


def test_all_rows_of_a_recording_are_one_list_in_order_of_time(folder: Path) -> None:
    loaded = load(Data(path=str(folder / "events.csv"), group=""), targets=(Events,))
    train = loaded.splits["train"]
    assert list(train["key"]) == ["a.wav", "b.wav"]
    assert list(train["target"]) == [[event(0.5, 1.5, "owl"), event(1.0, 2.5, "dog")], []]
    assert "start" not in train.column_names, "the whole recording is read"
    assert loaded.target.names == ("dog", "owl")
    said = " ".join(loaded.warnings)
    assert "1 recording of 4 has no event" in said
    assert "1 event listed more than once, with the same times and label, count once" in said
    # What differs between the rows of a recording is about its events.
    assert json.loads(train["meta"][0]) == {"split": "train", "place": "yard"}


def test_groups_that_share_a_recording_become_one(folder: Path) -> None:
    loaded = load(Data(path=str(folder / "events.csv"), group="speaker"), targets=(Events,))
    assert list(loaded.splits["train"]["group"]) == ["ann", "cem"]


def test_a_recording_with_events_in_two_splits_is_refused(folder: Path) -> None:
    (folder / "events.csv").write_text(TABLE + "a.wav,3,3.2,dog,test,yard,ann\n")
    with pytest.raises(InputError, match=r"the rows of a\.wav are in two splits, test and train"):
        load(Data(path=str(folder / "events.csv")), targets=(Events,))


@pytest.mark.parametrize(
    "cell",
    [
        [{"onset": 0.5, "offset": 1.0, "label": "dog"}, {"onset": 2, "offset": 3, "label": "owl"}],
        [{"start": 0.5, "end": 1.0, "event_label": "dog"}, {"start": 2, "end": 3, "event_label": "owl"}],
        {"onset": [0.5, 2], "offset": [1.0, 3], "label": ["dog", "owl"]},
    ],
)
def test_lists_of_events_in_cells_are_read_however_they_are_written(folder: Path, cell: object) -> None:
    lines = [json.dumps({"file": f"{name}.wav", "events": cell, "split": split})
             for name, split in zip("abcd", ("train", "train", "test", "validation"), strict=True)]  # fmt: skip
    (folder / "events.csv").unlink()
    (folder / "events.jsonl").write_text("\n".join(lines))
    loaded = load(Data(path=str(folder / "events.jsonl")), targets=(Events,))
    assert list(loaded.splits["test"]["target"]) == [[event(0.5, 1.0, "dog"), event(2.0, 3.0, "owl")]]


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        (
            '[{""onset"": 1, ""label"": ""dog""}]',
            "expected an event with onset, offset and label in",
        ),
        ('[{""onset"": 2, ""offset"": 1, ""label"": ""dog""}]', "an event of row 1 lasts from 2 to 1 s; expected two"),
        ('[{""onset"": 2', "the events of row 1 are not JSON"),
    ],
)
def test_a_list_of_events_that_is_wrong_is_refused_with_its_row(folder: Path, cell: str, sentence: str) -> None:
    (folder / "events.csv").write_text(f'file,events\na.wav,"{cell}"\nb.wav,\nc.wav,\n')
    with pytest.raises(InputError, match=sentence):
        load(Data(path=str(folder / "events.csv")), targets=(Events,))


def test_several_labels_in_a_cell_are_events_at_the_same_time(folder: Path) -> None:
    rows = "a.wav,1,2,dog;owl,train", "b.wav,0,1,dog,validation", "c.wav,0,1,owl,test"
    (folder / "events.csv").write_text("\n".join(("file,start,end,label,split", *rows)))
    loaded = load(Data(path=str(folder / "events.csv"), separator=";"), targets=(Events,))
    assert loaded.splits["train"]["target"][0] == [event(1, 2, "dog"), event(1, 2, "owl")]


def test_prepared_recordings_keep_their_times_and_are_read_again(folder: Path, tmp_path: Path) -> None:
    done = prepare(Data(path=str(folder / "events.csv")), DEFAULT_CHAIN, tmp_path / "prepared", targets=(Events,))
    assert [type(step).__name__ for step in done.report.chain.steps] == ["Resample", "Mono", "BandPass", "Normalize"]
    assert "--task events" in (tmp_path / "prepared" / "README.txt").read_text()
    again = load(Data(path=str(tmp_path / "prepared")), targets=(Events,))
    assert again.splits["train"]["target"][:] == [[event(0.5, 1.5, "owl"), event(1.0, 2.5, "dog")], []]
    assert soundfile.info(tmp_path / "prepared" / "processed" / "a.wav").duration == 4.0


def test_inspect_counts_events(folder: Path) -> None:
    found = inspect(Data(path=str(folder / "events.csv")), targets=(Events,))
    assert found.problem is None
    assert found.splits["train"].events == {"all": 2, "overlapping": 1, "without": 1, "median": 1.25, "longest": 1.5}
    assert found.splits["train"].classes == {"dog": 1, "owl": 1}
