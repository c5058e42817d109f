"""What to label next: uncertain recordings unlike each other; pseudo-labels with a calibrated confidence."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from checkpoints import WORDS, tiny_transcriber

import audio_ft as aft
from audio_ft.cli import main as cli
from audio_ft.evaluation.calibration import fitted_temperature, tempered
from audio_ft.evaluation.predictions import Predictions
from audio_ft.evaluation.suggest import diverse


def test_the_most_uncertain_is_first_and_its_twin_is_not_second():
    uncertainty = np.array([0.9, 0.89, 0.5, 0.4, 0.1])
    vectors = np.array([[0, 0], [0, 0.01], [5, 5], [-5, 5], [9, 9]], np.float32)
    order = diverse(uncertainty, vectors, 3)
    scaled = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-6)
    chosen = [0]
    while len(chosen) < 3:  # the definition, one recording at a time
        products = {
            row: uncertainty[row] * min(np.linalg.norm(scaled[row] - scaled[one]) for one in chosen)
            for row in range(5)
            if row not in chosen
        }
        chosen.append(max(products, key=products.__getitem__))
    assert order[:3].tolist() == chosen
    assert 1 not in chosen
    assert sorted(order) == list(range(5))
    assert order[3:].tolist() == sorted(set(range(5)) - set(chosen), key=lambda row: -uncertainty[row])


@pytest.fixture
def unlabeled(tmp_path):
    folder = tmp_path / "unlabeled"
    (folder / "deeper").mkdir(parents=True)
    for number, file in enumerate(sorted(Path(WORDS, "test").glob("*.ogg"))[:12]):
        shutil.copy(file, folder / "deeper" if number % 2 else folder)
    (folder / "broken.wav").write_bytes(b"RIFF")
    return folder


def test_suggest_lists_recordings_and_writes_marked_pseudo_labels(small_run, unlabeled, tmp_path, capsys):
    output = tmp_path / "pseudo.csv"
    run = ["suggest", str(small_run), str(unlabeled), "--count", "4"]
    assert cli.main([*run, "--json", "--pseudo-labels", str(output), "--confidence", "0.126"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)["recordings"]
    assert len(found) == 12
    assert "excluded: broken.wav" in captured.err or "broken.wav" in captured.err
    assert found[0]["uncertainty"] == max(one["uncertainty"] for one in found)
    validation = Predictions.of(aft.Run.load(small_run)).split("validation")
    temperature, _ = fitted_temperature(validation)
    model = aft.load(small_run)
    plain = model(found[0]["file"])
    expected = tempered(np.array([list(plain.values())]), temperature or 1.0).max()
    assert found[0]["confidence"] == pytest.approx(expected, abs=1e-3)
    assert found[0]["prediction"] == next(iter(plain))
    sure = {one["file"]: one["prediction"] for one in found if one["confidence"] >= 0.126}
    rows = list(csv.DictReader(output.open()))
    assert {row["file_name"]: row["label"] for row in rows} == sure
    assert {row["label_source"] for row in rows} == {"pseudo"}


def test_pseudo_labels_need_a_run_to_calibrate_them(small_run, unlabeled, tmp_path, capsys):
    model = shutil.copytree(small_run / "model", tmp_path / "alone")
    output = tmp_path / "pseudo.csv"
    assert cli.main(["suggest", str(model), str(unlabeled), "--pseudo-labels", str(output)]) == 2
    assert "Pseudo-labels need a calibrated confidence" in capsys.readouterr().err
    assert not output.exists()


def test_a_transcriber_is_refused_with_what_works(unlabeled, tmp_path, capsys):
    assert cli.main(["suggest", tiny_transcriber(tmp_path / "model"), str(unlabeled)]) == 2
    said = capsys.readouterr().err
    assert "suggest needs a model that predicts labels" in said
    assert "audio-ft doubts ranks transcripts to check" in said
