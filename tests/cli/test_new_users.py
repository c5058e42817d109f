"""Three new users reach a trained model with what each screen tells them, without looking anything up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import new_users

from audio_ft.cli import main as cli


def inspected(tmp_path, monkeypatch, capsys, name, *options):
    """Lay out one user's data unless it is there, inspect it, and return the exit code and the screen in one line."""
    monkeypatch.chdir(tmp_path)
    if not Path("recordings").exists():
        new_users.PATHS[name][0](Path("recordings"))
    code = cli.main(["inspect", "recordings", "--no-decode", *options])
    said = capsys.readouterr()
    return code, " ".join(f"{said.out} {said.err}".split())


def test_columns_in_another_language_are_listed_with_the_options_that_name_them(tmp_path, monkeypatch, capsys):
    name = "a label column in another language"
    code, screen = inspected(tmp_path, monkeypatch, capsys, name)
    assert code == 2
    assert "the columns are Datei, Wort, Sprecherin: choose one with --target NAME" in screen
    code, screen = inspected(tmp_path, monkeypatch, capsys, name, "--target", "Wort")
    assert code == 0
    assert "no groups known (--group NAME keeps speakers apart)" in screen
    code, screen = inspected(tmp_path, monkeypatch, capsys, name, "--target", "Wort", "--group", "Sprecherin")
    assert (code, "disjoint by Sprecherin" in screen) == (0, True)


def test_speakers_in_the_names_of_files_are_suggested_with_the_pattern_that_reads_them(tmp_path, monkeypatch, capsys):
    name = "class folders with speakers in the file name"
    code, screen = inspected(tmp_path, monkeypatch, capsys, name)
    assert code == 0
    assert "--set data.name_pattern='{label}/{speaker}_{}' keeps speakers apart" in screen
    code, screen = inspected(tmp_path, monkeypatch, capsys, name, *new_users.PATHS[name][1][0])
    assert (code, "disjoint by speaker" in screen, "8 classes" in screen) == (0, True, True)


def test_a_folder_of_wav_and_txt_is_read_as_transcripts(tmp_path, monkeypatch, capsys):
    code, screen = inspected(tmp_path, monkeypatch, capsys, "a folder of wav and txt")
    assert code == 0
    assert "task transcription, because transcripts were found and no labels" in screen


@pytest.mark.slow
@pytest.mark.parametrize("name", new_users.PATHS)
def test_each_reaches_a_trained_model(name, tmp_path):
    screens = list(new_users.walk(name, tmp_path))
    assert [code for _, code, _ in screens][-2:] == [0, 0], screens[-1]
    assert "run-smoke/model" in screens[-2][2]
