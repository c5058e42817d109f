"""`audio-ft show`: figures of recordings, arrays of a folder, and a clear word about what cannot be read."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas
import pytest
import soundfile
from waiting import HUNG

from audio_ft import Clip, InputError, read
from audio_ft.audio.features import FEATURES, compute
from audio_ft.audio.features.export import save_features
from audio_ft.cli.main import main
from audio_ft.data import Data, load
from tests.checkpoints import WORDS

WORD = Path(WORDS) / "test" / "en-029_grandpa_down.ogg"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return a folder of three recordings, one below, one like another by name, and two that cannot be read."""
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "mine"
    (mine / "sub").mkdir(parents=True)
    shutil.copy(WORD, mine / "a.ogg")
    Clip.chirp(100, 3_000, 0.5, 8_000).write(mine / "a.wav")
    Clip.tone(440, 0.3, 44_100).write(mine / "sub" / "b.flac")
    (mine / "empty.wav").touch()
    (mine / "text.wav").write_text("no sound")
    return mine


def test_a_recording_becomes_a_figure_beside_its_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["show", str(WORD)]) == 0
    assert capsys.readouterr().out == f"written: {WORD.name}.png\n"
    assert (tmp_path / f"{WORD.name}.png").read_bytes().startswith(b"\x89PNG")


def test_chosen_features_in_the_order_asked_for(tmp_path):
    out = tmp_path / "out.svg"
    words = ["--feature", "chroma", "mfcc", "--feature", "rms", "--dark", "--output", str(out)]
    assert main(["show", str(WORD), *words]) == 0
    root = ElementTree.parse(out).getroot()
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert [text for text in texts if text in ("Chroma", "MFCC", "RMS")] == ["Chroma", "MFCC", "RMS"]
    assert WORD.name in texts
    assert "#14171c" in out.read_text()


