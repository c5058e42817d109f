"""Targets in the forms in which tables have them: each is read as it is meant, and how is said."""

import csv

import pytest

from audio_ft.data import Data, load
from audio_ft.errors import InputError

HOT = ("zero", "one", "speech")


def read(folder, rows, *columns, times=20, **settings):
    """Return the data of a table in which each row occurs some times; a row is a cell or a tuple of several."""
    names = columns or ("label",)
    cells = [row if isinstance(row, tuple) else (row,) for row in rows] * times
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", *names])
        for place, row in enumerate(cells):
            (folder / f"{place:03d}.wav").write_bytes(b"")
            writer.writerow([f"{place:03d}.wav", *row])
    return load(Data(str(folder / "list.csv"), group="", **settings))


def target_of(loaded, place):
    """Return the target of a row of the table."""
    pairs = [pair for rows in loaded.splits.values() for pair in zip(rows["key"], rows["target"], strict=True)]
    return dict(pairs)[f"{place:03d}.wav"]


@pytest.mark.parametrize(
    ("cells", "first", "how"),
    [
        (["dog; cat", "dog", "cat"], ["cat", "dog"], "separated by ';'"),
        (["dog;cat;", "dog;", "cat;"], ["cat", "dog"], "separated by ';'"),
        (["dog,cat,", "dog,", "cat,"], ["cat", "dog"], "separated by ','"),
        ([";dog;cat", ";dog", ";cat"], ["cat", "dog"], "separated by ';'"),
        (["dog||cat", "dog", "cat"], ["cat", "dog"], "separated by '|'"),
        (["dog & cat", "dog", "cat"], ["cat", "dog"], "separated by ' & '"),
        (["dog and cat", "dog", "cat"], ["cat", "dog"], "separated by ' and '"),
        (["dog, cat and owl", "dog", "cat", "owl"], ["cat", "dog", "owl"], "separated by ',' and ' and '"),
        (["dog, cat, and owl", "dog", "cat", "owl"], ["cat", "dog", "owl"], "separated by ','"),
        (["dog;cat", "dog,owl", "cat", "dog", "owl"], ["cat", "dog"], "separated by ';' and ','"),
        (["\u72ac\uff0c\u732b", "\u72ac", "\u732b"], ["\u72ac", "\u732b"], "separated by '\uff0c'"),
        (["\u72ac\u3001\u732b", "\u72ac", "\u732b"], ["\u72ac", "\u732b"], "separated by '\u3001'"),
        (["x\u060c y", "x", "y"], ["x", "y"], "separated by '\u060c'"),
        (['"dog","cat"', '"dog"', '"cat"'], ["cat", "dog"], "without their quotation marks"),
        (['["bird\'s", "cat"]', '["cat"]'], ["bird's", "cat"], "written as lists"),
        (["['dog', None]", "['dog']", "['cat']"], ["dog"], "written as lists"),
        (['[["dog","cat"]]', '[["dog"]]'], ["cat", "dog"], "written as lists"),
        (['[{"label":"dog"},{"label":"cat"}]', '[{"label":"dog"}]'], ["cat", "dog"], "written as lists"),
        (['{"dog": 1, "cat": 0}', '{"dog": 1, "cat": 1}'], ["dog"], "written as lists"),
        (['{"dog": true, "cat": true}', '{"dog": true, "cat": false}'], ["cat", "dog"], "written as lists"),
        (["array(['dog', 'cat'], dtype='<U3')", "array(['dog'], dtype='<U3')"], ["cat", "dog"], "written as lists"),
        (["frozenset({'dog'})", "frozenset({'dog', 'cat'})"], ["dog"], "written as lists"),
        (["{'dog', 'cat'}", "set()", "{'owl'}"], ["cat", "dog"], "written as lists"),
        (["['dog' 'cat'\n 'owl']", "['dog']", "['owl']"], ["cat", "dog", "owl"], "written as lists"),
        (["[0 1 1]", "[1 0 0]", "[0 0 1]"], ["1", "2"], "3 zeros and ones"),
        (["[0. 1. 1.]", "[1. 0. 0.]", "[0. 0. 1.]"], ["1", "2"], "3 zeros and ones"),
        (["tensor([1, 0, 1])", "tensor([0, 1, 0])"], ["0", "2"], "3 zeros and ones"),
        (["1 0 1", "0 1 0", "1 0 0"], ["0", "2"], "3 zeros and ones"),
        (["1,0,1", "0,1,0", "1,0,0"], ["0", "2"], "3 zeros and ones"),
        (["1-0-1", "0-1-0", "1-0-0"], ["0", "2"], "3 zeros and ones"),
    ],
)
def test_several_labels(tmp_path, cells, first, how):
    loaded = read(tmp_path, cells)
    assert (loaded.target.kind, target_of(loaded, 0)) == ("labels", first)
    assert how in loaded.reading


