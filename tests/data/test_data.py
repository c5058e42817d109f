"""Data in: layouts, columns, kinds of target, splits, and a clear sentence for what cannot be used."""

import json
import os
import random
import time
import unicodedata

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Audio, ClassLabel, Dataset, DatasetDict, Features, List, Value
from tables import write_rows

from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.targets import Label, Number, Transcript

COLUMNS = ["audio", "target", "group", "key", "meta"]


def recording(path):
    """Put something at a path; loading never looks inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(path.name.encode())


def table(path, rows, delimiter=","):
    """Write rows (dicts) as delimited text, and a recording for each file they name."""
    for row in rows:
        if "file_name" in row:
            recording(path.parent / row["file_name"])
    return write_rows(path, rows, delimiter)


def rows(count=60, speakers=12, prefix=""):
    """Return rows of yes and no by speakers "00", "01" and so on."""
    return [
        {"file_name": f"{prefix}{row:03d}.wav", "label": ("yes", "no")[row // speakers % 2],
         "speaker_id": f"{row % speakers:02d}", "note": f"take {row}"}
        for row in range(count)
    ]  # fmt: skip


def classes(root, split="", names=("no", "yes"), count=4):
    """Make class folders."""
    for name in names:
        for take in range(count):
            recording(root / split / name / f"{split}{take}.wav")


def sizes(loaded):
    return {name: len(split) for name, split in loaded.splits.items()}


def refused(words, data, **options):
    """Check that loading fails with these words."""
    with pytest.raises(InputError, match=words) as caught:
        load(data, **options)
    assert "\n" not in str(caught.value)


# Settings


def test_settings_survive_json():
    data = Data("d", target="label", where=("age>3", "sex=f"), splits={"dev": "validation"}, limit=3, license="CC0")
    assert Data.from_dict(json.loads(json.dumps(data.to_dict()))) == data


def test_splits_may_be_named_either_way_round():
    assert Data("d", splits={"test": "held_out", "train": "train"}).splits == {"held_out": "test", "train": "train"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"path": "d", "taget": "x"}, "Did you mean 'target'"), ({}, "needs the setting 'path'"),
     ({"path": "d", "test": 1.0}, "data.test: expected a number from 0 to below 1"),
     ({"path": "d", "limit": 0}, "data.limit: expected a whole number of 1 or more, got 0"),
     ({"path": "d", "where": ["age"]}, 'such as "language=en"'), ({"path": "d", "where": ["age>old"]}, "not a number"),
     ({"path": "d", "splits": {"a": "b"}}, "on one side"),
     ({"path": ""}, "data.path: expected a path, or an id on the Hub, got ''"),
     ({"path": "d", "test": 0.5, "validation": 0.5}, "shares of less than 1 together")],
)  # fmt: skip
def test_invalid_settings_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Data.from_dict(settings)


# Layouts


def test_class_folders_are_split_here(tmp_path):
    classes(tmp_path, count=20)
    loaded = load(Data(str(tmp_path)))
    assert sizes(loaded) == {"train": 32, "validation": 4, "test": 4}
    assert (loaded.target.kind, loaded.target.names, loaded.column, loaded.group) == (
        "label",
        ("no", "yes"),
        "label",
        None,
    )
    assert loaded.rule.startswith("made here: 80/10/10, seed 0, stratified by label, no groups known")
    row = loaded.splits["train"][0]
    assert list(row) == COLUMNS
    assert row["audio"] == {"bytes": None, "path": str(tmp_path / row["key"])}
    assert row["key"].split("/")[0] == row["target"]


def test_split_folders_of_class_folders_are_kept(tmp_path):
    for split, count in (("train", 5), ("val", 2), ("Eval", 3)):
        classes(tmp_path, split, count=count)
    loaded = load(Data(str(tmp_path)))
    assert sizes(loaded) == {"train": 10, "validation": 4, "test": 6}
    assert loaded.rule == "given by the data: train, validation, test"


def test_classes_called_train_are_not_splits(tmp_path):
    classes(tmp_path, names=("train", "tram", "bus"), count=10)
    assert load(Data(str(tmp_path))).target.names == ("bus", "train", "tram")


def test_bare_folders_called_train_and_test_are_refused(tmp_path):
    classes(tmp_path, names=("train", "test"))
    refused("may be splits or labels", Data(str(tmp_path)))


def test_class_folders_give_the_labels_that_a_manifest_next_to_them_lacks(tmp_path):
    classes(tmp_path, count=20)
    entries = [{"file": f"{label}/{take}.wav", "seconds": "1.5", "speaker": f"s{take % 10}"}
           for label in ("no", "yes") for take in range(19)]  # fmt: skip
    table(tmp_path / "durations.csv", [*entries, {"file": "gone.wav", "seconds": "", "speaker": ""}])
    loaded = load(Data(str(tmp_path)))
    assert (loaded.target.names, loaded.group, sum(sizes(loaded).values())) == (("no", "yes"), "speaker", 40)
    notes = " | ".join(loaded.warnings)
    assert "(its columns are seconds, speaker), so the folders are the labels; set data.target=NAME" in notes
    assert "1 recording of that manifest in no class folder left out (first: gone.wav)" in notes
    assert "2 of 40 rows have no 'speaker'" in notes
    refused("only 1.5", Data(str(tmp_path), target="seconds"), targets=(Number,))
    refused("no column name matches the transcript", Data(str(tmp_path)), targets=(Transcript,))
    # A list that has a label stays the one that is read.
    table(tmp_path / "durations.csv", [row | {"emotion": "ab"[index % 2]} for index, row in enumerate(entries)])
    assert load(Data(str(tmp_path))).target.names == ("a", "b")


def test_the_only_folder_is_searched_for_split_folders(tmp_path):
    for split in ("train", "test"):
        classes(tmp_path / "data", split, count=10)
    (tmp_path / "README.md").write_text("A card.")
    loaded = load(Data(str(tmp_path)))
    assert (sizes(loaded)["test"], loaded.target.names) == (20, ("no", "yes"))
    assert loaded.rule.startswith("given by the data: train, test")
    classes(tmp_path, "other")
    assert "other" in load(Data(str(tmp_path))).target.names


def test_splits_inside_class_folders(tmp_path):
    for label in ("no", "yes"):
        for split in ("train", "dev", "test"):
            recording(tmp_path / label / split / "a.wav")
    loaded = load(Data(str(tmp_path)))
    assert sizes(loaded) == {"train": 2, "validation": 2, "test": 2}
    assert loaded.target.names == ("no", "yes")


def test_folders_below_class_folders_can_be_the_group(tmp_path):
    for label in ("no", "yes"):
        for speaker in range(10):
            recording(tmp_path / label / f"speaker{speaker}" / "a.wav")
    loaded = load(Data(str(tmp_path), group="subfolder"))
    assert any("subfolder" in note for note in loaded.warnings)
    assert "disjoint by subfolder" in loaded.rule


def test_other_files_are_left_out_and_counted(tmp_path):
    classes(tmp_path, count=10)
    for name in (".hidden.wav", "._no0.wav", ".DS_Store", "notes.txt", "cover.jpg", "README.md"):
        recording(tmp_path / "no" / name)
    recording(tmp_path / "_background_noise_" / "hum.wav")
    recording(tmp_path / ".git" / "x.wav")
    (tmp_path / "no" / "dangling.wav").symlink_to("nowhere.wav")
    (tmp_path / "no" / "round").symlink_to("..")
    os.mkfifo(tmp_path / "no" / "pipe.wav")
    os.mkfifo(tmp_path / "no" / "pipe.csv")
    (tmp_path / "no" / "loop.txt").symlink_to("loop.txt")
    loaded = load(Data(str(tmp_path)))
    # What is called like a recording and cannot be read is a row, so that it is excluded by name and counted.
    assert sum(sizes(loaded).values()) == 22
    assert loaded.target.names == ("no", "yes")
    assert "4 files left out that are not audio (.csv 1, .jpg 1, .txt 1, broken link 1)" in loaded.warnings


def test_folders_that_are_no_classes_are_named(tmp_path):
    classes(tmp_path, names=("_silence_", "no", "yes"))
    loaded = load(Data(str(tmp_path)))
    assert loaded.target.names == ("no", "yes")
    assert any("folder _silence_ left out" in note for note in loaded.warnings)


def test_a_linked_folder_takes_no_name_away(tmp_path):
    classes(tmp_path, names=("no", "yes"))
    (tmp_path / "alias").symlink_to("yes")
    (tmp_path / "circle").symlink_to(".")
    assert load(Data(str(tmp_path))).target.names == ("no", "yes")
    classes(tmp_path / "elsewhere", names=("maybe",))
    (tmp_path / "data").mkdir()
    for name, target in (("a", "no"), ("b", "elsewhere/maybe")):
        (tmp_path / "data" / name).symlink_to(tmp_path / target)
    assert load(Data(str(tmp_path / "data"))).target.names == ("a", "b")


def test_metadata_in_split_folders(tmp_path):
    for split, entries in (("train", rows(20, 4)), ("validation", rows(8, 2)), ("test", rows(8, 2))):
        for row in entries:
            row["speaker_id"] = split[:2] + row["speaker_id"]
        table(tmp_path / split / "metadata.csv", entries)
    recording(tmp_path / "test" / "unlisted.wav")
    loaded = load(Data(str(tmp_path)))
    assert sizes(loaded) == {"train": 20, "validation": 8, "test": 8}
    assert loaded.warnings == ("1 recording in no manifest left out (first: test/unlisted.wav)",)
    row = loaded.splits["test"][0]
    assert (row["group"], row["key"], json.loads(row["meta"])) == ("te00", "test/000.wav", {"note": "take 0"})


def test_metadata_at_the_root_with_a_split_column(tmp_path):
    entries = [{**row, "split": ("train", "dev", "test")[index % 3]} for index, row in enumerate(rows(60, 12))]
    entries[-1]["split"] = "junk"
    table(tmp_path / "metadata.csv", entries)
    loaded = load(Data(str(tmp_path)))
    assert sizes(loaded) == {"train": 20, "validation": 20, "test": 19}
    assert "splits 'junk' (1 rows) left out" in loaded.warnings


def test_metadata_at_the_root_whose_paths_begin_with_a_split(tmp_path):
    entries = [row for split in ("train", "valid", "test") for row in rows(24, 3, f"{split}/")]
    table(tmp_path / "metadata.csv", entries)
    assert sizes(load(Data(str(tmp_path), group=""))) == {"train": 24, "validation": 24, "test": 24}


def test_metadata_jsonl(tmp_path):
    entries = rows()
    table(tmp_path / "metadata.csv", entries).unlink()
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps({**row, "age": 30}) + "\n" for row in entries))
    loaded = load(Data(str(tmp_path), where="age>=30"))
    assert sum(sizes(loaded).values()) == 60
    assert json.loads(loaded.splits["train"][0]["meta"])["age"] == 30


def test_splits_of_folders_are_a_column_for_filters(tmp_path):
    for split in ("train", "dev", "test"):
        classes(tmp_path, split, ("no", "yes"), count=20)
    assert sizes(load(Data(str(tmp_path)), need=("train",), together=True)) == {"train": 120}
    assert sizes(load(Data(str(tmp_path), where="split!=test"), need=("train",), together=True)) == {"train": 80}
    assert sizes(load(Data(str(tmp_path), where="split!=dev"))) == {"train": 36, "validation": 4, "test": 40}
    assert sizes(load(Data(str(tmp_path), where="split=test"), need=("test",))) == {"test": 40}
    refused("no train split; the splits there are test", Data(str(tmp_path), where="split=test"))


def test_a_filter_on_another_column_that_empties_a_split_is_refused(tmp_path):
    for split, sex in (("train", "f"), ("dev", "m"), ("test", "f")):
        table(tmp_path / split / "metadata.csv", [row | {"sex": sex} for row in rows(20, 2)])
    refused("split 'validation' has no recording that meets sex=f", Data(str(tmp_path), where="sex=f", group=""))


def test_two_metadata_files_are_ambiguous(tmp_path):
    table(tmp_path / "metadata.csv", rows())
    (tmp_path / "metadata.jsonl").write_text("{}")
    refused("both describe one folder", Data(str(tmp_path)))


def test_one_manifest_a_split(tmp_path):
    for name in ("train", "dev", "test"):
        entries = [{"path": row["file_name"], "word": row["label"]} for row in rows(8, 2, name)]
        for row in entries:
            recording(tmp_path / "clips" / row["path"])
        table(tmp_path / f"{name}.tsv", entries, "\t")
    loaded = load(Data(str(tmp_path)))
    assert sizes(loaded) == {"train": 8, "validation": 8, "test": 8}
    assert any(f"paths are relative to {tmp_path / 'clips'}" in note for note in loaded.warnings)


def test_several_manifests_are_refused(tmp_path):
    for name in ("a", "b"):
        table(tmp_path / f"{name}.csv", rows())
    refused("a.csv, b.csv each list recordings", Data(str(tmp_path)))


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".csv", ";"), (".csv", "\t"), (".tsv", "\t")])
def test_manifests_of_any_delimiter(tmp_path, suffix, delimiter):
    entries = [{**row, "note": 'tab\there, "quoted"; line\nbreak'} for row in rows()]
    loaded = load(Data(str(table(tmp_path / f"list{suffix}", entries, delimiter))))
    assert {note for split in loaded.splits.values() for note in split["meta"]} == {
        json.dumps({"note": 'tab\there, "quoted"; line\nbreak'})
    }


def test_blanks_after_delimiters_belong_to_no_cell(tmp_path):
    path = tmp_path / "list.csv"
    table(path, rows())
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line.replace(",", ", ").replace("take", '"take, take') + '"' * (index > 0)
                              for index, line in enumerate(lines)))  # fmt: skip
    loaded = load(Data(str(path)))
    assert (loaded.target.names, loaded.group) == (("no", "yes"), "speaker_id")
    assert json.loads(loaded.splits["train"][0]["meta"])["note"].startswith("take, take")


def test_decimal_commas_are_read_as_numbers_where_the_whole_column_is_such(tmp_path):
    def scored(*cells):
        entries = [row | {"label": cells[index % len(cells)]} for index, row in enumerate(rows())]
        return load(Data(str(table(tmp_path / "list.csv", entries, ";"))))

    loaded = scored("0,5", "1", "-2,25")
    assert loaded.target.kind == "number"
    assert {value for split in loaded.splits.values() for value in split["target"]} == {0.5, 1.0, -2.25}
    assert loaded.reading.startswith("numbers from -2.25 to 1 with decimal commas: 0,5 is 0.5")
    assert scored("0,5", "1,5", "loud").target.names == ("0,5", "1,5", "loud")
    assert scored("1", "2").target.names == ("1", "2")


def test_a_recording_of_json_may_be_described_as_datasets_does(tmp_path):
    table(tmp_path / "list.csv", rows())
    lines = [{"audio": {"path": row["file_name"], "bytes": None}, "label": row["label"]} for row in rows()]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, lines)))
    loaded = load(Data(str(tmp_path / "list.jsonl")))
    assert loaded.splits["train"][0]["audio"]["path"] == str(tmp_path / loaded.splits["train"][0]["key"])


def test_text_stays_text(tmp_path):
    entries = [{"file_name": f"{row}.wav", "label": ("03", "3", "NO")[row % 3], "code": "007"} for row in range(60)]
    path = table(tmp_path / "list.csv", entries)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n"))
    loaded = load(Data(str(path)))
    assert loaded.target.kind == "label"
    assert set(loaded.target.names) == {"03", "3", "NO"}
    assert json.loads(loaded.splits["train"][0]["meta"]) == {"code": "007"}


def test_common_voice_quotes(tmp_path):
    entries = rows()
    text = "file_name\tlabel\tsentence\n" + "".join(
        f'{row["file_name"]}\t{row["label"]}\t"Halt" rief er {index}\n' for index, row in enumerate(entries)
    )
    table(tmp_path / "list.tsv", entries, "\t").write_text(text, encoding="utf-8")
    loaded = load(Data(str(tmp_path / "list.tsv")), targets=(Transcript,))
    assert loaded.target.kind == "transcript"
    assert loaded.splits["train"]["target"][0].startswith('"Halt" rief er')


def test_absolute_paths_and_paths_outside(tmp_path):
    entries = rows()
    for row in entries:
        recording(tmp_path / "audio" / row["file_name"])
        row["file_name"] = str(tmp_path / "audio" / row["file_name"])
    (tmp_path / "meta").mkdir()
    with (tmp_path / "meta" / "list.json").open("w") as file:
        json.dump(entries, file)
    loaded = load(Data(str(tmp_path / "meta" / "list.json")))
    assert loaded.splits["test"][0]["key"].startswith(str(tmp_path / "audio"))


@pytest.mark.parametrize("folder", ["", "clips"])
def test_accents_may_be_coded_otherwise_on_the_disk(tmp_path, folder):
    entries = [row | {"file_name": f"café {row['file_name']}"} for row in rows()]
    manifest = table(tmp_path / "list.csv", entries)
    (tmp_path / "clips").mkdir(exist_ok=True)
    for file in tmp_path.glob("*.wav"):
        file.rename(tmp_path / folder / unicodedata.normalize("NFD", file.name))
    loaded = load(Data(str(manifest)))
    assert all(os.path.isfile(audio["path"]) for split in loaded.splits.values() for audio in split["audio"])
    assert not any("missing" in note for note in loaded.warnings)


def test_missing_files_stay_as_rows_and_are_counted(tmp_path):
    path = table(tmp_path / "list.csv", rows())
    (tmp_path / "004.wav").unlink()
    loaded = load(Data(str(path)))
    assert sum(sizes(loaded).values()) == 60
    assert "1 file listed in list.csv missing (first: 004.wav)" in loaded.warnings


def test_a_manifest_without_any_existing_file_is_refused(tmp_path):
    path = table(tmp_path / "list.csv", rows())
    for file in tmp_path.glob("*.wav"):
        file.unlink()
    refused(f"none of its 60 files exists .first: '{tmp_path}/000.wav'", Data(str(path)))


@pytest.mark.parametrize("whole", [True, False])
def test_files_are_found_in_other_folders_than_the_listed_ones(tmp_path, whole):
    entries = [row | {"file_name": f"s1/{row['file_name']}"} for row in rows()]
    path = table(tmp_path / "list.csv", entries)
    given = Data(str(tmp_path if whole else path))
    text = path.read_text()
    path.write_text(text.replace("s1/", ""))
    assert any("such as '000.wav' in s1/000.wav; data.root=FOLDER" in note for note in load(given).warnings)
    path.write_text(text.replace("s1/", "s1\\"))
    assert any(r"such as 's1\000.wav' in s1/000.wav" in note for note in load(given).warnings)
    path.write_text(text.replace("s1/", "other_"))
    refused("are relative to .*, or absolute: set data.root to the folder of the recordings$", given)


def test_a_prepared_folder_brings_its_chain(tmp_path):
    DEFAULT_CHAIN.save(tmp_path / "chain.json")
    for split in ("train", "validation", "test"):
        entries = [{**row, "speaker_id": split} for row in rows(8, 2, f"processed/{split}/")]
        for row in entries:
            recording(tmp_path / row["file_name"])
        write_rows(tmp_path / "splits" / f"{split}.csv", entries)
    loaded = load(Data(str(tmp_path)))
    assert loaded.chain == DEFAULT_CHAIN.to_list()
    assert loaded.splits["train"][0]["key"].startswith("processed/train/")
    assert load(Data(str(tmp_path / "splits" / "train.csv")), need=("test",)).chain is None


# Stored recordings


def stored(count=40, **columns):
    """Return a data set with recordings inside, without asking the library to encode them."""
    features = Features(audio=Audio(), intent=ClassLabel(names=["off", "on"]), speaker=Value("string"))
    cells = {"audio": [{"bytes": b"%d" % row, "path": f"{row}.wav"} for row in range(count)],
             "intent": [row % 2 for row in range(count)],
             "speaker": [f"s{row % 10}" for row in range(count)]}  # fmt: skip
    return Dataset(pa.table(cells, schema=features.arrow_schema))


def test_a_saved_data_set(tmp_path):
    stored().save_to_disk(tmp_path / "set")
    loaded = load(Data(str(tmp_path / "set")))
    assert loaded.target.names == ("off", "on")
    assert (loaded.column, loaded.group) == ("intent", "speaker")
    row = loaded.splits["test"][0]
    assert list(row) == COLUMNS
    index = int(row["key"].removeprefix("set/"))
    assert row["audio"] == {"bytes": b"%d" % index, "path": f"{index}.wav"}
    assert (row["target"], row["group"]) == (("off", "on")[index % 2], f"s{index % 10}")
    assert loaded.fingerprint == load(Data(str(tmp_path / "set"))).fingerprint


def test_a_saved_data_set_in_splits_renamed_and_filtered(tmp_path):
    parts = {"train.a": stored(20), "train.b": stored(10), "held_out": stored(12)}
    DatasetDict(parts).save_to_disk(tmp_path / "set")
    names = {"train.a": "train", "train.b": "train", "held_out": "test"}
    data = Data(str(tmp_path / "set"), splits=names, where="speaker!=s3", group="")
    loaded = load(data, need=("train", "test"))
    assert sizes(loaded) == {"train": 27, "test": 11}
    row = loaded.splits["train"][20]
    assert row["key"] == "set/train.b/2"
    assert row["audio"]["bytes"] == b"2"


@pytest.mark.parametrize("layout", ["list.parquet", "data/train-00000-of-00001.parquet"])
def test_parquet_with_recordings_inside(tmp_path, layout):
    path = tmp_path / layout
    path.parent.mkdir(exist_ok=True)
    stored().to_parquet(path)
    loaded = load(Data(str(path if layout == "list.parquet" else tmp_path)))
    assert loaded.target.names == ("off", "on")
    assert loaded.splits["train"][0]["audio"]["bytes"]
    assert loaded.rule.startswith("made here: 80/10/10")


def test_rows_without_a_recording_stay_to_be_set_aside(tmp_path):
    clips = [{"bytes": b"x", "path": None}] * 20
    clips[3], clips[4] = None, {"bytes": None, "path": None}
    audio = pa.array(clips, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"audio": audio, "label": ["no", "yes"] * 10}), tmp_path / "all.parquet")
    loaded = load(Data(str(tmp_path)))
    cells = [audio for split in loaded.splits.values() for audio in split["audio"]]
    assert sorted((cell["bytes"], cell["path"] or "") for cell in cells if cell["bytes"] is None) == [(None, "")] * 2
    assert all(cell["bytes"] is not None or cell["path"] == "" for cell in cells)


def test_a_parquet_named_alone_is_split_here_whatever_its_folder_is_called(tmp_path):
    entries = rows()
    table(tmp_path / "test" / "list.csv", entries)
    file = tmp_path / "test" / "calls.parquet"
    pq.write_table(pa.Table.from_pylist(entries), file)
    assert sizes(load(Data(str(file)))) == sizes(load(Data(str(tmp_path / "test" / "list.csv"))))
    assert list(load(Data(str(file)), need=("test",)).splits) == ["test"]


def test_parquet_with_paths(tmp_path):
    table(tmp_path / "list.csv", rows())
    pq.write_table(pa.Table.from_pylist(rows()), tmp_path / "list.parquet")
    loaded = load(Data(str(tmp_path / "list.parquet")))
    assert loaded.splits["train"][0]["audio"]["path"].startswith(str(tmp_path))


@pytest.mark.parametrize("folder", ["", "data"])
def test_paths_stored_instead_of_recordings_are_relative_to_their_table(tmp_path, folder):
    table(tmp_path / folder / "list.csv", rows())
    clips = [{"bytes": None, "path": row["file_name"]} for row in rows()]
    clips[0] = {"bytes": b"x", "path": "000.wav"}
    audio = pa.array(clips, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    labels = [row["label"] for row in rows()]
    pq.write_table(pa.table({"audio": audio, "label": labels}), tmp_path / folder / "all.parquet")
    for name in ("list.csv", *(row["file_name"] for row in rows())):
        if folder == "data" and name == "list.csv":
            (tmp_path / folder / name).unlink()
    loaded = load(Data(str(tmp_path / folder / "all.parquet")))
    cells = [cell for split in loaded.splits.values() for cell in split["audio"]]
    assert sum(cell["path"].startswith(str(tmp_path / folder)) and os.path.isfile(cell["path"]) for cell in cells) == 59
    assert [cell for cell in cells if cell["bytes"] is not None] == [{"bytes": b"x", "path": "000.wav"}]


class Builder:
    """Stand in for what the Hub would answer."""

    builder_name = "parquet"


def test_a_data_set_of_the_hub(monkeypatch):
    asked = []

    def answer(path, name=None, revision=None):
        asked.append((path, name, revision))
        return DatasetDict(train=stored(30), test=stored(10))

    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *args, **named: Builder)
    monkeypatch.setattr(datasets, "load_dataset", answer)
    loaded = load(Data("me/words", name="en", revision="abc", group=""))
    assert asked == [("me/words", "en", "abc")]
    assert sizes(loaded) == {"train": 27, "validation": 3, "test": 10}
    assert loaded.splits["test"][3]["key"] == "me/words/test/3"
    assert loaded.rule.startswith("given by the data: train, test; validation made here out of train: 90/10")


@pytest.mark.parametrize(
    ("error", "words"),
    [(RuntimeError("Dataset scripts are no longer supported, but found words.py"), "refs/convert/parquet"),
     (ValueError("Config name is missing.\nPlease pick one"), "name one configuration"),
     (ConnectionError("Couldn't reach the Hub"), "check the spelling")],
)  # fmt: skip
def test_errors_of_the_hub_are_explained(monkeypatch, error, words):
    def fail(*args, **named):
        raise error

    monkeypatch.setattr(datasets, "load_dataset_builder", fail)
    refused(words, Data("me/words"))


# Columns and targets


def test_columns_can_be_named(tmp_path):
    entries = [
        {"file_name": row["file_name"], "label": "x", "mood": row["label"], "who": row["speaker_id"]} for row in rows()
    ]
    data = Data(str(table(tmp_path / "list.csv", entries)), target="mood", group="who", audio="file_name")
    loaded = load(data)
    assert (loaded.column, loaded.group, loaded.target.names) == ("mood", "who", ("no", "yes"))


def test_names_of_columns_are_known_whatever_separates_their_words(tmp_path):
    def columns_found(path, speaker, target, index):
        cells = {path: "file_name", speaker: "speaker_id", target: "label"}
        entries = [{name: row[known] for name, known in cells.items()} | {index: "ab"[take % 2]}
               for take, row in enumerate(rows())]  # fmt: skip
        table(tmp_path / "list.csv", entries)
        loaded = load(Data(str(tmp_path / "list.csv")))
        return loaded.column, loaded.group

    table(tmp_path / "list.csv", rows())
    assert columns_found("filePath", "speakerId", "className", "location") == ("className", "speakerId")
    assert columns_found("File Name", "Speaker-ID", "Class", "Location") == ("Class", "Speaker-ID")
    assert columns_found("AudioPath", "SPEAKER_ID", "LABEL", "location") == ("LABEL", "SPEAKER_ID")


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"target": "mood"}, "no column 'mood'; the columns are file_name, label, speaker_id, note"),
     ({"group": "who"}, "no column 'who'"), ({"audio": "wav"}, "no column 'wav'"),
      ({"where": "sex=f"}, "no column 'sex'"),
     ({"group": "label"}, "both target and group"), ({"where": "note>3"}, "is not a number"),
     ({"where": "note=nothing"}, "no row meets note=nothing"),
      ({"splits": {"fold1": "train"}}, "no split 'fold1'; the splits there are none")],
)  # fmt: skip
def test_columns_that_are_not_there_are_listed(tmp_path, settings, words):
    refused(words, Data(str(table(tmp_path / "list.csv", rows())), **settings))


def test_ambiguous_and_absent_targets_list_what_is_there(tmp_path):
    entries = [{"file_name": f"{row}.wav", "emotion": "a", "intent": "b"} for row in range(3)]
    refused("columns emotion, intent could each be the label", Data(str(table(tmp_path / "a.csv", entries))))
    entries = [{"file_name": f"{row}.wav", "shade": "a"} for row in range(3)]
    refused("the columns are file_name, shade: choose one", Data(str(table(tmp_path / "b.csv", entries))))
    refused("matches the transcript", Data(str(table(tmp_path / "b.csv", entries))), targets=(Transcript,))


def test_groups_come_from_plain_file_names(tmp_path):
    for label in ("no", "yes"):
        for speaker in range(20):
            for take in range(2):
                recording(tmp_path / label / f"{speaker:08x}_nohash_{take}.wav")
    loaded = load(Data(str(tmp_path)))
    assert loaded.group == "speaker, as in speech-commands names"
    assert loaded.group in loaded.rule
    found = [set(split["group"]) for split in loaded.splits.values()]
    assert len(set.union(*found)) == sum(map(len, found)) == 20
    assert load(Data(str(tmp_path), group="")).group is None


def test_one_speaker_for_all_cannot_be_split_by_speaker(tmp_path):
    path = table(tmp_path / "list.csv", [{**row, "speaker_id": "me"} for row in rows()])
    refused("speaker_id: train, validation and test need 3 of them.*group=''", Data(str(path)))
    assert sizes(load(Data(str(path), group=""))) == {"train": 48, "validation": 6, "test": 6}


def test_uneven_groups_are_warned_of(tmp_path):
    loaded = load(Data(str(table(tmp_path / "list.csv", rows(60, 4)))))
    assert "groups are too few or too unequal for 80/10/10: the splits made here are 50/25/25" in loaded.warnings


@pytest.mark.parametrize(
    ("cells", "kind", "first"),
    [(["dog;cat", "dog", ""], "labels", {("cat", "dog"), ("dog",), ()}),
     (["1.5", "2", "-3e-1"], "number", {1.5, 2.0, -0.3}), (["1", "2", "10"], "label", {"1", "2", "10"})],
)  # fmt: skip
def test_kinds_of_target(tmp_path, cells, kind, first):
    entries = [{"file_name": f"{row:02d}.wav", "label": cells[row % 3]} for row in range(60)]
    loaded = load(Data(str(table(tmp_path / "list.csv", entries))))
    assert loaded.target.kind == kind
    seen = [entries for split in loaded.splits.values() for entries in split["target"]]
    assert {tuple(entries) if kind == "labels" else entries for entries in seen} == first
    assert loaded.target.names == {"labels": ("cat", "dog"), "number": (), "label": ("1", "2", "10")}[kind]


def test_a_folder_is_one_label_whatever_its_name(tmp_path):
    classes(tmp_path, names=("0.5", "1.0", "rock;pop"))
    loaded = load(Data(str(tmp_path)))
    assert (loaded.target.kind, loaded.target.names) == ("label", ("0.5", "1.0", "rock;pop"))


def test_rows_that_are_parts_of_files_are_warned_of(tmp_path):
    def warned(**cells):
        entries = [row | {name: values[take % 2] for name, values in cells.items()} for take, row in enumerate(rows())]
        return [note for note in load(Data(str(table(tmp_path / "list.csv", entries)))).warnings if "not cut" in note]

    (note,) = warned(startTime=("0.0", "1.5"), end=("1.5", "3"))
    assert "column 'startTime'" in note
    assert warned(offset=("0.0", "0"), onset=("", "sudden")) == []


def test_lists_are_several_labels(tmp_path):
    features = Features(audio=Audio(), labels=List(ClassLabel(names=["a", "b"])))
    cells = {"audio": [{"bytes": b"", "path": None}] * 30, "labels": [[0], [0, 1], []] * 10}
    Dataset(pa.table(cells, schema=features.arrow_schema)).save_to_disk(tmp_path / "set")
    loaded = load(Data(str(tmp_path / "set")))
    assert (loaded.target.kind, loaded.target.names) == ("labels", ("a", "b"))
    assert ["a", "b"] in loaded.splits["train"]["target"][:]


def test_empty_targets_are_excluded_and_a_split_without_any_is_refused(tmp_path):
    entries = rows()
    entries[3]["label"] = entries[40]["label"] = " "
    loaded = load(Data(str(table(tmp_path / "list.csv", entries))))
    assert sum(sizes(loaded).values()) == 58
    assert "2 of 60 rows have no target and are excluded ('' x 2; first: 003.wav)" in loaded.warnings
    path = str(table(tmp_path / "none.csv", [row | {"label": ""} for row in entries]))
    refused(r"none.csv, column 'label': 60 rows have no target \(first: 000.wav, 001.wav, 002.wav\)", Data(path))


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    entries = [{"file_name": f"{row}.wav", "score": "inf" if row == 7 else f"{row}.5"} for row in range(30)]
    path = str(table(tmp_path / "list.csv", entries))
    refused("expected a finite number for 7.wav, got 'inf'", Data(path), targets=(Number,))


def test_labels_that_look_alike_are_warned_of(tmp_path):
    entries = [{"file_name": f"{row}.wav", "label": ("yes", "Yes ", "no")[row % 3]} for row in range(60)]
    loaded = load(Data(str(table(tmp_path / "list.csv", entries))))
    assert any("'Yes ', 'yes' differ only by case, spaces" in note for note in loaded.warnings)


# Splits


def given_splits(tmp_path, train=("a", "b"), test=("a", "b")):
    for split, labels in (("train", train), ("test", test)):
        classes(tmp_path, split, labels, count=10)
    return str(tmp_path)


def test_a_label_only_in_test_is_refused(tmp_path):
    refused("labels 'c' are in test and not in train", Data(given_splits(tmp_path, test=("a", "c"))))


def test_a_single_class_is_refused(tmp_path):
    refused("only 'a'", Data(given_splits(tmp_path, ("a",), ("a",))))


def test_an_empty_split_is_refused(tmp_path):
    path = given_splits(tmp_path)
    (tmp_path / "validation").mkdir()
    refused("split 'validation' has no recording", Data(path))


def test_a_missing_validation_is_carved_out_of_train_alone(tmp_path):
    loaded = load(Data(given_splits(tmp_path)))
    assert sizes(loaded) == {"train": 18, "validation": 2, "test": 20}
    assert all(key.startswith("train/") for key in loaded.splits["validation"]["key"])


def test_evaluation_takes_the_split_it_asks_for(tmp_path):
    path = given_splits(tmp_path)
    assert sizes(load(Data(path), need=("test",), known=Label(("b", "a")))) == {"test": 20}
    refused("no validation split; the splits there are train, test", Data(path), need=("validation",))
    refused(
        "labels 'b' are unknown to the model, which knows 'a', 'x'", Data(path), need=("test",), known=Label(("a", "x"))
    )


def test_evaluation_takes_everything_where_there_are_no_splits(tmp_path):
    classes(tmp_path, names=("a",))
    loaded = load(Data(str(tmp_path)), need=("test",), known=Label(("a", "b")))
    assert sizes(loaded) == {"test": 4}
    assert loaded.target.names == ("a", "b")
    assert loaded.rule == "no splits in the data: all of it used as test"


def test_recordings_in_two_splits_are_reported_and_keys_stay_unique(tmp_path):
    for name in ("train", "validation", "test"):
        table(tmp_path / f"{name}.csv", rows(8, 2))
    loaded = load(Data(str(tmp_path), group=""))
    assert any("8 recordings are in two splits (first: 000.wav)" in note for note in loaded.warnings)
    assert any("8 recordings are listed more than once (first: 000.wav)" in note for note in loaded.warnings)
    keys = [key for split in loaded.splits.values() for key in split["key"]]
    assert len(set(keys)) == len(keys) == 24
    table(tmp_path / "test.csv", [*rows(1), *rows(8, 2, "other")])
    table(tmp_path / "validation.csv", rows(8, 2, "third"))
    warnings = load(Data(str(tmp_path), group="")).warnings
    assert "1 recording is listed more than once (first: 000.wav)" in warnings
    assert "1 recording is in two splits (first: 000.wav): scores there flatter the model" in warnings


def test_limit_keeps_every_class_and_all_labels(tmp_path):
    classes(tmp_path, names=("a", "b", "c"), count=20)
    loaded = load(Data(str(tmp_path), limit=3))
    assert sizes(loaded) == {"train": 3, "validation": 3, "test": 3}
    assert all(set(split["target"]) == {"a", "b", "c"} for split in loaded.splits.values())
    assert load(Data(str(tmp_path), limit=2)).target.names == ("a", "b", "c")


def test_the_order_of_a_manifest_changes_nothing(tmp_path):
    entries = rows()
    path = table(tmp_path / "list.csv", entries)
    first = load(Data(str(path), seed=3))
    random.Random(0).shuffle(entries)
    again = load(Data(str(table(path, entries)), seed=3))
    assert {name: split["key"][:] for name, split in first.splits.items()} == {
        name: split["key"][:] for name, split in again.splits.items()
    }


def test_the_fingerprint_follows_files_targets_and_columns(tmp_path):
    entries = rows()
    path = table(tmp_path / "list.csv", entries)
    files = sorted(tmp_path.glob("*.wav"))

    def fingerprint():
        # Rewriting the manifest rewrites the recordings too, so their times are set by hand.
        for file in files:
            os.utime(file, ns=(0, 1_000))
        return load(Data(str(path))).fingerprint

    first = fingerprint()
    assert fingerprint() == first
    files[0].write_bytes(b"longer than before")
    second = fingerprint()
    files[0].write_bytes(files[0].name.encode())
    os.utime(files[0], ns=(0, 2_000))
    third = load(Data(str(path))).fingerprint
    entries[0]["note"] = "other"
    table(path, entries)
    fourth = fingerprint()
    entries[0].update(note="take 0", label="no")
    table(path, entries)
    assert len({first, second, third, fourth, fingerprint()}) == 5


# Bad files


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "file_name,label\nä.wav,x\n".encode("latin-1"), r"a.csv, line 2: .* byte 16 \(0xE4\) .* 'ä.wav,x'"),
        (
            "a.csv",
            "file_name,label\n".encode("utf-16-le")[:-1],
            "a.csv: its zero bytes are those of UTF-16-LE, but byte",
        ),
        ("a.csv", "file_name,label\n".encode("utf-16")[:-1], "a.csv: its byte-order mark says UTF-16, but byte"),
        ("a.csv", b"", "a.csv: expected a header line"),
        ("a.csv", b"file_name,label\na.wav,x,y\n", "a.csv, line 2: expected 2 cells as in the header, got 3"),
        ("a.csv", b"file_name,label\na.wav\n", "line 2: expected 2 cells as in the header, got 1"),
        ("a.csv", b'file_name,label\n"a.wav,x\nb.wav,y\n', "a.csv, line .*: not a readable row"),
        ("a.csv", b'file_name,label\na.wav,"x\n' + 40_000 * b"b.wav,y\n", "a.csv, line .*: not a readable row"),
        ("a.csv", b"label,label\nx,y\n", "two columns are called 'label'"),
        ("a.csv", b"file_name,label\n,x\n", "row 1 has no path in column 'file_name'"),
        ("a.csv", b"label,mood\nx,y\n", "no column name matches the path of the recording"),
        ("a.jsonl", b'{"file_name": "a.wav"}\n{oops\n', "a.jsonl, line 2: not valid JSON"),
        ("a.jsonl", b"[1]\n", "a.jsonl, line 1: expected an object"),
        ("a.json", b"{}", "a.json: expected a JSON list of objects"),
        ("a.parquet", b"nonsense", "not readable as Parquet"),
        ("a.txt", b"x", "a.txt: expected a header line and at least one row"),
        ("a.doc", b"x", "expected a folder, a manifest or a label track"),
    ],
)
def test_broken_manifests_are_refused_with_their_line(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    refused(words, Data(str(tmp_path / name)))


def test_file_names_that_are_not_utf8_are_refused(tmp_path):
    classes(tmp_path)
    (tmp_path / "yes" / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"x")
    refused(r"yes/caf\\udce9.wav: expected UTF-8", Data(str(tmp_path)))


@pytest.mark.parametrize("path", ["/no/such/folder", "./missing", "missing.csv", "a/b/c"])
def test_a_missing_path_is_refused(path):
    refused("no such folder or file", Data(path))


def test_folders_without_recordings_or_labels_are_refused(tmp_path):
    refused("contains no recordings", Data(str(tmp_path)))
    recording(tmp_path / "a.wav")
    refused("recordings without labels", Data(str(tmp_path)))
    classes(tmp_path)
    refused("a.wav is not in a class folder", Data(str(tmp_path)))


@pytest.mark.parametrize(
    ("options", "words"),
    [({"need": ("tset",)}, "split: expected some of"),],
)  # fmt: skip
def test_invalid_splits_are_refused(options, words):
    refused(words, Data("x"), **options)


def test_a_long_manifest_loads_in_seconds(tmp_path):
    # A few thousand rows on purpose: anything quadratic shows here already, and 100,000 files take long to make.
    recording(tmp_path / "a.wav")
    with (tmp_path / "list.csv").open("w") as file:
        file.write("file_name,label,speaker_id\n")
        file.writelines(f"{row or 'a'}.wav,c{row % 30},s{row % 997}\n" for row in range(30_000))
    # The work of this process alone: other tests may keep the machine busy.
    start = time.process_time()
    loaded = load(Data(str(tmp_path / "list.csv")))
    assert sum(sizes(loaded).values()) == 30_000
    assert time.process_time() - start < 20


# Real recordings


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "counts", "labels"),
    [("digits", (2000, 500, 500), 10), ("emotion_de", (312, 96, 127), 7)],
)
def test_shared_sets_are_loaded_as_their_readme_counts_them(shared, name, counts, labels):
    loaded = load(Data(str(shared / "data" / name)))
    assert tuple(map(len, loaded.splits.values())) == counts
    assert len(loaded.target.names) == labels
    assert (loaded.group, loaded.warnings) == ("speaker_id", ())
    assert loaded.rule == "given by the data: train, validation, test"


@pytest.mark.real
def test_shared_speakers_keep_their_leading_zero(shared):
    loaded = load(Data(str(shared / "data" / "emotion_de")))
    assert set(loaded.splits["train"]["group"]) == {"03", "08", "09", "10", "11", "14"}


@pytest.mark.real
def test_shared_emotions_are_split_by_speaker_when_one_table_is_given(shared):
    path = shared / "data" / "emotion_de" / "train" / "metadata.csv"
    loaded = load(Data(str(path)))
    assert sorted(len(set(split["group"])) for split in loaded.splits.values()) == [1, 1, 4]
    assert "disjoint by speaker_id" in loaded.rule


@pytest.mark.real
def test_shared_prompts_are_transcripts_or_languages_of_one_voice_each(shared):
    data = Data(str(shared / "data" / "prompts_asr"))
    assert load(data, targets=(Transcript,)).target.kind == "transcript"
    languages = load(data)
    assert languages.target.names == ("en", "es", "fr", "it", "ru")
    assert any("speaker_id values in both train and test (allison" in note for note in languages.warnings)
