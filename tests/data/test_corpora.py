"""Every corpus that is supported, as its archive is unpacked, read without a setting: rows, targets, splits, groups."""

import numpy as np
import pytest
from corpora import BUILDERS

from audio_ft.cli.main import main
from audio_ft.data import Data, load
from audio_ft.data.table.name_patterns import corpora, known_names
from audio_ft.errors import InputError
from audio_ft.targets import Transcript

TRANSCRIBED = {
    "librispeech", "libritts", "timit", "timit_lower", "vctk", "vctk92", "ljspeech", "common_voice",
    "common_voice_nested", "fleurs",
}  # fmt: skip
# Clips of train, validation and test; column; names; group; and what the rule and the notes say.
READ = {
    "speech_commands": ((24, 3, 3), "label", "no up yes", "speaker, as in speech-commands names",
                        ["given by testing_list.txt and validation_list.txt", "_background_noise_ left out"]),
    "librispeech": ((6, 3, 6), "text", "", "speaker, as in LibriSpeech names", ["4 lists like it"]),
    "libritts": ((6, 3, 3), "text", "", "speaker, as in LibriTTS names", [".normalized.txt"]),
    "timit": ((6, 3, 6), "text", "", "folder", ["given by the data: train, test", "numbers of samples"]),
    "timit_lower": ((6, 3, 6), "text", "", "folder", ["given by the data: train, test"]),
    "vctk": ((8, 4, 4), "text", "", "speaker, as in VCTK names", ["txt/p228/p228_001.txt"]),
    "vctk92": ((16, 8, 8), "text", "", "speaker, as in VCTK names", ["text files of the same name"]),
    "ljspeech": ((8, 1, 1), "text", "", None, ["no header", "no groups known"]),
    "common_voice": ((6, 3, 3), "sentence", "", "client_id",
                     ["given by the data", "clip_durations.tsv, invalidated.tsv, other.tsv", "4 recordings in no"]),
    "common_voice_nested": ((6, 3, 3), "sentence", "", "client_id", ["given by the data"]),
    "fleurs": ((6, 3, 3), "text", "", None, ["found in", "audio/train", "no header"]),
    "minds14": ((9, 3, 3), "intent", "app_error joint_account pay_bill", None, ["made here"]),
    "gtzan": ((12, 6, 3), "label", "blues jazz rock", None,
              ["test_filtered.txt and train_filtered.txt and valid_filtered.txt", "'in no list' (3 rows) left out"]),
    "gtzan_csv": ((18, 3, 3), "label", "blues jazz rock", None, ["features_3_sec.csv not used"]),
    "fsd50k": ((9, 3, 4), "labels", "Animal Dog Rain Water", None,
               ["column 'split' of FSD50K.ground_truth/dev.csv", "collection_dev.csv", "not used"]),
    "audioset": ((7, 1, 4), "positive_labels", "/m/05zppz /m/09x0r /t/dd00088", None,
                 ["balanced_train_segments.csv and eval_segments.csv", "class_labels_indices.csv not used"]),
    "dcase_tau": ((9, 3, 6), "scene_label", "airport bus metro", None, ["fold1_evaluate.csv", "fold1_train.csv"]),
    "dcase_folds": ((9, 3, 3), "scene_label", "airport bus metro", None, ["'fold' is read from the test lists",
                                                                           "data.folds=fold trains"]),
    "voxceleb": ((24, 12, 12), "label", "id10000 id10001 id10002 id10003", "folder between label and file",
                 ["given by iden_split.txt", "veri_test.txt not used: each line is a pair"]),
    "voxceleb_around": ((24, 12, 12), "label", "id10000 id10001 id10002 id10003", "folder between label and file",
                        ["given by iden_split.txt"]),
    "iemocap": ((6, 6, 6), "emotion", "anger neutral sadness", "session", ["raters did not agree (xxx) left out"]),
    "esc50": ((12, 1, 2), "category", "cat dog rain", "src_file", ["column 'fold' (5 folds) not used"]),
    "urbansound8k": ((12, 2, 1), "class", "air_conditioner car_horn children_playing", "fsID",
                     ["column 'fold' (5 folds) not used", "places in another recording"]),
    "musan": ((18, 3, 3), "label", "music noise speech", None, ["folder musan holds all class folders"]),
    "slurp": ((12, 6, 6), "intent", "alarm_set iot_off play", None, ["given by the data"]),
    "ravdess": ((32, 8, 8), "emotion", "angry calm disgust fearful happy neutral sad surprised", "actor",
                ["as in RAVDESS"]),
    "emodb": ((12, 6, 6), "emotion", "anger boredom happiness", "speaker", ["as in Emo-DB"]),
    "savee": ((12, 6, 6), "emotion", "anger neutral sadness", "speaker", ["as in SAVEE"]),
    "esd": ((12, 12, 12), "emotion", "Angry Happy Neutral", "speaker", ["as in ESD"]),
    "mesd": ((6, 6, 6), "emotion", "Anger Fear Neutral", "voice, as in MESD names", ["as in MESD"]),
    "emovo": ((6, 6, 6), "emotion", "disgust joy neutral", "speaker", ["as in EMOVO"]),
    "jl": ((6, 6, 6), "emotion", "angry happy neutral", "speaker", ["as in JL-corpus"]),
    "aesdd": ((6, 6, 6), "label", "anger disgust fear", "speaker, as in AESDD names", ["disjoint by speaker"]),
    "baved": ((24, 6, 6), "emotion", "high low normal", "speaker", ["as in BAVED"]),
    "shemo": ((24, 6, 6), "emotion", "anger happiness neutral", "speaker", ["as in ShEMO"]),
    "urdu": ((6, 6, 6), "label", "Angry Happy Sad", "speaker, as in URDU names", ["disjoint by speaker"]),
    "emovdb": ((6, 6, 6), "emotion", "amused neutral", "speaker", ["as in EmoV-DB"]),
    "cremad": ((12, 6, 6), "emotion", "anger happy sad", "actor", ["as in CREMA-D", "SentenceFilenames.csv not used"]),
}  # fmt: skip
# What nobody can know: the refusal names the setting, and with it the data is read.
UNDECIDED = {
    "meld": (
        "Emotion, Sentiment could each be the label; choose one with data.target=NAME",
        {"target": "Emotion"},
        (6, 3, 3),
    ),
    "nsynth": ("no column name matches the label", {"target": "instrument_family_str"}, (12, 6, 6)),
    "tess": ("speaker: train, validation and test need 3 of them", {"group": ""}, (12, 3, 3)),
}


