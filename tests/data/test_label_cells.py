"""What cells of labels mean: several labels, numbers, gaps, one-hot columns; said in a line, overruled by a setting."""

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, Value

from audio_ft.cli.main import main
from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.targets import Label, Labels, Number


def listing(folder, cells, column="label", **columns):
    """Write a table with one recording a cell."""
    names = [f"{row:03d}.wav" for row in range(len(cells))]
    with (folder / "list.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file_name", column, *columns])
        writer.writerows(zip(names, cells, *columns.values(), strict=True))
    for name in names:
        (folder / name).write_bytes(name.encode())
    return str(folder / "list.csv")


def read(folder, cells, column="label", **settings):
    """Return (kind, names, reading, warnings, targets by row in order of keys)."""
    loaded = load(Data(listing(folder, cells, column), **settings))
    pairs = {
        key: target
        for split in loaded.splits.values()
        for key, target in zip(split["key"], split["target"], strict=True)
    }
    return loaded.target.kind, loaded.target.names, loaded.reading, loaded.warnings, pairs


@pytest.mark.parametrize("separator", [",", ", ", ";", " ; ", "|", " | ", "/", " / ", "+", " + ", "\t", "\n"])
def test_several_labels_by_any_usual_separator(tmp_path, separator):
    cells = [separator.join(labels) for labels in (["dog", "cat"], ["dog"], ["cat"], ["dog", "owl"], ["owl", "cat"])]
    kind, names, reading, _, targets = read(tmp_path, cells * 12)
    assert (kind, names) == ("labels", ("cat", "dog", "owl"))
    assert reading.startswith(f"3 classes from 1 to 2 labels a clip, separated by {separator.strip(' ')!r}")
    assert targets["000.wav"] == ["cat", "dog"]


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["Walk, footsteps", "Run", "Sneeze"], ("Run", "Sneeze", "Walk, footsteps")),
        (["Male speech, man speaking", "Child speech, kid speaking"], None),
        (["AC/DC", "C++", "rock"], None),
        (["/m/09x0r", "/m/04rlf"], None),
        (["male/female", "other"], None),
        (["AC|DC", "Queen"], None),
        (["[noise]", "[music]", "speech"], None),
        (["[noise]", "[music]"], None),
    ],
)
def test_a_sign_in_the_name_of_a_class_splits_nothing(tmp_path, cells, names):
    kind, found, reading, _, _ = read(tmp_path, cells * 20)
    assert (kind, set(found)) == ("label", set(cells))
    assert reading.startswith(f"{len(cells)} classes, one a clip")
    assert names is None or found == names


def test_a_plural_column_and_mids_are_several_labels(tmp_path):
    cells = ["/m/zero,/m/09x0r", "/m/one,/m/09x0r", "/m/two,/m/09x0r"] * 20
    kind, names, _, _, _ = read(tmp_path, cells, "positive_labels")
    assert (kind, names) == ("labels", ("/m/09x0r", "/m/one", "/m/two", "/m/zero"))


def test_the_separator_can_be_set(tmp_path):
    cells = ["Walk, footsteps", "Run"] * 30
    assert read(tmp_path, cells, separator=",")[:2] == ("labels", ("Run", "Walk", "footsteps"))
    assert "data.separator=',' splits there" in read(tmp_path, cells)[2]
    assert read(tmp_path, ["a;b", "a", "b"] * 20, separator="")[:2] == ("label", ("a", "a;b", "b"))
    assert read(tmp_path, ["a b", "a", "b"] * 20, separator=" ")[:2] == ("labels", ("a", "b"))
    assert read(tmp_path, ["a\tb", "a", "b"] * 20, separator="\\t")[:2] == ("labels", ("a", "b"))
    with pytest.raises(InputError, match=r"separator=',' is for several labels a clip, and data.kind is label"):
        Data("d", separator=",", kind="label")


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["['dog', 'cat']", "['dog']", "[]"], ("cat", "dog")),
        (['["dog", "cat"]', '["cat"]', '["dog"]'], ("cat", "dog")),
        (["['dog' 'cat']", "['dog']", "['cat']"], ("cat", "dog")),
        (["[dog, cat]", "[dog]", "[cat]"], ("cat", "dog")),
        (["('dog', 'cat')", "('dog',)", "('cat',)"], ("cat", "dog")),
        (["{'dog', 'cat'}", "{'dog'}", "{'cat'}"], ("cat", "dog")),
        (["[0, 2]", "[1]", "[2]"], ("0", "1", "2")),
        (["[1, 0, 1]", "[0, 1, 0]", "[1, 0, 0]"], ("0", "1", "2")),
    ],
)
def test_lists_as_python_json_and_numpy_write_them(tmp_path, cells, names):
    kind, found, reading, _, _ = read(tmp_path, cells * 20)
    assert (kind, found) == ("labels", names)
    assert "lists" in reading


