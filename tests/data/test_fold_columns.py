"""Folds instead of splits: columns and folders of folds, speakers, and folds made here."""

import re
from collections import Counter

import numpy as np
import pytest
import soundfile

from audio_ft.data import Data, load
from audio_ft.errors import InputError


def recordings(root, *paths):
    """Put something at each path; loading never looks inside."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


@pytest.fixture
def esc50(tmp_path):
    """Make 60 recordings in five folds, two of each Freesound file."""
    rows = [(f"{row % 5 + 1}-{100 + row // 10}{row % 5}-{'AB'[row // 5 % 2]}-{row // 10 % 2}.wav", row % 5 + 1,
             ("dog", "cat")[row // 10 % 2], f"{100 + row // 10}{row % 5}") for row in range(60)]  # fmt: skip
    recordings(tmp_path, *(f"audio/{row[0]}" for row in rows))
    (tmp_path / "meta").mkdir()
    lines = ["filename,fold,category,src_file", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "meta/esc50.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def folds_of(table):
    return {key.split("/")[-1][0] for key in table["key"]}


def test_a_column_of_folds_that_is_not_used_is_named(esc50):
    said = "column 'fold' (5 folds) not used: data.folds=fold trains and tests by all of them, data.test_fold=5 tests"
    assert any(note.startswith(said) for note in load(Data(str(esc50))).warnings)


@pytest.mark.parametrize("fold", [5, "5"])
def test_one_fold_is_the_test_split(esc50, fold):
    loaded = load(Data(str(esc50), test_fold=fold))
    assert folds_of(loaded.splits["test"]) == {"5"}
    assert folds_of(loaded.splits["train"]) | folds_of(loaded.splits["validation"]) == set("1234")
    assert loaded.rule.startswith("given by fold 5 of column 'fold': train, test; validation made here out of train")
    assert not any("not used" in note for note in loaded.warnings)


def test_folds_of_a_column(esc50):
    loaded = load(Data(str(esc50), folds="fold"))
    assert loaded.folds == ("1", "2", "3", "4", "5")
    assert folds_of(loaded.splits["test"]) == {"1"}


def test_folds_made_here_keep_groups_together(esc50):
    tested = []
    for fold in range(1, 5):
        loaded = load(Data(str(esc50), folds=4, test_fold=fold))
        assert loaded.folds == ("1", "2", "3", "4")
        found = [set(split["group"]) for split in loaded.splits.values()]
        assert len(set.union(*found)) == sum(map(len, found))
        tested += loaded.splits["test"]["key"]
    assert len(tested) == len(set(tested)) == 60


def test_speakers_in_file_names_can_be_the_folds(tmp_path):
    recordings(tmp_path, *(f"{word}/{speaker:08x}_nohash_{take}.wav" for word in ("no", "yes") for speaker in range(4)
                           for take in range(3)))  # fmt: skip
    loaded = load(Data(str(tmp_path), folds="speaker"))
    assert len(loaded.folds) == 4
    assert set(loaded.splits["test"]["group"]) == {"00000000"}


def test_folders_of_folds_are_no_classes(tmp_path):
    recordings(tmp_path, *(f"fold{fold}/{label}/{take}.wav" for fold in (1, 2, 3) for label in ("cat", "dog")
                           for take in range(4)))  # fmt: skip
    loaded = load(Data(str(tmp_path), test_fold="fold2"))
    assert loaded.target.names == ("cat", "dog")
    assert {key.split("/")[0] for key in loaded.splits["test"]["key"]} == {"fold2"}
    assert any("column 'fold' (3 folds) not used" in note for note in load(Data(str(tmp_path))).warnings)


def test_splits_that_folds_replace_are_named(tmp_path):
    recordings(tmp_path, *(f"{split}/{label}/{speaker:08x}_nohash_{len(split)}.wav" for split in ("train", "test")
                           for label in ("no", "yes") for speaker in range(6)))  # fmt: skip
    loaded = load(Data(str(tmp_path), folds="speaker"))
    assert "splits train, test of the data not used, because of data.folds" in loaded.warnings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"folds": "speaker"}, "no column 'speaker'; the columns are"),
        ({"test_fold": 7}, "data.test_fold: expected one of 1, 2, 3, 4, 5, got '7'"),
        ({"folds": 500}, "expected at least 500 clips for 500 folds, got 60"),
        ({"folds": 40}, "src_file: 40 folds need 40 of them to be disjoint, got 30"),
    ],
)
def test_folds_that_do_not_exist_are_refused(esc50, settings, words):
    with pytest.raises(InputError, match=re.escape(words)):
        load(Data(str(esc50), **settings))


@pytest.mark.parametrize("value", [1, 0, True, "", [2], 10**400, float("nan")])
def test_folds_of_another_type_are_refused(value):
    with pytest.raises(InputError, match=r"data\.folds: expected"):
        Data("somewhere", folds=value)


def test_folds_with_gaps_are_refused(esc50):
    table = esc50 / "meta/esc50.csv"
    text = table.read_text().split("\n")
    table.write_text("\n".join([text[0], re.sub(r",1,", ",,", text[1]), *text[2:]]))
    with pytest.raises(InputError, match="1 row without column 'fold'"):
        load(Data(str(esc50), folds="fold"))


def test_no_folds_to_test_on(tmp_path):
    recordings(tmp_path, *(f"{label}/{take}.wav" for label in ("no", "yes") for take in range(8)))
    with pytest.raises(InputError, match=r"no column of folds for data\.test_fold; name it with data\.folds=COLUMN"):
        load(Data(str(tmp_path), test_fold=1))


def test_folds_made_here_keep_recordings_whole_and_classes_spread(tmp_path):
    """Six talks have parts of two speakers each, 18 recordings one of their own; folds have a share of each class."""
    rows = [(f"talk{talk}.wav", start, start + 1, f"s{talk}{start % 2}", "abc"[(talk + start) % 3])
            for talk in range(6) for start in range(6)]  # fmt: skip
    rows += [(f"own{take}.wav", 0, 1, f"t{take}", "abc"[take % 3]) for take in range(18)]
    for name in {row[0] for row in rows}:
        soundfile.write(tmp_path / name, np.zeros(6 * 800), 800)
    lines = ["file,start,end,speaker,label", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n")
    tested = []
    for fold in "123":
        splits = load(Data(str(tmp_path / "list.csv"), folds=3, test_fold=fold, start="start:s", end="end:s")).splits
        files = [{audio["path"] for audio in split["audio"]} for split in splits.values()]
        groups = [set(split["group"]) for split in splits.values()]
        for found in (files, groups):
            assert len(set.union(*found)) == sum(map(len, found))
        counts = Counter(splits["test"]["target"])
        assert max(counts.values()) - min(counts.values()) <= 2
        tested += splits["test"]["key"]
    assert len(tested) == len(set(tested)) == len(rows)
