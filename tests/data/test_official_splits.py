"""Splits that the makers of a data set give: lists of files, tables of splits, columns in them."""

import re

import pytest
from tables import write_rows

from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.targets import Label, Transcript


def recordings(root, *paths):
    """Put something at each path; loading never looks inside."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def lines(path, *names):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(names) + "\n")


def keys(loaded):
    return {name: set(split["key"]) for name, split in loaded.splits.items()}


def commands(root, speakers=10):
    """Make class folders as Speech Commands has them; return their files in order of speakers."""
    paths = [f"{word}/{speaker:08x}_nohash_0.wav" for speaker in range(speakers) for word in ("no", "yes")]
    recordings(root, *paths, "_background_noise_/rain.wav")
    return paths


def test_lists_of_speech_commands_are_the_splits(tmp_path):
    paths = commands(tmp_path)
    lines(tmp_path / "validation_list.txt", *paths[:2])
    lines(tmp_path / "testing_list.txt", *paths[2:6])
    loaded = load(Data(str(tmp_path)))
    assert keys(loaded) == {"validation": set(paths[:2]), "test": set(paths[2:6]), "train": set(paths[6:])}
    said = "given by testing_list.txt and validation_list.txt (all others are train)"
    assert loaded.rule == f"{said}: train, validation, test"
    assert loaded.group == "speaker, as in speech-commands names"
    assert [note for note in loaded.warnings if "_background_noise_ left out" in note]
    assert not [note for note in loaded.warnings if ".txt" in note]


def test_splits_setting_overrules_the_lists(tmp_path):
    paths = commands(tmp_path)
    lines(tmp_path / "testing_list.txt", *paths[:4])
    loaded = load(Data(str(tmp_path), splits={"train": "train", "test": "train"}))
    assert sum(map(len, loaded.splits.values())) == 20
    assert loaded.rule.startswith("made here: 80/10/10")


def test_a_list_of_test_files_leaves_validation_to_be_made(tmp_path):
    paths = commands(tmp_path)
    lines(tmp_path / "testing_list.txt", *paths[:4])
    loaded = load(Data(str(tmp_path)))
    assert keys(loaded)["test"] == set(paths[:4])
    assert "validation made here out of train" in loaded.rule


@pytest.mark.parametrize("form", ["{}", "./{}", "{} 1", "{},1", "{}\t1"])
def test_lists_may_be_in_a_folder_and_in_any_usual_form(tmp_path, form):
    paths = [f"{word}/{take}.wav" for word in ("no", "yes") for take in range(8)]
    recordings(tmp_path, *paths)
    given = {"train_filtered.txt": [*paths[:3], *paths[8:11]], "valid_filtered.txt": [paths[3], paths[11]],
             "test_filtered.txt": [paths[4], paths[12]]}  # fmt: skip
    for name, files in given.items():
        lines(tmp_path / "lists" / name, *map(form.format, files))
    loaded = load(Data(str(tmp_path)))
    assert {name: len(split) for name, split in loaded.splits.items()} == {"train": 6, "validation": 2, "test": 2}
    assert "splits 'in no list' (6 rows) left out" in loaded.warnings


def test_lists_without_suffixes_of_files(tmp_path):
    paths = commands(tmp_path)
    lines(tmp_path / "testing_list.txt", *(path.removesuffix(".wav") for path in paths[:4]))
    assert keys(load(Data(str(tmp_path))))["test"] == set(paths[:4])


def test_a_recording_in_two_lists_is_refused_with_both_names(tmp_path):
    paths = commands(tmp_path)
    lines(tmp_path / "validation_list.txt", *paths[:4])
    lines(tmp_path / "testing_list.txt", *paths[3:6])
    expected = f"{paths[3]} is in both testing_list.txt and validation_list.txt; remove it from one of them"
    with pytest.raises(InputError, match=re.escape(expected)):
        load(Data(str(tmp_path)))


def test_lists_that_are_not_used_and_missing_files_are_named(tmp_path):
    paths = commands(tmp_path)
    lines(tmp_path / "testing_list.txt", *paths[:4], "yes/gone.wav")
    lines(tmp_path / "validation_list.txt", "other/a.wav")
    notes = load(Data(str(tmp_path))).warnings
    assert "1 recording of testing_list.txt missing (first: yes/gone.wav)" in notes
    assert "validation_list.txt not used: no recording of the folder is named there" in notes


def test_lists_beside_splits_are_named(tmp_path):
    paths = [f"{split}/{word}/{take}.wav" for split in ("train", "dev", "test") for word in "ny" for take in range(2)]
    recordings(tmp_path, *paths)
    lines(tmp_path / "testing_list.txt", paths[0])
    assert any(
        note.startswith("testing_list.txt not used: the splits are") for note in load(Data(str(tmp_path))).warnings
    )


def test_common_voice_uses_its_splits_and_names_its_other_tables(tmp_path):
    rows = [{"client_id": f"speaker{row // 2}", "path": f"cv_{row}.mp3", "sentence": f"Sentence {row}."}
            for row in range(20)]  # fmt: skip
    recordings(tmp_path, *(f"clips/{row['path']}" for row in rows))
    for name, own in (("train", rows[:10]), ("dev", rows[10:12]), ("test", rows[12:14]), ("validated", rows[:14]),
                      ("other", rows[14:18]), ("invalidated", rows[18:])):  # fmt: skip
        write_rows(tmp_path / f"{name}.tsv", own, "\t")
    loaded = load(Data(str(tmp_path)), targets=(Transcript,))
    assert {name: len(split) for name, split in loaded.splits.items()} == {"train": 10, "validation": 2, "test": 2}
    assert loaded.rule == "given by the data: train, validation, test"
    assert any(note.startswith("invalidated.tsv, other.tsv, validated.tsv not used") for note in loaded.warnings)
    assert "6 recordings in no manifest left out (first: clips/cv_14.mp3)" in loaded.warnings


def fsd50k(root):
    """Make FSD50K's layout: file names without suffix, dev.csv divided by its column, eval.csv in another folder."""
    rows = [{"fname": row, "labels": "Bark" if row % 2 else "Meow", "split": "val" if row >= 12 else "train"}
            for row in range(16)]  # fmt: skip
    tests = [{"fname": row, "labels": "Bark" if row % 2 else "Meow"} for row in range(20, 24)]
    write_rows(root / "FSD50K.ground_truth/dev.csv", rows)
    write_rows(root / "FSD50K.ground_truth/eval.csv", tests)
    lines(root / "FSD50K.ground_truth/vocabulary.csv", "0,Bark,/m/05tny_", "1,Meow,/m/07qrkrw")
    recordings(root, *(f"FSD50K.dev_audio/{row['fname']}.wav" for row in rows))
    recordings(root, *(f"FSD50K.eval_audio/{row['fname']}.wav" for row in tests))