def one_hot(folder, rows, **settings):
    columns = {name: [row[place] for row in rows] for place, name in enumerate(("zero", "one", "speech"))}
    speakers = [f"s{row % 10}" for row in range(len(rows))]
    path = listing(folder, speakers, "speaker", **columns)
    return load(Data(path, group="", **settings))


@pytest.mark.parametrize(("no", "yes"), [("0", "1"), ("0.0", "1.0"), ("False", "True"), ("false", "true")])
def test_columns_of_zeros_and_ones_are_labels(tmp_path, no, yes):
    loaded = one_hot(tmp_path, [(yes, no, no), (no, yes, yes), (no, no, no), (yes, no, yes)] * 15)
    assert (loaded.target.kind, loaded.target.names) == ("labels", ("one", "speech", "zero"))
    how = "false and true" if no.isalpha() else "0 and 1"
    assert loaded.reading == f"3 classes from 0 to 2 labels a clip, from 3 columns of {how} (zero, one, speech)"
    assert '"zero"' not in loaded.splits["train"]["meta"][0]


def test_one_hot_columns_can_be_named_and_are_one_label_where_each_row_has_one(tmp_path):
    rows = [("1", "0", "0"), ("0", "1", "0"), ("1", "0", "")] * 20
    loaded = one_hot(tmp_path, rows, target=["zero", "one"])
    assert (loaded.target.kind, loaded.target.names) == ("label", ("one", "zero"))
    assert one_hot(tmp_path, rows, target="zero,one").target.names == ("one", "zero")
    assert one_hot(tmp_path, rows, target="*o*").target.names == ("one", "zero")
    assert any("20 of 60 rows have no target" in note for note in one_hot(tmp_path, rows).warnings)
    with pytest.raises(InputError, match="'speaker' holds 0 and 1, and it has 's0'"):
        one_hot(tmp_path, rows, target="zero,speaker")
    with pytest.raises(InputError, match="no column 'two'; the columns are"):
        one_hot(tmp_path, rows, target="zero,two")


def test_whole_floats_are_classes_and_numbers_stay_numbers(tmp_path):
    kind, names, reading, _, _ = read(tmp_path, ["0.0", "1.0", "2.0"] * 20)
    assert (kind, names) == ("label", ("0", "1", "2"))
    assert reading == "3 classes, one a clip; 0.0 is class '0', and data.kind=number reads numbers"
    assert read(tmp_path, ["0.0", "1.0", "2.0"] * 20, kind="number")[:3] == ("number", (), "numbers from 0 to 2")
    assert read(tmp_path, ["1.0", "2.5", "3.0"] * 20)[0] == "number"
    assert read(tmp_path, [f"{age}.0" for age in range(20, 80)])[0] == "number"
    assert read(tmp_path, [f"{row % 50}.0" for row in range(200)])[:2] == ("label", tuple(map(str, range(50))))
    assert read(tmp_path, ["1.5", "2"] * 30, kind="label")[:2] == ("label", ("1.5", "2"))
    assert read(tmp_path, ["0.0;1.0", "1.0", "0.0"] * 20)[:2] == ("labels", ("0", "1"))


def test_decimal_commas_are_numbers_unless_the_column_holds_labels(tmp_path):
    kind, _, reading, _, _ = read(tmp_path, ["3,5", "4,0", "2,25"] * 20)
    assert (kind, reading) == (
        "number",
        "numbers from 2.25 to 4 with decimal commas: 3,5 is 3.5; data.kind=label reads classes",
    )
    assert read(tmp_path, ["0,1", "1", "0", "0,1,2"] * 20)[:2] == ("labels", ("0", "1", "2"))
    assert read(tmp_path, ["0,1", "1", "0"] * 20, "labels")[:2] == ("labels", ("0", "1"))
    assert read(tmp_path, ["1,0", "2,0"] * 20)[:2] == ("label", ("1", "2"))


def test_a_word_among_numbers_is_refused_by_name(tmp_path):
    cells = [f"{row / 8}" for row in range(1, 60)] + ["unclear"]
    with pytest.raises(InputError, match=r"59 of 60 targets are numbers, and 'unclear' is not one; set data.gaps=uncl"):
        read(tmp_path, cells)
    kind, _, _, warnings, _ = read(tmp_path, cells, gaps="unclear")
    assert kind == "number"
    assert any("1 of 60 rows has no target and is excluded ('unclear' x 1; first: 059.wav)" in one for one in warnings)