@pytest.mark.parametrize("name", READ)
def test_a_corpus_is_read_without_a_setting(name, tmp_path):
    BUILDERS[name](tmp_path)
    sizes, column, names, group, said = READ[name]
    kinds = {"targets": (Transcript,)} if name in TRANSCRIBED else {}
    loaded = load(Data(path=str(tmp_path)), **kinds)
    assert tuple(len(loaded.splits[split]) for split in ("train", "validation", "test")) == sizes
    assert (loaded.column, " ".join(loaded.target.names), loaded.group) == (column, names, group)
    text = " ".join((loaded.rule, loaded.reading, *loaded.warnings))
    assert [part for part in said if part not in text] == []
    paths = [audio["path"] for split in loaded.splits.values() for audio in split["audio"]]
    assert len(set(paths)) == len(paths) == sum(sizes)


@pytest.mark.parametrize("name", UNDECIDED)
def test_what_cannot_be_known_is_asked_for(name, tmp_path):
    BUILDERS[name](tmp_path)
    sentence, settings, sizes = UNDECIDED[name]
    with pytest.raises(InputError, match=sentence):
        load(Data(path=str(tmp_path)))
    loaded = load(Data(path=str(tmp_path), **settings))
    assert tuple(len(loaded.splits[split]) for split in ("train", "validation", "test")) == sizes


