"""The sentences that ship, and the job on them: parted by voice and by sentence, small, and learned from."""

import csv
import shutil
import sys
from pathlib import Path

import pytest

from audio_ft.audio.clip import read
from audio_ft.cli import main as cli
from audio_ft.data import Data, load
from audio_ft.run import Run
from audio_ft.targets import Transcript

REPOSITORY = Path(__file__).parents[2]
SENTENCES = REPOSITORY / "audio_ft" / "assets" / "sentences"
SIZES = {"train": 480, "validation": 40, "test": 60}


@pytest.fixture(scope="module")
def loaded():
    """Return what loading makes of the sentences."""
    return load(Data(str(SENTENCES)), targets=(Transcript,))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Return a folder with six sentences of each split."""
    folder = tmp_path_factory.mktemp("few")
    for split in SIZES:
        with (SENTENCES / split / "metadata.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))[:6]
        (folder / split).mkdir()
        for row in rows:
            shutil.copy(SENTENCES / split / row["file_name"], folder / split)
        with (folder / split / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return folder


def test_no_voice_and_no_sentence_is_on_two_sides(loaded):
    assert {name: len(split) for name, split in loaded.splits.items()} == SIZES
    assert loaded.warnings == ()
    assert (loaded.column, loaded.group) == ("text", "speaker_id")
    for column in ("target", "group"):
        sides = [set(split[column]) for split in loaded.splits.values()]
        assert sum(map(len, sides)) == len(set.union(*sides))


def test_every_word_of_the_test_sentences_is_trained_on(loaded):
    words = {name: {word for text in split["target"] for word in text.split()} for name, split in loaded.splits.items()}
    assert words["test"] | words["validation"] <= words["train"]
    assert 20 <= len(words["train"]) <= 30


def test_the_sentences_are_small_and_what_their_makers_grammar_says(loaded, monkeypatch):
    assert sum(file.stat().st_size for file in SENTENCES.rglob("*.ogg")) < 4e6
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    sys.modules.pop("make_quickstart_sentences", None)
    from make_quickstart_sentences import sentences

    for name, texts in sentences(0).items():
        assert sorted(texts) == sorted(loaded.splits[name]["target"])


def test_a_sentence_is_a_short_clip_at_16_khz():
    for file in sorted((SENTENCES / "test").glob("*.ogg"))[:5]:
        clip = read(file)
        assert clip.rate == 16_000
        assert 0.8 < clip.samples.shape[1] / clip.rate < 4


def test_the_quickstart_transcribes(few, tmp_path, capsys):
    words = ["quickstart", "--task", "transcription", "--output-dir", str(tmp_path / "run"), "--data", str(few)]
    assert cli.main([*words, "--epochs", "1"]) == 0
    run = Run.load(tmp_path / "run")
    assert run.kind == "transcript"
    assert {"wer", "wer_normalized", "cer"} <= run.scores["test"].keys()
    said = capsys.readouterr().out.splitlines()
    steps = [line.split() for line in said if line.startswith("  audio-ft ")]
    assert [step[1] for step in steps] == ["inspect", "train", "predict"]
    assert cli.main(steps[0][1:]) == 0
    assert cli.main(steps[2][1:]) == 0
    assert cli.main(words) == 0
    assert "has a finished run, which is shown here" in capsys.readouterr().err


def test_a_finished_run_of_the_other_task_is_not_shown(small_run, capsys):
    assert cli.main(["quickstart", "--task", "transcription", "--output-dir", str(small_run)]) == 2
    assert "has a finished run of another task (classification)" in capsys.readouterr().err


@pytest.mark.slow
def test_the_quickstart_learns_the_sentences(tmp_path):
    assert cli.main(["quickstart", "--task", "transcription", "--output-dir", str(tmp_path / "run")]) == 0
    scores = Run.load(tmp_path / "run").scores["test"]
    assert scores["cer"].value < 0.25
    assert scores["wer"].value < 0.5
