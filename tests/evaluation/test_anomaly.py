"""Detectors of anomalies: trained on normal recordings, saved without code, calibrated, scored with intervals."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from checkpoints import MINI, RATE
from sklearn.neighbors import NearestNeighbors

import audio_ft as aft
from audio_ft.audio.clip import Clip, write
from audio_ft.cli import main as cli
from audio_ft.training.unlabeled.detector import threshold


def hum(pitch: float, seed: int) -> Clip:
    """Return half a second of a machine that hums."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE // 2) / RATE
    wave = sum(np.sin(2 * np.pi * pitch * order * time + rng.random()) / order for order in (1, 2, 3))
    return Clip((0.1 * wave + 0.01 * rng.normal(size=len(time)))[None].astype(np.float32), RATE)


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Return a folder with normal recordings, and one with others of both kinds and a table."""
    root = tmp_path_factory.mktemp("machines")
    (root / "normal").mkdir()
    (root / "test").mkdir()
    rows = [["file_name", "label"]]
    for number in range(40):
        write(hum(200 + number % 7, number), root / "normal" / f"{number}.wav")
    for number in range(20):
        kind = "normal" if number < 10 else "anomaly"
        write(hum(203 if number < 10 else 310, 100 + number), root / "test" / f"{number}.wav")
        rows.append([f"{number}.wav", kind])
    (root / "test" / "metadata.csv").write_text("\n".join(map(",".join, rows)))
    return root


def test_a_detector_is_trained_saved_and_finds_other_machines(machines, tmp_path, capsys):
    folder, table = tmp_path / "detector", tmp_path / "found.csv"
    assert cli.main(["anomaly", str(machines / "normal"), "--output", str(folder)]) == 0
    assert "10 held-out normal recordings for a false-alarm rate of 0.1" in capsys.readouterr().out
    assert {file.name for file in folder.iterdir()} == {"detector.json", "detector.safetensors", "README.md"}
    judge = ["anomaly", str(folder), "--data", str(machines / "test"), "--csv", str(table)]
    assert cli.main([*judge, "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[0])
    assert [row["anomaly"] for row in found["recordings"]].count(True) == 10
    for method in ("distance", "autoencoder"):
        assert found["scores"][method]["auc"]["value"] == 1.0, method
        assert found["scores"][method]["found"]["value"] == 1.0, method
        assert found["scores"][method]["false_alarms"]["value"] <= 0.3, method
    rows = list(csv.DictReader(table.open()))
    assert {row["file_name"] for row in rows[:10]} == {f"{number}.wav" for number in range(10, 20)}
    assert cli.main(["anomaly", str(machines / "normal"), "--output", str(folder)]) == 2
    assert "exists; choose another --output, or add --overwrite" in capsys.readouterr().err


def test_scores_survive_saving_and_the_distance_is_its_definition(machines, tmp_path):
    trained = aft.train_detector(machines / "normal", MINI)
    trained.save(tmp_path / "detector")
    loaded = aft.load_detector(tmp_path / "detector")
    first, second = (aft.detect(one, machines / "test") for one in (trained, loaded))
    for method, values in first.scores.items():
        np.testing.assert_allclose(second.scores[method], values, rtol=1e-5)
    vectors = aft.embed(aft.Encoder.load(MINI), machines / "test").vectors
    mean, scale = trained.vectors.mean(0), trained.vectors.std(0) + 1e-6
    nearest = NearestNeighbors(n_neighbors=2, algorithm="brute").fit((trained.vectors - mean) / scale)
    distances = nearest.kneighbors((vectors - mean) / scale)[0].mean(1) / np.sqrt(vectors.shape[1])
    np.testing.assert_allclose(first.scores["distance"], distances, rtol=1e-3)
    only_normal = machines / "test" / "normal.csv"
    only_normal.write_text("file_name,label\n" + "".join(f"{number}.wav,normal\n" for number in range(3)))
    found = aft.detect(trained, only_normal)
    assert (found.anomalous, found.measured, len(found.files)) == (None, {}, 3)
    with pytest.raises(aft.InputError, match="there are only normal recordings"):
        aft.detect(trained, only_normal, target="label")


def test_predict_judges_single_files_with_a_detector(machines, tmp_path, capsys, monkeypatch):
    aft.train_detector(machines / "normal", MINI).save(tmp_path / "detector")
    monkeypatch.chdir(machines / "test")
    (tmp_path / "bad.wav").write_text("no sound")
    files = ["0.wav", str(machines / "test" / "15.wav"), str(tmp_path / "bad.wav")]
    predict = ["predict", str(tmp_path / "detector"), *files]
    assert cli.main(predict) == 0
    out, err = capsys.readouterr()
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["recording", "unusual"], ["0.wav", "no"], [files[1], "yes:"]]  # fmt: skip
    assert f"warning: {files[2]} cannot be read: not audio" in err
    assert cli.main([*predict, "--json"]) == 0
    normal, other = map(json.loads, capsys.readouterr().out.splitlines())
    assert normal["distance"]["alarm"] is normal["autoencoder"]["alarm"] is False
    assert other["file"] == files[1]
    assert other["distance"]["alarm"] is other["autoencoder"]["alarm"] is True
    assert cli.main([*predict, "--output", str(tmp_path / "found.csv")]) == 0
    assert [row["distance_alarm"] for row in csv.DictReader((tmp_path / "found.csv").open())] == ["false", "true"]
    assert cli.main([*predict, "--format", "srt"]) == 2
    assert "is a detector of anomalies, of which predict writes scores" in capsys.readouterr().err
    with pytest.raises(aft.InputError, match="is a detector of anomalies; use it with `audio-ft predict"):
        aft.load(tmp_path / "detector")


def test_thresholds_keep_the_false_alarm_rate_on_new_recordings():
    rng = np.random.default_rng(0)
    alarms = [np.mean(rng.normal(size=200) > threshold(rng.normal(size=39), 0.1)) for _ in range(300)]
    assert 0.08 < np.mean(alarms) <= 0.105
    assert threshold(np.arange(9.0), 0.1) == 8.0


def test_too_few_recordings_for_the_rate_are_refused(machines):
    with pytest.raises(aft.InputError, match=r"10 of 40 normal recordings are held out, .* needs at least 19"):
        aft.train_detector(machines / "normal", MINI, false_alarms=0.05)
    with pytest.raises(aft.InputError, match=r"has no detector\.json"):
        aft.load_detector(machines)