def test_the_list_is_the_table(capsys):
    assert main(["show", "--list"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[::2]] == list(FEATURES)
    assert "(20, frames); ∛ amplitude; Patterson 1988" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "audio-ft show FILE --feature NAME"),
        (["missing.wav"], "missing.wav: no such file"),
        (["mine/text.wav"], "mine/text.wav: not audio"),
        (["mine/a.ogg", "--feature", "mfc"], "Did you mean 'mfcc'?"),
        (["--feature", "mfcc", "mine/a.ogg"], "before --feature"),
        (["mine/a.ogg", "--feature", "mfcc", "mine/a.wav"], "recordings come first: audio-ft show mine/a.wav"),
        (["mine/a.ogg", "--output", "x.gif"], "expected a name ending in .png or .svg"),
        (["mine/a.ogg", "--output", "x.png", "--save", "x"], "give one of them"),
        (["mine"], "add --output FOLDER (figures)"),
        (["mine", "--output", "x.png"], "give a folder"),
        (["mine", "--output", "mine/pictures"], "choose a folder outside it"),
        (["mine", "--save", "mine/arrays"], "choose a folder outside it"),
        (["mine", "--save", "x.npz"], "give a folder, or a name ending in .parquet"),
        (["nothing", "--save", "x"], "no recordings found"),
    ],
)
def test_refusals_of_show_name_the_fix(folder, words, sentence, capsys):
    (folder.parent / "nothing").mkdir()
    assert main(["show", *words]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""
    assert not list(folder.parent.glob("x*"))


def test_a_folder_becomes_a_figure_each(folder, capsys):
    assert main(["show", "mine", "--feature", "waveform", "--output", "out"]) == 0
    said = capsys.readouterr()
    assert "excluded: empty.wav: empty file" in said.err
    assert "excluded: text.wav: not audio" in said.err
    assert said.out == "written: 3 figures in out\n"
    found = {path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file()}
    assert found == {"a.ogg.png", "a.wav.png", "sub/b.png"}


def test_a_folder_becomes_arrays_each_in_its_file(folder):
    assert main(["show", "mine", "--save", "out"]) == 0
    found = {path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file()}
    assert found == {"a.ogg.npz", "a.wav.npz", "sub/b.npz", "features.json", "unreadable.txt"}
    clip = read(folder / "a.ogg")
    with np.load("out/a.ogg.npz") as stored:
        expected = compute(clip)
        assert set(stored) == set(expected) | {"seconds", "rate", "hop_seconds"}
        for name, array in expected.items():
            # Bit for bit: one machine computes the same feature twice.
            np.testing.assert_array_equal(stored[name], array)
        assert (stored["rate"], stored["seconds"]) == (clip.rate, clip.seconds)
    about = json.loads(Path("out/features.json").read_text())
    assert about["spectral_centroid"]["unit"] == "Hz"
    with Path("out/unreadable.txt").open() as stream:
        assert list(csv.DictReader(stream)) == [
            {"file": "empty.wav", "reason": "empty file"},
            {"file": "text.wav", "reason": "not audio"},
        ]


def test_a_folder_becomes_one_table(folder):
    assert main(["show", "mine", "--feature", "gfcc", "rms", "waveform", "--save", "out.parquet"]) == 0
    table = pandas.read_parquet("out.parquet")
    assert list(table.columns) == ["file", "seconds", "rate", "gfcc", "rms", "waveform"]
    assert sorted(table["file"]) == ["a.ogg", "a.wav", "sub/b.flac"]
    for row in table.to_dict("records"):
        clip = read(folder / row["file"])
        assert (row["rate"], row["seconds"]) == (clip.rate, clip.seconds)
        for name, array in compute(clip, ["gfcc", "rms", "waveform"]).items():
            np.testing.assert_array_equal(np.stack(row[name]), array)
    assert "empty.wav,empty file" in Path("out.unreadable.txt").read_text()
    assert sorted(path.name for path in folder.parent.iterdir()) == ["mine", "out.parquet", "out.unreadable.txt"]


def test_files_next_to_a_table_are_not_manifests(folder):
    for place, name in enumerate(("a.wav", "a.ogg")):
        (folder / f"class{place}").mkdir()
        (folder / name).rename(folder / f"class{place}" / name)
    (folder / "sub").rename(folder / "class2")
    for name in ("empty.wav", "text.wav"):
        (folder / name).rename(folder / "class0" / name)
    assert main(["show", "mine", "--feature", "rms", "--save", "mine/out.parquet"]) == 0
    assert (folder / "out.unreadable.txt").is_file()
    assert list(load(Data(str(folder)), need=("test",)).target.names) == ["class0", "class1", "class2"]


def test_a_second_table_is_the_same_and_drops_fixed_files(folder):
    main(["show", "mine", "--feature", "rms", "--save", "out.parquet"])
    before = pandas.read_parquet("out.parquet")
    for name in ("empty.wav", "text.wav"):
        (folder / name).unlink()
    assert main(["show", "mine", "--feature", "rms", "--save", "out.parquet"]) == 0
    assert pandas.read_parquet("out.parquet")["file"].tolist() == before["file"].tolist()
    assert not Path("out.unreadable.txt").exists()


def test_one_recording_becomes_one_npz(folder):
    assert main(["show", "mine/a.wav", "--feature", "mfcc", "mfcc_delta", "--save", "one.npz"]) == 0
    with np.load("one.npz") as stored:
        np.testing.assert_array_equal(stored["mfcc_delta"], compute(read("mine/a.wav"), ["mfcc_delta"])["mfcc_delta"])


def test_what_is_too_long_to_be_held_is_refused_with_a_way_to_cut_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    soundfile.write("mine/long.flac", np.zeros(30 * 60 * 1_000 + 1, np.float32), 1_000)
    soundfile.write("mine/fits.flac", np.zeros(30 * 60 * 1_000, np.float32), 1_000)
    assert main(["show", "mine/long.flac", "--feature", "rms", "--save", "one.npz"]) == 2
    assert "longer than 30 minutes; cut it first" in capsys.readouterr().err
    assert main(["show", "mine", "--feature", "rms", "--save", "out.parquet"]) == 0
    assert "excluded: long.flac: longer than 30 minutes" in capsys.readouterr().err


def test_not_one_readable_recording_is_a_failure(folder, capsys):
    for name in ("a.ogg", "a.wav", "sub/b.flac"):
        (folder / name).unlink()
    assert main(["show", "mine", "--save", "out"]) == 1
    assert "written: 0 recordings" in capsys.readouterr().out


def test_many_recordings_go_through_processes_in_order(tmp_path):
    paths = {}
    for number in range(70):
        Clip.tone(100 + 10 * number, 0.05, 8_000).write(tmp_path / f"{number:02}.wav")
        paths[f"{number:02}.wav"] = str(tmp_path / f"{number:02}.wav")
    saved = save_features(paths, ["spectral_centroid"], tmp_path / "out.parquet")
    assert (saved.written, saved.unreadable) == (70, ())
    table = pandas.read_parquet(tmp_path / "out.parquet")
    assert table["file"].tolist() == list(paths)
    means = [np.stack(values).mean() for values in table["spectral_centroid"]]
    assert means[-1] > means[30] > means[0]
    with pytest.raises(InputError, match="No feature is called 'x'"):
        save_features(paths, ["x"], tmp_path / "y")


def test_a_figure_of_the_usual_features_needs_neither_librosa_nor_scipy(tmp_path):
    code = "import sys\nfrom audio_ft.cli.main import main\nmain(sys.argv[1:])\n"
    code += "print({'librosa', 'scipy'} & set(sys.modules))"
    words = [sys.executable, "-c", code, "show", str(WORD), "--output", str(tmp_path / "word.png")]
    found = subprocess.run(words, capture_output=True, text=True, check=True, timeout=HUNG)
    assert found.stdout.splitlines()[-1] == "set()"
