"""A model in the browser: one page for each kind of answer, limits on what is sent, and the files of a Space."""

from __future__ import annotations

import os
import re
import runpy
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import audio_ft as aft
from audio_ft.cli import main as cli
from audio_ft.inference.predictor import Prediction
from audio_ft.serving import answer, demo
from audio_ft.serving.answer import read_at_most
from audio_ft.serving.space import pinned
from audio_ft.targets import Events, Labels, Number, Transcript

WORDS = Path(__file__).parents[2] / "audio_ft" / "assets" / "words"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


def test_a_recording_sent_to_the_page_gets_the_model_s_answer(small_run, tmp_path):
    model = aft.load(small_run)
    tone = aft.Clip.tone(440, seconds=0.5)
    clip = tone.with_samples((tone.samples * 4).clip(-1, 1))
    clip.write(tmp_path / "loud.wav")
    page = demo.interface(model, "<words>", facts={"test": "a & b"}, examples=[("yes", tmp_path / "loud.wav")], most=2)
    address = demo.launch(page, host="127.0.0.1", wait=False)
    try:
        with urllib.request.urlopen(address) as answered:
            sent = answered.read().decode()
        client = Client(address, verbose=False, download_files=str(tmp_path / "answers"))
        label, cleaned, notes = client.predict(handle_file(tmp_path / "loud.wav"), api_name="/predict")
        aft.Clip.silence(2.5).write(tmp_path / "long.wav")
        (tmp_path / "no.wav").write_text("hello")
        reasons = []
        for name in ("long.wav", "no.wav"):
            with pytest.raises(AppError) as refused:
                client.predict(handle_file(tmp_path / name), api_name="/predict")
            reasons.append(str(refused.value))
    finally:
        page.close(verbose=False)
    expected = model(tmp_path / "loud.wav")
    assert label["label"] == next(iter(expected))
    assert {one["label"]: one["confidence"] for one in label["confidences"]} == pytest.approx(dict(expected))
    heard = aft.read(cleaned)
    assert (heard.rate, heard.samples) == (16_000, pytest.approx(model.chain(aft.read(tmp_path / "loud.wav")).samples,
                                                                 abs=1e-4))  # fmt: skip
    assert "Note: clipped" in notes
    assert "longer than 2.00 s" in reasons[0]
    assert "cannot be used: not audio" in reasons[1]
    assert "&lt;words&gt;" in sent or "\\u003cwords" in sent
    assert not re.findall(r"<words>", sent.partition("</title>")[2])
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"


def test_what_is_too_long_or_has_too_many_channels_is_refused(tmp_path, monkeypatch):
    quiet = aft.Clip.silence(1.0)
    assert read_at_most(str(WORDS / "test" / sorted(os.listdir(WORDS / "test"))[0]), 10).seconds > 0.3
    quiet.write(tmp_path / "a.wav")
    with pytest.raises(aft.AudioError, match=r"recording: longer than 500 ms, the most that is accepted"):
        read_at_most((tmp_path / "a.wav").read_bytes(), 0.5)
    aft.Clip(quiet.samples.repeat(4, axis=0), quiet.rate).write(tmp_path / "many.wav")
    monkeypatch.setattr(answer, "MAX_SAMPLES", 32_000)
    with pytest.raises(aft.AudioError, match="longer than 500 ms"):
        read_at_most(str(tmp_path / "many.wav"), 1e6)


@pytest.mark.parametrize(
    ("target", "prediction", "shown"),
    [
        (Number(), {"value": 2.5}, ["value 2.500"]),
        (Labels(("a", "b")), {"a": 0.9, "b": 0.2}, [{"a": 0.9, "b": 0.2}]),
        (Transcript(), {"text": "hi you", "segments": [{"start": 0.0, "end": 0.5, "text": "hi you"}]},
         ["hi you", [[0.0, 0.5, "hi you"]]]),
        (Events(("dog",)), {"events": [{"onset": 0.1, "offset": 0.4, "label": "dog", "probability": 0.9}]},
         [None, None, [[0.1, 0.4, "dog"]]]),
    ],
)  # fmt: skip
def test_each_kind_of_prediction_has_its_views(target, prediction, shown):
    import gradio

    clip = aft.Clip.tone(440, seconds=0.5)
    found = demo.Answer(clip, clip, Prediction.of(prediction, (), 0.5))
    with gradio.Blocks(analytics_enabled=False):
        contents = [view.content(found) for view in demo.views_of(gradio, target)]
    for expected, content in zip(shown, contents, strict=False):
        assert expected is None or str(content).startswith(str(expected)) or content == expected
    if target.has_times:
        assert "<svg" in contents[1]
        assert "dog" in contents[1]
        assert "true<" not in contents[1]
    if target.formats:
        player = contents[-3]
        assert player.subtitles
    assert contents[-2][0] == 16_000


def test_a_space_holds_the_model_and_nothing_of_this_machine(small_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_" + "secretsecret")
    folder = tmp_path / "space"
    assert cli.main(["demo", str(small_run), "--space", str(folder), "--examples", "2"]) == 0
    assert f"hf upload USER/NAME {folder} --repo-type space" in capsys.readouterr().out
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {"app.py", "README.md", "requirements.txt", ".gitattributes", "model/model.safetensors", "model/chain.json",
            "examples/1.wav", "examples/2.wav"} <= set(files)  # fmt: skip
    for path in files.values():
        content = path.read_bytes()
        assert not [word for word in (b"hf_secret", str(small_run).encode(), str(WORDS).encode()) if word in content]
    head = yaml.safe_load(files["README.md"].read_text().split("---\n")[1])
    assert (head["sdk"], head["app_file"], head["title"]) == ("gradio", "app.py", "small")
    lines = files["requirements.txt"].read_text().splitlines()
    assert lines == pinned()
    assert lines[0] == f"audio-ft[demo]=={aft.__version__}"
    assert all(re.fullmatch(r"[\w.-]+(\[demo\])?==[\w.]+", line) for line in lines)
    assert {"torch", "transformers"} <= {line.partition("==")[0] for line in lines}
    # Its program runs in its folder, with its own model.
    pages = []
    monkeypatch.setattr(demo, "launch", pages.append)
    monkeypatch.chdir(folder)
    runpy.run_path("app.py")
    assert pages[0].title == "small"
    assert cli.main(["demo", str(small_run), "--space", str(folder)]) == 2
    assert "not an empty folder" in capsys.readouterr().err


def test_a_space_has_no_recordings_unless_asked_and_of_the_anonymous_no_names(small_run, tmp_path, capsys):
    folder = tmp_path / "space"
    assert cli.main(["demo", str(small_run), "--space", str(folder), "--anonymize"]) == 0
    assert not (folder / "examples").exists()
    assert "wav2vec2-mini" not in (folder / "model" / "recipe.json").read_text()
    assert cli.main(["demo", str(small_run), "--anonymize", "--examples", "2"]) == 2
    assert "--anonymize leaves out" in capsys.readouterr().err
    assert cli.main(["demo", str(small_run / "model"), "--space", str(tmp_path / "b")]) == 0
    assert (tmp_path / "b" / "model" / "model.safetensors").exists()


def test_without_gradio_the_message_says_what_to_install(small_run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert cli.main(["demo", str(small_run)]) == 2
    assert "pip install 'audio-ft[demo]'" in capsys.readouterr().err
