"""Lists of recordings as people have them: without a header, without suffixes, with paths of another machine."""

import json

import pytest

from audio_ft.data import Data, load
from audio_ft.errors import InputError
from audio_ft.targets import Transcript

WORDS = ("seven", "one two", "three four five", "nine", "six, six")


def recordings(folder, names):
    """Put something at each name; loading never looks inside."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def written(folder, lines, name="list.csv"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(folder / name)


def pairs(loaded):
    """Return {file: target} of all splits."""
    return {row["audio"]["path"].rpartition("/")[2]: row["target"] for part in loaded.splits.values() for row in part}


def transcripts(path, **settings):
    return load(Data(str(path), **settings), targets=(Transcript,))


def labels(path, **settings):
    return load(Data(str(path), **settings))


def notes(loaded):
    return " | ".join(loaded.warnings)


def test_ljspeech_has_no_header_and_ids_without_suffix(tmp_path):
    ids = [f"LJ001-{number:04d}" for number in range(20)]
    recordings(tmp_path / "wavs", [f"{one}.wav" for one in ids])
    written(tmp_path, [f'{one}|"Quoted" no {one}, raw|no {one} said' for one in ids], "metadata.csv")
    for path in (tmp_path, tmp_path / "metadata.csv"):
        loaded = transcripts(path)
        assert pairs(loaded) == {f"{one}.wav": f'"Quoted" no {one}, raw' for one in ids}
        assert "no header: its columns are read as file_name, text, normalized_text; data.columns=" in notes(loaded)
        assert "20 recordings found in" in notes(loaded)
        assert "data.root=FOLDER chooses another folder" in notes(loaded)
    assert pairs(transcripts(tmp_path, target="normalized_text"))["LJ001-0003.wav"] == "no LJ001-0003 said"


@pytest.mark.parametrize("separator", ["|", "\t", " ", ",", ";"])
@pytest.mark.parametrize("name", ["list.txt", "list.csv", "filelist.lst"])
def test_file_and_text_without_header(tmp_path, separator, name):
    files = [f"clips/take {number}.wav" for number in range(20)]
    recordings(tmp_path, files)
    lines = [f"{file}{separator}{WORDS[number % 4]} again" for number, file in enumerate(files)]
    loaded = transcripts(written(tmp_path, lines, name))
    assert pairs(loaded)["take 2.wav"] == "three four five again"


@pytest.mark.parametrize("separator", ["|", "\t", " ", ","])
def test_file_and_label_without_header(tmp_path, separator):
    files = [f"{number}.wav" for number in range(20)]
    recordings(tmp_path, files)
    lines = [f"{file}{separator}{('yes', 'no')[number % 2]}" for number, file in enumerate(files)]
    loaded = labels(written(tmp_path, lines))
    assert (loaded.target.names, loaded.column) == (("no", "yes"), "label")
    assert "list.csv has no header: its columns are read as file_name, label" in notes(loaded)


def test_a_file_list_of_many_speakers(tmp_path):
    files = [f"{number}.wav" for number in range(40)]
    recordings(tmp_path / "wavs", files)
    lines = [f"wavs/{file}|what {number} says|p{number % 8}" for number, file in enumerate(files)]
    loaded = transcripts(written(tmp_path, lines, "filelist.txt"))
    assert (loaded.column, loaded.group) == ("text", "speaker")
    named = transcripts(tmp_path / "filelist.txt", columns="file_name,text,style", group="")
    assert (named.column, named.group) == ("text", None)
    with pytest.raises(InputError, match=r"data.columns names 2 columns \(file_name, text\), and the rows have 3"):
        transcripts(tmp_path / "filelist.txt", columns="file_name,text")


def test_a_header_stays_one_where_it_names_columns(tmp_path):
    recordings(tmp_path, [*(f"{number}.wav" for number in range(20)), "file.wav"])
    lines = ["file,label", *(f"{number}.wav,{'ab'[number % 2]}" for number in range(20))]
    loaded = labels(written(tmp_path, lines))
    assert loaded.column == "label"
    assert "no header" not in notes(loaded)


@pytest.mark.parametrize("name", ["train_manifest.json", "list.jsonl", "list.ndjson"])
def test_json_lines_may_be_called_json(tmp_path, name):
    recordings(tmp_path / "wav", [f"{number}.wav" for number in range(20)])
    lines = [json.dumps({"audio_filepath": f"wav/{number}.wav", "duration": 1.5, "text": f"take {number}"})
             for number in range(20)]  # fmt: skip
    assert pairs(transcripts(written(tmp_path, lines, name)))["7.wav"] == "take 7"


@pytest.mark.parametrize("place", ["C:\\Users\\me\\set\\clips\\", "/content/drive/MyDrive/set/clips/", "D:/set/clips/"])
def test_paths_of_another_machine_are_found_by_their_names(tmp_path, place):
    files = [f"s{number % 4}/{number}.wav" for number in range(20)]
    recordings(tmp_path / "copied" / "clips", files)
    lines = [f"{place}{file.replace('/', place[-1])},{'ab'[number % 2]}" for number, file in enumerate(files)]
    path = written(tmp_path, ["path,label", *lines])
    loaded = labels(path)
    assert len(pairs(loaded)) == 20
    assert f"20 recordings found in {tmp_path / 'copied' / 'clips'}, such as '{place}" in notes(loaded)
    assert "missing" not in notes(loaded)
    # The same names elsewhere leave two ways to read the list, and one setting decides.
    recordings(tmp_path / "other" / "clips", files)
    with pytest.raises(InputError, match=r"'0.wav' is listed, and .* and .* are called that; set data.root=FOLDER"):
        labels(path)
    chosen = labels(path, root=str(tmp_path / "other"))
    assert {row["audio"]["path"].split("/clips/")[0] for row in chosen.splits["train"]} == {str(tmp_path / "other")}


def test_folders_of_a_path_are_not_confused(tmp_path):
    # s1/0.wav is not here, and s2/0.wav is not it.
    recordings(tmp_path, [f"s2/{number}.wav" for number in range(20)])
    lines = [f"/data/s{1 + number % 2}/{number // 2}.wav,{'ab'[number % 2]}" for number in range(40)]
    with pytest.raises(InputError, match="several listed names are one file there"):
        labels(written(tmp_path, ["path,label", *lines]))


def test_names_without_suffix_in_a_folder_beside_the_lists(tmp_path):
    recordings(tmp_path / "FSD50K.dev_audio", [f"{number}.wav" for number in range(100, 120)])
    lines = [f'{number},"{"ab"[number % 2]}"' for number in range(100, 120)]
    loaded = labels(written(tmp_path / "FSD50K.ground_truth", ["fname,labels", *lines], "dev.csv"))
    assert pairs(loaded)["103.wav"] == "b"
    # Any other folder is not searched outside.
    lists = written(tmp_path / "mine", ["fname,labels", *lines], "dev.csv")
    with pytest.raises(InputError, match=r"none of its 20 files exists .*: set data.root to the folder"):
        labels(lists)
    assert len(pairs(labels(lists, root=str(tmp_path / "FSD50K.dev_audio")))) == 20


def test_recordings_converted_to_another_format_are_found(tmp_path):
    recordings(tmp_path / "clips", [f"cv_{number}.wav" for number in range(20)])
    lines = [f"cv_{number}.mp3\ttake {number}" for number in range(20)]
    loaded = transcripts(written(tmp_path, ["path\tsentence", *lines], "train.tsv"))
    assert pairs(loaded)["cv_4.wav"] == "take 4"


def test_audioset_has_its_header_in_a_comment(tmp_path):
    recordings(tmp_path / "audio", [f"Ab{number:09d}.wav" for number in range(20)])
    lines = ["# Segments csv created Sun Mar  5 10:54:31 2017", "# num_ytids=20, num_segs=20, num_unique_labels=3",
             "# YTID, start_seconds, end_seconds, positive_labels",
             *(f'Ab{number:09d}, 30.000, 40.000, "/m/{number % 2}"' for number in range(20))]  # fmt: skip
    loaded = labels(written(tmp_path, lines, "balanced.csv"))
    assert (loaded.column, pairs(loaded)["Ab000000007.wav"]) == ("positive_labels", "/m/1")


@pytest.mark.parametrize("separator", [" ", "\t", ","])
def test_a_folder_with_lists_of_paths_and_labels(tmp_path, separator):
    recordings(tmp_path, [f"clips/{number}.wav" for number in range(30)])
    for place, split in enumerate(("train", "val", "test")):
        lines = [f"clips/{number}.wav{separator}{'ab'[number % 2]}" for number in range(10 * place, 10 * place + 10)]
        written(tmp_path, lines, f"{split}.txt")
    loaded = labels(tmp_path)
    assert {name: len(split) for name, split in loaded.splits.items()} == {"train": 10, "validation": 10, "test": 10}
    assert (loaded.target.names, pairs(loaded)["13.wav"]) == (("a", "b"), "b")


def test_one_text_list_in_a_folder(tmp_path):
    recordings(tmp_path / "w", [f"{number}.wav" for number in range(20)])
    lines = ["file_name\tlabel", *(f"w/{number}.wav\t{'ab'[number % 2]}" for number in range(20))]
    (tmp_path / "list.txt").write_bytes("\r\n".join(lines).encode("utf-16"))
    written(tmp_path, ["Recorded in May.", "See w/0.wav for an example."], "notes.txt")
    assert labels(tmp_path).target.names == ("a", "b")
