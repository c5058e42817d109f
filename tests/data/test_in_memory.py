"""Tables in memory are data: saved in the cache once, and read like files from there."""

from __future__ import annotations

import os
from pathlib import Path

import pandas
import pytest
from checkpoints import WORDS
from datasets import Dataset, DatasetDict

import audio_ft as aft
from audio_ft.data import load
from audio_ft.targets.label import Label

FILES = sorted((Path(WORDS) / "train").glob("*.ogg"))[:24]
LABELS = [file.stem.rpartition("_")[2] for file in FILES]


def targets(data: aft.Data) -> dict[str, str]:
    table = load(data, targets=(Label,), need=("train",)).splits["train"]
    return {Path(str(key)).name: target for key, target in zip(table["key"], table["target"], strict=True)}


def test_a_frame_is_read_like_the_file_it_is_saved_as(monkeypatch):
    """Paths in it start from the working folder, as those that a user types."""
    monkeypatch.chdir(FILES[0].parent)
    data = aft.Recipe(model="x", data=pandas.DataFrame({"file": [file.name for file in FILES], "label": LABELS})).data
    assert data.root == os.getcwd()
    assert targets(data) == {file.name: label for file, label in zip(FILES, LABELS, strict=True)}


def test_a_frame_is_saved_once():
    frame = pandas.DataFrame({"file": [str(file) for file in FILES], "label": LABELS})
    assert aft.Data.accept(frame) == aft.Data.accept(frame.copy())
    assert aft.Data.accept(frame).path != aft.Data.accept(frame.iloc[1:]).path


def test_data_sets_of_datasets_are_data():
    rows = {"audio": [{"path": None, "bytes": file.read_bytes()} for file in FILES], "label": LABELS}
    one = Dataset.from_dict(rows)
    tables = (one, DatasetDict(train=one), DatasetDict(train=one, test=one.select(range(8))))
    for table in tables:
        assert sorted(targets(aft.Data.accept(table)).values()) == sorted(LABELS)
    assert len({aft.Data.accept(table).path for table in (*tables, DatasetDict(test=one))}) == 4


def test_functions_take_what_the_command_line_takes():
    frame = pandas.DataFrame({"file": [str(file) for file in FILES], "label": LABELS})
    assert sum(split.clips for split in aft.inspect(frame, decode=False).splits.values()) == len(FILES)


def test_a_column_that_parquet_cannot_hold_is_named():
    frame = pandas.DataFrame({"file": [str(file) for file in FILES], "label": [*LABELS[1:], 3]})
    with pytest.raises(aft.InputError, match="label"):
        aft.Data.accept(frame)