def test_sessions_of_iemocap_are_left_out_in_turn(tmp_path):
    """As its papers do, because the two speakers of a session talk to each other; see speechbrain/speechbrain#1415."""
    BUILDERS["iemocap"](tmp_path)
    loaded = load(Data(path=str(tmp_path), folds="session", test_fold="02"))
    assert loaded.folds == ("01", "02", "03")
    assert set(loaded.splits["test"]["group"]) == {"02"}
    assert "02" not in {*loaded.splits["train"]["group"], *loaded.splits["validation"]["group"]}


def test_test_sets_alone_are_read_as_such(tmp_path):
    BUILDERS["librispeech_devtest"](tmp_path)
    with pytest.raises(InputError, match="no train split; the splits there are validation, test"):
        load(Data(path=str(tmp_path)), targets=(Transcript,))
    assert len(load(Data(path=str(tmp_path)), targets=(Transcript,), need=("test",)).splits["test"]) == 6


def test_every_builder_is_read():
    assert BUILDERS.keys() == READ.keys() | UNDECIDED.keys() | {"librispeech_devtest"}


def test_inspect_prints_where_the_splits_are_from(tmp_path, capsys):
    BUILDERS["voxceleb"](tmp_path)
    assert main(["inspect", str(tmp_path)]) == 0
    assert "given by iden_split.txt: train, validation, test" in capsys.readouterr().out


def ordinary_names(generator):
    """Yield lists of file names as recorders, phones, people and programs write them."""
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))

    def word():
        return "".join(generator.choice(letters, generator.integers(3, 9)))

    def number(width):
        return f"{generator.integers(10**width):0{width}d}"

    forms = (
        lambda: f"{generator.integers(1, 29):02d}-{generator.integers(1, 13):02d}-20{number(2)}",
        lambda: f"20{number(2)}-{generator.integers(1, 13)}-{generator.integers(1, 29)}-{generator.integers(9)}",
        lambda: f"20{number(2)}-0{generator.integers(1, 10)}-{number(2)} {number(2)}.{number(2)}.{number(2)}",
        lambda: f"REC{number(4)}", lambda: f"IMG_{number(4)}", lambda: f"PTT-20{number(6)}-WA{number(4)}",
        lambda: f"audio ({generator.integers(99)})", lambda: f"New Recording {generator.integers(99)}",
        lambda: generator.bytes(16).hex(), lambda: f"{word()}_{number(3)}", lambda: f"{word()}-{word()}",
        lambda: f"{word()}/{word()}", lambda: number(6), lambda: f"{word()}_{word()}_{number(2)}",
        lambda: f"track{number(2)}", lambda: f"{number(2)} - {word()}", lambda: f"utt-{number(5)}",
    )  # fmt: skip
    for form in forms:
        for _ in range(40):
            yield [f"{form()}.wav" for _ in range(12)]


def test_ordinary_names_are_no_corpus():
    found = [(corpus[0].name, names[:2]) for names in ordinary_names(np.random.default_rng(0))
             if (corpus := known_names(names))]  # fmt: skip
    assert found == []


def test_each_corpus_is_recognized_as_itself(tmp_path):
    """No pattern also fits the names of another corpus, which would be found first."""
    for name, build in BUILDERS.items():
        build(tmp_path / name)
    for name in ("ravdess", "cremad", "emodb", "tess", "savee", "esd", "mesd", "emovo", "jl", "aesdd", "baved", "shemo",
                 "urdu", "emovdb", "esc50", "librispeech", "libritts", "vctk92", "speech_commands"):  # fmt: skip
        names = [str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).rglob("*")
                 if path.suffix in (".wav", ".flac") and "_background" not in str(path)]  # fmt: skip
        fitting = [corpus.name for corpus in corpora() if corpus.columns(names)]
        assert len(fitting) == 1, (name, fitting)