@pytest.mark.parametrize(
    ("cells", "names", "how"),
    [
        (["'dog'", "'cat'"], ("cat", "dog"), "without their quotation marks"),
        (["dog cat", "dog", "cat"], None, "data.separator=' ' splits there"),
        (["dog:cat", "dog", "cat"], None, "data.separator=':' splits there"),
        (["rock and roll", "rock"], None, "' and ' is part of names such as 'rock and roll'"),
        (["R & B", "rock"], None, "data.separator=' & ' splits there"),
        (["living room", "kitchen"], None, "2 classes, one a clip"),
        (["10-20", "20-30", "30-40"], None, "3 classes, one a clip"),
        (["1-0", "0-1", "1-1"], None, "3 classes, one a clip"),
        (["1/2", "3/4"], None, "data.separator='/' splits there"),
        (["001", "002", "010"], None, "data.kind=number reads numbers"),
        (["2024-01-05", "2023-12-31"], None, "2 classes, one a clip"),
        (["True", "False"], None, "2 classes, one a clip"),
        (["10%", "20%", "30%"], None, "3 classes, one a clip"),
        (["1 - bad", "2 - ok", "3 - good"], None, "3 classes, one a clip"),
        (["<5", ">10", "5-10"], None, "3 classes, one a clip"),
    ],
)
def test_one_label(tmp_path, cells, names, how):
    loaded = read(tmp_path, cells)
    assert (loaded.target.kind, set(loaded.target.names)) == ("label", set(names or cells))
    assert how in loaded.reading


@pytest.mark.parametrize(
    ("cells", "first", "how"),
    [
        (["12%", "3.5%", "99%"], 12, "with the unit %: 12% is 12"),
        (["1.5 s", "2.25 s", "3 s"], 1.5, "with the unit s: 1.5 s is 1.5"),
        (["$1.50", "$2.25"], 1.5, "with the unit $: $1.50 is 1.50"),
        (["20.5 \u00b0C", "-3,25 \u00b0C"], None, ""),
        (["1,234.5", "2,345.75", "12.5"], 1234.5, "with separators of thousands: 1,234.5 is 1234.5"),
        (["1.234,5", "2.345,75", "12,5"], 1234.5, "decimal commas and separators of thousands: 1.234,5 is 1234.5"),
        (["1'234.5", "2'345.5"], 1234.5, "with separators of thousands"),
        (["1\u00a0234,5", "2\u00a0345,5"], 1234.5, "with decimal commas and separators of thousands"),
        (["0,125", "1,250", "2,375"], 0.125, "with decimal commas: 0,125 is 0.125"),
        (["\u22121.5", "2.5"], -1.5, "numbers from -1.5 to 2.5"),
        (["1e-3", "2.5E+02", "3.0e1"], 0.001, "numbers from 0.001 to 250"),
        (["+1.5", "-2.5"], 1.5, "numbers from -2.5 to 1.5"),
        ([str(35 * place % 101) for place in range(60)], 0, "numbers from 0 to 99"),  # ratings that occur once
    ],
)
def test_numbers(tmp_path, cells, first, how):
    loaded = read(tmp_path, cells, times=20 if len(cells) < 20 else 1)
    if first is None:
        # Two ways of writing decimals in one column are names.
        assert loaded.target.kind == "label"
        return
    assert (loaded.target.kind, target_of(loaded, 0)) == ("number", first)
    assert how in loaded.reading
    assert read(tmp_path, [*cells, *cells], times=10, kind="label").target.kind == "label"


