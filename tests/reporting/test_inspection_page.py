"""The page of an inspection: complete, escaped, offline and small."""

import base64
import re
from io import BytesIO

import numpy as np
import pytest
import soundfile

from audio_ft.audio.clip import Clip, write
from audio_ft.cli.main import main
from audio_ft.data import Data
from audio_ft.doctor.inspect import inspect
from audio_ft.plots import histogram
from audio_ft.reporting.html.inspection import write_inspection


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return tones of two classes in three splits: one clipped, one copied, one unreadable."""
    place = tmp_path_factory.mktemp("tones") / "tones"
    for number in range(12):
        tone = Clip.tone(200 + 20 * number, 0.5, dbfs=-1)
        if number == 3:
            tone = tone.with_samples(np.clip(tone.samples, -0.4, 0.4))
        split = ("train", "train", "validation", "test")[number // 3]
        file = place / split / ("low", "<b>high</b>")[number % 2] / f"{number:02d}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        write(tone, file)
    (place / "train" / "low" / "copy.wav").write_bytes((place / "train" / "low" / "00.wav").read_bytes())
    (place / "train" / "low" / "empty.wav").write_bytes(b"")
    return place


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    target = tmp_path_factory.mktemp("page") / "page.html"
    return write_inspection(inspect(Data(str(folder))), target).read_text("utf-8")


def test_every_finding_is_on_the_page_with_its_recordings(page, folder):
    found = inspect(Data(str(folder)))
    assert {"clipped", "duplicate", "unreadable"} <= {finding.name for finding in found.findings}
    visible = re.sub(r"<[^>]+>", "", page)
    for finding in found.findings:
        assert finding.sentence.replace("<", "&lt;").replace(">", "&gt;") in visible
    assert "empty file" in visible
    assert all(one.key.rpartition("/")[2] in visible for one in found.recordings)


def test_players_play_the_recording_itself(page):
    sound, rate = soundfile.read(BytesIO(base64.b64decode(re.search(r"data:audio/mpeg;base64,([^\"]+)", page)[1])))
    assert rate == 16_000
    assert 0.5 <= len(sound) / rate < 0.7
    assert np.abs(sound).max() > 0.3


def test_the_page_loads_nothing_and_names_no_folder_of_this_machine(page, folder):
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]*", page)
    assert str(folder.parent) not in page
    assert "<b>high" not in page


def test_the_command_writes_the_page_and_examines_everything(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("audio_ft.doctor.inspect.QUICK_SECONDS", 0.0)
    assert main(["inspect", str(folder), "--html", str(tmp_path / "page.html")]) == 0
    printed = capsys.readouterr()
    assert "every sample was read" in " ".join(printed.out.split())
    assert "page.html" in printed.err
    assert (tmp_path / "page.html").stat().st_size < 1_000_000


def test_data_that_training_refuses_has_a_page_too(tmp_path):
    (tmp_path / "in").mkdir()
    write(Clip.tone(300, 0.3), tmp_path / "in" / "a.wav")
    page = write_inspection(inspect(Data(str(tmp_path / "in"))), tmp_path / "page.html").read_text("utf-8")
    assert "Training refuses this data" in page
    assert str(tmp_path) not in page


def test_headers_alone_have_a_page(folder, tmp_path):
    page = write_inspection(inspect(Data(str(folder)), decode=False), tmp_path / "page.html").read_text("utf-8")
    assert "headers only" in page
    assert "LUFS</th>" not in page


def test_a_histogram_counts_every_value():
    figure = histogram([1.0, 1.0, 2.0, 5.0], name="SNR", unit="dB")
    bars = figure.axes[0].patches
    assert sum(bar.get_height() for bar in bars) == 4
    assert sum(bar.get_height() for bar in histogram([2.0, 2.0], name="SNR").axes[0].patches) == 2


def test_an_anonymized_page_has_no_names_no_transcripts_and_no_sound(tmp_path, capsys):
    home = tmp_path / "zuleikahome"
    home.mkdir()
    rows = ["file_name,text,vroni_person,split"]
    for number in range(12):
        split = ("train", "validation", "test")[number // 4]
        write(Clip.tone(200 + 20 * number, 0.3), home / f"qwobert{number}.wav")
        rows.append(f"qwobert{number}.wav,call mumpitz {number},Xanthippe {number},{split}")
    (home / "qwobert2.wav").write_bytes(b"RIFF")
    (home / "qwobert9.wav").write_bytes((home / "qwobert1.wav").read_bytes())
    (home / "brzeczyc.csv").write_text("\n".join(rows) + "\n")
    page = tmp_path / "page.html"
    words = ["inspect", str(home / "brzeczyc.csv"), "--task", "transcription", "--group", "vroni_person"]
    assert main([*words, "--anonymize"]) == 2
    assert "--anonymize is about the page" in capsys.readouterr().err
    assert main([*words, "--html", str(page), "--anonymize"]) == 0
    assert main([*words, "--html", str(plain := tmp_path / "plain.html")]) == 0
    for secret in ("zuleika", "qwobert", "vroni", "xanthippe", "mumpitz", "brzeczyc"):
        assert secret not in page.read_text("utf-8").lower(), secret
    assert "qwobert1.wav" in plain.read_text("utf-8")
    content = page.read_text("utf-8")
    assert not re.search('src="data:audio|data-sound="', content)
    assert "word word word" in content
    assert re.search(r"2 recordings are in two splits, with equal content", content)
    assert "players are left out" in content