@pytest.mark.parametrize("word", ["nan", "NaN", "null", "NULL", "None", "none", "n/a", "N/A", "NA", "na", "-", "?", ""])
def test_gap_words_are_excluded_and_said(tmp_path, word):
    kind, names, _, warnings, targets = read(tmp_path, ["yes", "no"] * 28 + [word] * 4)
    assert (kind, names, len(targets)) == ("label", ("no", "yes"), 56)
    assert any(
        f"4 of 60 rows have no target and are excluded ({word!r} x 4; first: 056.wav)" in one for one in warnings
    )
    numbers = read(tmp_path, ["0.5", "1.5"] * 28 + [word] * 4)
    assert (numbers[0], len(numbers[-1])) == ("number", 56)


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        (["cough", "none"], "none"),
        (["left", "right", "none"], "none"),
        (["US", "DE", "NA"], "NA"),
        (["left", "right", "left", "right", "left", "right", "none", ""], "none"),
    ],
)
def test_none_and_na_are_classes_where_they_look_like_one(tmp_path, cells, word):
    kind, names, reading, _, _ = read(tmp_path, cells * 20)
    assert (kind, set(names)) == ("label", set(cells) - {""})
    assert f"{word!r} is read as a class, and data.gaps={word} makes it a gap" in reading
    if len(set(cells)) > 2:
        assert word not in read(tmp_path, cells * 20, gaps=word)[1]


def test_which_words_are_gaps_can_be_set(tmp_path):
    cells = ["yes", "no"] * 28 + ["nan", "?", "none", "none"]
    assert read(tmp_path, cells, gaps=[])[1] == ("?", "nan", "no", "none", "yes")
    assert read(tmp_path, cells, gaps="nan,?")[1] == ("no", "none", "yes")


def test_a_class_folder_may_be_called_none_or_hold_a_comma(tmp_path):
    for name in ("none", "a,b", "1.0"):
        (tmp_path / name).mkdir()
        for take in range(20):
            (tmp_path / name / f"{take}.wav").write_bytes(f"{name}{take}".encode())
    loaded = load(Data(str(tmp_path)))
    assert (loaded.target.names, loaded.reading) == (
        ("1.0", "a,b", "none"),
        "3 classes, one a clip, from names of folders or files",
    )


def test_a_class_number_of_parquet_has_its_name(tmp_path):
    features = Features(file_name=Value("string"), label=ClassLabel(names=["yes", "no"]))
    files = [f"{row}.wav" for row in range(40)]
    table = pa.table({"file_name": files, "label": [0, 1] * 20}, schema=features.arrow_schema)
    (tmp_path / "set").mkdir()
    for file in files:
        (tmp_path / "set" / file).write_bytes(file.encode())
    pq.write_table(table, tmp_path / "set" / "metadata.parquet")
    for path in (tmp_path / "set", tmp_path / "set" / "metadata.parquet"):
        assert load(Data(str(path))).target.names == ("no", "yes")


def test_a_class_number_without_a_name_is_refused(tmp_path):
    features = Features(file_name=Value("string"), label=ClassLabel(names=["yes", "no"]))
    table = pa.table({"file_name": ["a.wav", "b.wav"], "label": [0, 7]}, schema=features.arrow_schema)
    pq.write_table(table, tmp_path / "list.parquet")
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(InputError, match="column 'label': class 7, and there are names for 0 to 1"):
        load(Data(str(tmp_path / "list.parquet")))


def test_data_to_score_is_read_with_the_classes_of_the_model(tmp_path):
    path = listing(tmp_path, ["a,b", "b", "none"] * 4)
    known = load(Data(path, gaps=[]), known=Labels(("a", "b", "none")), need=("test",))
    assert sorted(map(tuple, known.splits["test"]["target"])) == [("a", "b")] * 4 + [("b",)] * 4 + [("none",)] * 4
    assert load(Data(path), known=Labels(("a", "b", "none")), need=("test",)).warnings == known.warnings
    assert len(load(Data(path), known=Label(("a,b", "b", "none")), need=("test",)).splits["test"]) == 12
    with pytest.raises(InputError, match=r"data.kind: expected one of label for this task or model, got 'number'"):
        load(Data(path, kind="number"), known=Label(("a,b", "b")), need=("test",))
    with pytest.raises(InputError, match="expected a finite number"):
        load(Data(path), known=Number(), need=("test",))


def test_inspect_says_how_targets_were_read_and_takes_the_setting(tmp_path, capsys):
    path = listing(tmp_path, ["Walk, footsteps", "Run"] * 30)
    assert main(["inspect", path]) == 0
    assert "targets     2 classes, one a clip; ',' is part of names" in capsys.readouterr().out
    assert main(["inspect", path, "--set", "data.separator=,"]) == 0
    assert "targets     3 classes from 1 to 2 labels a clip, separated by ','" in capsys.readouterr().out
