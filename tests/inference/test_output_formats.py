"""`audio-ft predict` on the screen and into files: text, JSON and subtitles, of transcripts and of labels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from audio_ft.cli import main as cli
from audio_ft.errors import AudioError
from audio_ft.inference.subtitles import srt, vtt
from audio_ft.targets import Transcript

WORDS = [{"start": 0.5, "end": 0.9, "text": "Bonjour"}, {"start": 1.0, "end": 1.4, "text": "Zoë."}]
TOLD = {"text": "Bonjour Zoë.", "segments": [{"start": 0.5, "end": 1.4, "text": "Bonjour Zoë.", "words": WORDS}]}


class Transcriber:
    """Answer like a model that transcribes; what it says does not matter here."""

    task = SimpleNamespace(target=Transcript())

    def __init__(self):
        self.asked = []

    def attempts(self, files, top_k, *, words):
        self.asked.append(words)
        for file in files:
            if not os.path.exists(file):
                yield AudioError(file, "no such file")
            elif words:
                yield TOLD
            else:
                yield TOLD | {"segments": [{name: TOLD["segments"][0][name] for name in ("start", "end", "text")}]}


@pytest.fixture
def transcriber(monkeypatch):
    model = Transcriber()
    monkeypatch.setattr("audio_ft.hub.load.load", lambda name, **settings: model)
    return model


@pytest.fixture
def recordings(tmp_path, transcriber):
    for name in ("talks/a.wav", "talks/a.mp3", "talks/day 2/größe [1].wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path / "talks"


def run(capsys, *words, code=0):
    assert cli.main(["predict", "model", *map(str, words)]) == code
    return capsys.readouterr()


def test_a_transcript_follows_a_tab(transcriber, recordings, capsys):
    said = run(capsys, recordings / "a.wav", recordings / "gone.wav")
    assert said.out == f"{recordings}/a.wav\tBonjour Zoë.\n{recordings}/gone.wav\tcannot be read: no such file\n"
    assert transcriber.asked == [False]


@pytest.mark.parametrize("how", [["--json"], ["--format", "json"], ["--json", "--format", "json"]])
def test_json_has_text_segments_and_words(transcriber, recordings, capsys, how):
    lines = run(capsys, recordings / "a.wav", recordings / "gone.wav", *how).out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"file": str(recordings / "a.wav")} | TOLD,
        {"file": str(recordings / "gone.wav"), "error": "no such file"},
    ]
    assert transcriber.asked == [True]


@pytest.mark.parametrize(("form", "writer"), [("srt", srt), ("vtt", vtt)])
def test_subtitles_of_one_recording_go_to_the_screen_or_into_a_file_that_says_its_format(
    recordings, tmp_path, capsys, form, writer
):
    assert run(capsys, recordings / "a.wav", "--format", form).out == writer(TOLD["segments"])
    said = run(capsys, recordings / "a.wav", "--output", tmp_path / f"talk.{form.upper()}")
    assert said.out == ""
    assert (tmp_path / f"talk.{form.upper()}").read_text("utf-8") == writer(TOLD["segments"])
    failed = run(capsys, recordings / "gone.wav", "--format", form, code=2)
    assert failed.out == ""
    assert "gone.wav cannot be read: no such file" in failed.err


@pytest.mark.parametrize("form", ["text", "json", "srt", "vtt"])
def test_a_folder_gets_one_file_for_each_recording_under_its_name(recordings, tmp_path, capsys, form):
    said = run(capsys, recordings, recordings / "gone.wav", "--format", form, "--output-dir", tmp_path / "out" / "deep")
    assert said.out == ""
    assert "gone.wav cannot be read: no such file" in said.err
    assert "predictions of 3 of 4 files in" in said.err
    suffix = {"text": "txt"}.get(form, form)
    found = {path.relative_to(tmp_path / "out" / "deep").as_posix(): path for path in (tmp_path / "out").rglob("*.*")}
    assert set(found) == {f"a.wav.{suffix}", f"a.mp3.{suffix}", f"day 2/größe [1].{suffix}"}
    content = found[f"day 2/größe [1].{suffix}"].read_text("utf-8")
    expected = {
        "text": "Bonjour Zoë.\n",
        "json": {"file": str(recordings / "day 2" / "größe [1].wav")} | TOLD,
        "srt": srt(TOLD["segments"]),
        "vtt": vtt(TOLD["segments"]),
    }
    assert (json.loads(content) if form == "json" else content) == expected[form]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--format", "srt"], "--output-dir"),
        (["--output", "all.vtt"], "--output-dir"),
        (["--json", "--format", "vtt"], "contradict"),
        (["--format", "ass"], "invalid choice"),
        (["--output", "a", "--output-dir", "b"], "not allowed with"),
        (["--top-k", "2"], "--top-k is for labels"),
    ],
)
def test_invalid_options_are_explained_in_one_line(recordings, capsys, words, sentence):
    said = run(capsys, recordings, *words, code=2)
    assert said.out == ""
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1


def test_a_folder_that_cannot_be_written_is_named(recordings, tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    said = run(capsys, recordings / "a.wav", "--output-dir", tmp_path / "taken", code=2)
    assert "taken" in said.err
    assert "give another folder" in said.err


# --- labels


def test_labels_have_no_subtitles_but_files_of_their_own(small_run, tmp_path, capsys):
    clip = next((Path(__file__).parents[2] / "audio_ft" / "assets" / "words" / "test").glob("*.ogg"))
    assert cli.main(["predict", str(small_run), str(clip), "--format", "srt"]) == 2
    assert "predicts one label" in capsys.readouterr().err
    for form in ("json", "text"):
        words = ["predict", str(small_run), str(clip), "--format", form, "--output-dir", str(tmp_path)]
        assert cli.main(words) == 0
    labels = json.loads((tmp_path / f"{clip.stem}.json").read_text())["labels"]
    lines = (tmp_path / f"{clip.stem}.txt").read_text().splitlines()
    assert lines == [f"{label}\t{value:.3f}" for label, value in list(labels.items())[:3]]
    assert sorted(os.listdir(tmp_path)) == sorted([f"{clip.stem}.json", f"{clip.stem}.txt"])
