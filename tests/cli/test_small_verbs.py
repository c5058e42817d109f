"""predict - and --csv, cache, compare --fail-if-worse, and what card and push --dry-run say is missing."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from waiting import HUNG

from audio_ft.cli import main as cli
from audio_ft.errors import AudioError
from audio_ft.inference.csv_rows import csv_header, csv_lines
from audio_ft.targets import Events, Label, Number, Transcript

WORDS = Path(__file__).parents[2] / "audio_ft" / "assets" / "words"


def test_audio_on_standard_input_is_predicted_like_the_file(small_run):
    file = sorted((WORDS / "test").glob("*.ogg"))[0]
    program = [sys.executable, "-m", "audio_ft", "predict", str(small_run)]
    piped = subprocess.run([*program, "-", str(file), "--csv"], input=file.read_bytes(), capture_output=True,
                           check=True, timeout=HUNG)  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(piped.stdout.decode())))
    assert [row["file"] for row in rows] == ["stdin", str(file)]
    labels = [{name: row[name] for name in row if name not in ("file", "notes", "error")} for row in rows]
    assert labels[0] == labels[1]
    probabilities = {name: float(value) for name, value in labels[0].items() if name != "prediction"}
    assert np.isclose(sum(probabilities.values()), 1, atol=1e-5)
    assert labels[0]["prediction"] == max(probabilities, key=probabilities.__getitem__)


def read(target, *predictions):
    text = csv_header(target) + "".join(csv_lines(f"{place}.wav", one, target) for place, one in enumerate(predictions))
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_row_a_recording_or_a_row_an_event():
    assert read(Transcript(), {"text": "=1+1"})[0]["text"] == "'=1+1"
    assert read(Number(), {"value": 2.5})[0]["value"] == "2.5"
    event = {"onset": 0.5, "offset": 1.0, "label": "dog", "probability": 0.9}
    rows = read(Events(("dog",)), {"events": [event, event | {"onset": 2.0}]}, {"events": []})
    assert [(row["file"], row["onset"], row["label"]) for row in rows] == [
        ("0.wav", "0.5", "dog"), ("0.wav", "2.0", "dog"), ("1.wav", "", "")]  # fmt: skip
    rows = read(Label(("file", "b")), AudioError("0.wav", "no audio stream"), {"b": 0.75, "file": 0.25})
    assert rows[0]["error"] == "no audio stream"
    assert (rows[1]["file"], rows[1]["prediction"], rows[1]["b"]) == ("1.wav", "b", "0.75")


def test_the_cache_is_shown_and_cleared_and_nothing_else_is_touched(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AUDIO_FT_CACHE", str(tmp_path))
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 0 bytes\n"
    whole = ("unpacked/x/deep/b.wav", "unpacked/x/c.wav", "ctranslate2/y/model.bin")
    for name in ("clean-1.arrow", "doctor/a.jsonl", *whole, "thesis.txt", "photos/cat.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"0" * 1000)
    old = time.time() - 40 * 86_400
    for name in ("clean-1.arrow", "unpacked/x/c.wav"):
        os.utime(tmp_path / name, (old, old))
    assert cli.main(["cache", "--json"]) == 0
    kinds = json.loads(capsys.readouterr().out)["kinds"]
    assert {name: one["files"] for name, one in kinds.items()} == {
        "clean recordings": 1, "measurements": 1, "unpacked archives": 2, "converted models": 1}  # fmt: skip
    assert round(kinds["clean recordings"]["oldest_days"]) == 40
    assert cli.main(["cache", "--clear", "--older", "30"]) == 0
    assert not (tmp_path / "clean-1.arrow").exists()
    assert (tmp_path / "doctor" / "a.jsonl").exists()
    assert (tmp_path / "unpacked" / "x" / "c.wav").exists(), "half an archive would be taken for the whole one"
    capsys.readouterr()
    assert cli.main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}: 0 bytes\n"
    assert {path.name for path in tmp_path.iterdir()} == {"thesis.txt", "photos"}


def test_a_worse_run_fails_a_pipeline_that_asks_for_it(small_run, tmp_path, capsys):
    import pandas

    worse = tmp_path / "worse"
    shutil.copytree(small_run, worse)
    table = pandas.read_parquet(worse / "predictions.parquet")
    copies = [table.assign(file=[f"{place}{file}" for file in table["file"]]) for place in range(8)]
    table = pandas.concat(copies, ignore_index=True)
    table["group"] = table["file"]
    best = tmp_path / "best"
    shutil.copytree(small_run, best)
    # Each class moved by one: no prediction that was right still is.
    moved = [np.roll(row, 1) for row in table["probabilities"]]
    table.to_parquet(best / "predictions.parquet")
    table.assign(probabilities=moved).to_parquet(worse / "predictions.parquet")
    assert cli.main(["compare", str(best), str(worse)]) == 0
    assert cli.main(["compare", str(best), str(worse), "--fail-if-worse"]) == 1
    assert cli.main(["compare", str(worse), str(best), "--fail-if-worse"]) == 0
    assert "worse" in capsys.readouterr().out


def test_card_and_dry_run_show_what_there_is_and_name_what_is_missing(small_run, capsys):
    run, texts = str(small_run), ["--set", "limits=English.", "--set", "intended_use=Tests."]
    assert cli.main(["card", run, *texts]) == 2
    said = capsys.readouterr()
    assert "English." in said.out
    assert "*Missing: set consent.*" in said.out
    assert "consent is empty" in said.err
    assert '--set consent="…"' in said.err
    assert cli.main(["push", run, "me/words", "--dry-run", "--smoke", *texts]) == 2
    said = capsys.readouterr()
    assert "README.md" in said.out
    assert "consent is empty" in said.err