def test_fsd50k_is_read_with_its_column_of_splits_and_its_eval_table(tmp_path):
    fsd50k(tmp_path)
    loaded = load(Data(str(tmp_path)), targets=(Label,))
    assert {name: len(split) for name, split in loaded.splits.items()} == {"train": 12, "validation": 4, "test": 4}
    dev, evaluated = "FSD50K.ground_truth/dev.csv", "FSD50K.ground_truth/eval.csv"
    assert loaded.rule.startswith(f"given by column 'split' of {dev} and {evaluated}: train")
    assert any("FSD50K.ground_truth/vocabulary.csv" in note and "not used" in note for note in loaded.warnings)
    assert f"dev.csv: 16 recordings found in {tmp_path}/FSD50K.dev_audio, such" in " | ".join(loaded.warnings)


def test_fsd50k_dev_table_alone(tmp_path):
    fsd50k(tmp_path)
    loaded = load(Data(str(tmp_path / "FSD50K.ground_truth/dev.csv"), test=0.25), targets=(Label,))
    assert len(loaded.splits["validation"]) == 4
    assert "test made here out of train" in loaded.rule


def test_tables_with_split_names_inside_are_splits(tmp_path):
    for split, names in (("balanced_train", "abcdef"), ("unbalanced_train", "gh"), ("eval", "ijk")):
        rows = [{"file_name": f"{name}.wav", "label": word} for name in names for word in "ny"]
        for row in rows:
            row["file_name"] = f"{row['label']}_{row['file_name']}"
        write_rows(tmp_path / f"{split}_segments.csv", rows)
        recordings(tmp_path, *(row["file_name"] for row in rows))
    loaded = load(Data(str(tmp_path), validation=0.2))
    assert len(loaded.splits["train"]) + len(loaded.splits["validation"]) == 16
    assert len(loaded.splits["test"]) == 6
    assert loaded.rule.startswith("given by balanced_train_segments.csv and eval_segments.csv and unbalanced_train")


def test_files_are_found_by_name_in_folders_of_folds(tmp_path):
    rows = [{"slice_file_name": f"{100 + row}-{row % 2}-0-0.wav", "fold": row % 3 + 1, "class": "ab"[row % 2],
             "fsID": 100 + row} for row in range(30)]  # fmt: skip
    write_rows(tmp_path / "metadata/UrbanSound8K.csv", rows)
    recordings(tmp_path, *(f"audio/fold{row['fold']}/{row['slice_file_name']}" for row in rows))
    for path in (tmp_path, tmp_path / "metadata/UrbanSound8K.csv"):
        loaded = load(Data(str(path)))
        assert sum(map(len, loaded.splits.values())) == 30
        assert f"UrbanSound8K.csv: 30 recordings found in {tmp_path}/audio, such" in " | ".join(loaded.warnings)


def test_a_name_that_two_folders_have_is_not_chosen(tmp_path):
    write_rows(tmp_path / "meta/list.csv", [{"fname": "1", "label": "a"}, {"fname": "2", "label": "b"}])
    recordings(tmp_path, "one/1.wav", "two/1.wav", "one/2.wav")
    with pytest.raises(InputError, match=r"'1' is listed, and one/1.wav and two/1.wav are called that"):
        load(Data(str(tmp_path / "meta/list.csv")))