def test_numbers_that_may_be_two_things_are_refused(tmp_path):
    for kind in (None, "number"):
        with pytest.raises(InputError, match=r"1,234 may be 1234 or 1\.234; write the numbers without separators"):
            read(tmp_path, ["1,234", "2,345", "999"], kind=kind)
    assert read(tmp_path, ["1,234", "2,345", "999"], kind="label").target.names == ("1,234", "2,345", "999")
    with pytest.raises(InputError, match=r"40 of 60 targets are numbers, and 'inf' is not one"):
        read(tmp_path, ["1.5", "inf", "2.5"])


@pytest.mark.parametrize(
    ("no", "yes", "how"),
    [
        ("no", "yes", "no and yes"),
        ("No", "Yes", "no and yes"),
        ("n", "y", "n and y"),
        ("F", "T", "f and t"),
        ("nein", "ja", "nein and ja"),
        ("-", "X", "- and x"),
        ("-1", "1", "-1 and 1"),
        ("0", "1", "0 and 1"),
        ("0.0", "1.0", "0 and 1"),
        ("", "1", "blank and 1"),
        ("", "x", "blank and x"),
        ("", "\u2713", "blank and \u2713"),
    ],
)
def test_columns_of_no_and_yes(tmp_path, no, yes, how):
    rows = [(yes, no, no), (no, yes, yes), (yes, no, yes)]
    loaded = read(tmp_path, rows, *HOT)
    assert (loaded.target.kind, target_of(loaded, 1)) == ("labels", ["one", "speech"])
    assert f"from 3 columns of {how} (zero, one, speech)" in loaded.reading


@pytest.mark.parametrize(
    "rows",
    [
        [("1", "-1", "0"), ("0", "1", "1")],  # -1 is "uncertain" beside 0
        [("0.9", "0.1", "0.0"), ("0.2", "0.8", "0.5")],
        [("3", "0", "2"), ("0", "5", "0")],
    ],
)
def test_columns_of_something_else_are_not_taken_for_labels(tmp_path, rows):
    with pytest.raises(InputError, match="no column name matches the label; the columns are"):
        read(tmp_path, rows, *HOT)


@pytest.mark.parametrize(
    ("columns", "rows", "settings"),
    [
        (("label_0", "label_1"), [("dog", "cat"), ("owl", ""), ("cat", "")], {}),
        (("label1", "label2", "label3"), [("dog", "", "cat"), ("owl", "", ""), ("cat", "owl", "dog")], {}),
        (
            ("primary_label", "secondary_labels"),
            [("dog", "['cat']"), ("owl", "[]"), ("cat", "[]")],
            {"target": "primary_label,secondary_labels"},
        ),
    ],
)
def test_columns_of_labels(tmp_path, columns, rows, settings):
    loaded = read(tmp_path, rows, *columns, **settings)
    assert (loaded.target.names, target_of(loaded, 0), target_of(loaded, 1)) == (
        ("cat", "dog", "owl"),
        ["cat", "dog"],
        ["owl"],
    )
    assert f"from {len(columns)} columns of labels" in loaded.reading


def test_columns_of_two_questions_are_said_to_be_two(tmp_path):
    columns = ("emotion_sad", "emotion_happy", "sex_m", "sex_f")
    rows = [("1", "0", "1", "0"), ("0", "1", "0", "1"), ("1", "0", "0", "1")]
    assert (
        "they are 2 questions with one answer each, and data.target=emotion*" in read(tmp_path, rows, *columns).reading
    )
    assert read(tmp_path, rows, *columns, target="emotion*").target.kind == "label"
