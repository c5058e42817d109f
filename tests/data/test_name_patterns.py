"""Labels and groups from file names and folders, and classes that are really the groups."""

import pytest

from audio_ft.data import Data, load
from audio_ft.data.table.name_patterns import known_names
from audio_ft.errors import InputError


def recordings(root, *paths):
    """Put something at each path; loading never looks inside."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())


def ravdess(emotions=range(1, 5), actors=range(1, 9)):
    return [
        f"Actor_{actor:02}/03-01-{emotion:02}-01-{statement:02}-01-{actor:02}.wav"
        for actor in actors for emotion in emotions for statement in (1, 2)
    ]  # fmt: skip


def groups_are_apart(loaded):
    found = [set(split["group"]) for split in loaded.splits.values()]
    return len(set.union(*found)) == sum(map(len, found))


@pytest.mark.parametrize(
    ("path", "corpus", "expected"),
    [
        ("Actor_07/03-02-05-02-01-01-07.wav", "RAVDESS",
         {"emotion": "angry", "actor": "07", "channel": "song", "intensity": "strong"}),
        ("AudioWAV/1001_DFA_HAP_XX.wav", "CREMA-D", {"emotion": "happy", "actor": "1001", "sentence": "DFA"}),
        ("wav/03a01Fa.wav", "Emo-DB", {"emotion": "happiness", "speaker": "03"}),
        ("wav/16b10Wb.wav", "Emo-DB", {"emotion": "anger", "speaker": "16"}),
        ("OAF_angry/OAF_back_angry.wav", "TESS", {"emotion": "angry", "speaker": "OAF", "spoken": "back"}),
        ("YAF_pleasant_surprised/YAF_week_ps.wav", "TESS", {"emotion": "pleasant surprise", "speaker": "YAF"}),
        ("bea_Amused/amused_1-15_0009.wav", "EmoV-DB", {"emotion": "amused", "speaker": "bea"}),
        ("sam/Sleepy/sleepiness_1-28_0020.wav", "EmoV-DB", {"emotion": "sleepiness", "speaker": "sam"}),
        ("AudioData/DC/su05.wav", "SAVEE", {"emotion": "surprise", "speaker": "DC"}),
        ("ALL/KL_a11.wav", "SAVEE", {"emotion": "anger", "speaker": "KL"}),
        ("recordings/7_jackson_32.wav", "spoken-digit", {"digit": "7", "speaker": "jackson"}),
        ("audio/5-200034-A-0.wav", "ESC-50", {"original_file": "200034", "fold": "5"}),
        ("audio/fold5/100032-3-0-0.wav", "UrbanSound8K", {"fsid": "100032", "event": "dog_bark", "fold": "5"}),
        ("p225_001_mic1.flac", "VCTK", {"speaker": "p225"}),
    ],
)  # fmt: skip
def test_names_of_known_corpora(path, corpus, expected):
    found, columns = known_names([path, path])
    assert found.name == corpus
    assert {name: columns[name][0] for name in expected} == expected


def test_ravdess_is_labeled_by_emotion_and_split_by_actor(tmp_path):
    recordings(tmp_path, *ravdess())
    loaded = load(Data(str(tmp_path)))
    assert (loaded.column, loaded.group) == ("emotion", "actor")
    assert loaded.target.names == ("calm", "happy", "neutral", "sad")
    assert groups_are_apart(loaded)
    said = "labels are read from file names as in RAVDESS: Actor_01/03-01-01-01-01-01-01.wav is modality=03"
    assert any(note.startswith(said) for note in loaded.warnings)


def test_actors_as_classes_are_refused_with_the_reason(tmp_path):
    recordings(tmp_path, *ravdess())
    with pytest.raises(InputError, match=r"each class has recordings of a single actor.*group=''"):
        load(Data(str(tmp_path), target="folder"))
    assert len(load(Data(str(tmp_path), target="folder", group="")).target.names) == 8


def test_sorted_folders_stay_the_labels(tmp_path):
    for path in ravdess(emotions=(1, 2)):
        name = path.partition("/")[2]
        recordings(tmp_path, f"{'still' if name[6:8] == '01' else 'quiet'}/{name}")
    loaded = load(Data(str(tmp_path)))
    assert loaded.column == "label"
    assert loaded.target.names == ("quiet", "still")
    assert loaded.group == "actor, as in RAVDESS names"


def test_flat_folder_of_cremad(tmp_path):
    recordings(tmp_path, *(f"AudioWAV/{1001 + actor}_{sentence}_{emotion}_XX.wav" for actor in range(6)
                           for sentence in ("DFA", "IEO") for emotion in ("ANG", "SAD")))  # fmt: skip
    loaded = load(Data(str(tmp_path)))
    assert (loaded.column, loaded.group, loaded.target.names) == ("emotion", "actor", ("anger", "sad"))


def test_other_folders_of_speakers_are_refused(tmp_path):
    recordings(tmp_path, *(f"Speaker {number}/take {take}.wav" for number in range(4) for take in range(8)))
    with pytest.raises(InputError, match=r"folders Speaker 0, .* are speakers by their names.*name_pattern"):
        load(Data(str(tmp_path)))
    assert len(load(Data(str(tmp_path), target="label", group="")).target.names) == 4


def test_a_pattern_gives_labels_and_groups(tmp_path):
    names = [f"s{speaker}_{label}_{take}.wav" for speaker in range(8) for label in ("no", "yes") for take in (1, 2)]
    recordings(tmp_path, *(f"all/{name}" for name in names), "all/noise.wav")
    with pytest.raises(InputError):
        load(Data(str(tmp_path)))
    loaded = load(Data(str(tmp_path), name_pattern="{speaker}_{label}_{take}"))
    assert (loaded.column, loaded.group, loaded.target.names) == ("label", "speaker", ("no", "yes"))
    assert groups_are_apart(loaded)
    assert "file names read by name_pattern: all/s0_no_1.wav is speaker=s0, label=no, take=1" in loaded.warnings
    assert any("1 file name without the form of name_pattern left out" in note for note in loaded.warnings)


def test_a_pattern_with_folders_and_widths(tmp_path):
    recordings(tmp_path, *(f"{speaker}/x/{speaker}{code}{take:02}.wav" for speaker in ("ab", "cd", "ef", "gh")
                           for code in "XY" for take in range(5)))  # fmt: skip
    loaded = load(Data(str(tmp_path), name_pattern="{speaker}/{}/{:2}{label:1}{take}.wav"))
    assert (loaded.target.names, loaded.group) == (("X", "Y"), "speaker")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("speaker_label", "expected fields"), ("{a}{b}", "nothing between two fields"), ("{a}_{a}", "used twice"),
     ("{a b}_{c}", "not a name"), (5, "expected a form of file names")],
)  # fmt: skip
def test_patterns_that_cannot_be_read_are_refused(pattern, words):
    with pytest.raises(InputError, match=words):
        Data("somewhere", name_pattern=pattern)


def test_a_pattern_that_no_name_has_is_refused(tmp_path):
    recordings(tmp_path, "a-b.wav", "c-d.wav")
    with pytest.raises(InputError, match=r"no file name has the form '\{speaker\}_\{label\}'"):
        load(Data(str(tmp_path), name_pattern="{speaker}_{label}"))


def test_folders_between_label_and_file_are_groups(tmp_path):
    recordings(tmp_path, *(f"id1000{speaker}/video{speaker}{video}/{take:05}.wav" for speaker in range(3)
                           for video in range(6) for take in range(4)))  # fmt: skip
    loaded = load(Data(str(tmp_path)))
    assert loaded.group == "folder between label and file"
    assert groups_are_apart(loaded)
    assert load(Data(str(tmp_path), group="")).group is None


def test_one_folder_for_all_is_not_a_group(tmp_path):
    recordings(tmp_path, *(f"{label}/clips/{take}.wav" for label in ("no", "yes") for take in range(8)))
    assert load(Data(str(tmp_path))).group is None


def test_the_freesound_file_of_an_esc50_name_is_the_group(tmp_path):
    names = [f"{clip % 5 + 1}-{100 + clip // 2}-{'AB'[clip % 2]}-{clip // 2 % 2}.wav" for clip in range(40)]
    recordings(tmp_path, *names)
    (tmp_path / "list.csv").write_text("filename,category\n" + "".join(
        f"{name},{'cat' if name[-5] == '0' else 'dog'}\n" for name in names))  # fmt: skip
    loaded = load(Data(str(tmp_path / "list.csv")))
    assert loaded.group == "original file, as in ESC-50 names"
    assert groups_are_apart(loaded)
