"""Label doubts: planted errors come first, with the true label suggested; probes never see the clips they predict."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from checkpoints import MINI, RATE, WORDS, fetched_whisper, speech, tiny_transcriber
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import audio_ft as aft
from audio_ft.cli import main as cli
from audio_ft.data import Data
from audio_ft.data.splitting import splits
from audio_ft.errors import InputError
from audio_ft.evaluation.doubts import doubts
from audio_ft.evaluation.probe import AVERAGED, FOLDS, PENALTIES, out_of_fold, standardized_within
from audio_ft.evaluation.transcript_doubts import transcript_doubts
from audio_ft.inference.embeddings import Encoder
from audio_ft.targets import Label, Labels, Number

PLANTED = 12


def blobs(clips=120, classes=3, layers=1, groups=6, seed=0):
    """Return labels, features (clips, layers, 4) that tell the classes apart, groups and keys."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, classes, clips)
    centers = rng.normal(0, 2, (classes, 4))
    features = (centers[ids][:, None] + rng.normal(0, 1, (clips, layers, 4))).astype(np.float32)
    return ids, features, [f"g{row % groups}" for row in range(clips)], [f"{row:03}" for row in range(clips)]


def test_out_of_fold_equals_scikit_learns():
    ids, features, groups, keys = blobs()
    labels = [f"c{code}" for code in ids]
    found = out_of_fold(Label(("c0", "c1", "c2")), labels, features, groups, keys=keys)
    folds = splits.folds(labels, groups, FOLDS, keys=keys)
    assert found.by_group
    assert len({(group, fold) for group, fold in zip(groups, folds, strict=True)}) == 6  # each group in one fold
    used = standardized_within(features, groups) if found.centered else features
    each = [
        cross_val_predict(
            make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=1000)),
            used[:, 0], ids, cv=PredefinedSplit(folds), method="predict_proba",
        )
        for penalty in PENALTIES
    ]  # fmt: skip
    assert len(PENALTIES) == AVERAGED  # one layer: all are averaged
    assert found.predictions == pytest.approx(np.mean(each, axis=0), abs=1e-6)


def test_the_layer_that_knows_the_labels_is_chosen():
    ids, good, groups, keys = blobs()
    noise = np.random.default_rng(1).normal(0, 1, (len(ids), 2, 4)).astype(np.float32)
    features = np.concatenate([noise, good], axis=1)
    found = out_of_fold(Label(("0", "1", "2")), [str(code) for code in ids], features, groups, keys=keys)
    assert {probe.layer for probe in found.probes} == {2}


def test_voices_are_standardized_away_where_they_hide_the_classes():
    ids, features, groups, keys = blobs()
    voices = np.random.default_rng(2).normal(0, 30, (6, 4)).astype(np.float32)
    hidden = features + voices[[int(group[1]) for group in groups]][:, None]
    found = out_of_fold(Label(("0", "1", "2")), [str(code) for code in ids], hidden, groups, keys=keys)
    assert found.centered
    assert (found.predictions.argmax(1) == ids).mean() > 0.8


def test_classes_of_one_speaker_are_still_predicted():
    ids, features, _, keys = blobs()
    labels = [str(code) for code in ids]
    found = out_of_fold(Label(("0", "1", "2")), labels, features, [f"s{code}" for code in ids], keys=keys)
    assert not found.by_group
    assert (found.predictions.argmax(1) == ids).mean() > 0.8


def test_several_labels_and_numbers_are_predicted_too():
    ids, features, groups, keys = blobs()
    several = [["even", str(code)] if code % 2 == 0 else [str(code)] for code in ids]
    found = out_of_fold(Labels(("0", "1", "2", "even")), several, features, groups, keys=keys)
    assert found.predictions.shape == (len(ids), 4)
    values = (features[:, 0, 0] * 3 + 1).astype(float).tolist()
    numbers = out_of_fold(Number(), values, features, None, keys=keys)
    assert np.corrcoef(numbers.predictions, values)[0, 1] > 0.95


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Return a table of the shipped training words, a few with wrong labels, and {file name: true label} of these."""
    rows = list(csv.DictReader(Path(WORDS, "train", "metadata.csv").read_text("utf-8").splitlines()))
    names = sorted({row["label"] for row in rows})
    wrong = {}
    for row in rows[:: len(rows) // PLANTED][:PLANTED]:
        wrong[row["file_name"]] = row["label"]
        row["label"] = names[(names.index(row["label"]) + 3) % len(names)]
    table = tmp_path_factory.mktemp("planted") / "words.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file_name", "label", "speaker"])
        writer.writerows([f"{WORDS}/train/{row['file_name']}", row["label"], row["speaker_id"]] for row in rows)
    return table, wrong


def test_planted_errors_come_first_with_their_true_label(planted):
    table, wrong = planted
    found = doubts(Encoder.load(MINI), Data(path=str(table)))
    first = [clip for clip in found.clips[:PLANTED] if clip.file.rpartition("/")[2] in wrong]
    assert len(first) >= 0.6 * PLANTED  # a random order finds one or two
    right = sum(clip.suggestion == wrong[clip.file.rpartition("/")[2]] for clip in first)
    assert right >= 0.7 * len(first)
    assert [clip.quality for clip in found.clips] == sorted(clip.quality for clip in found.clips)
    assert 0 < found.estimated < len(found.clips) / 2


def test_the_command_writes_all_clips_and_changes_nothing(planted, tmp_path, capsys):
    table, _ = planted
    before = table.read_bytes()
    output, page = tmp_path / "doubts.csv", tmp_path / "doubts.html"
    assert cli.main(["doubts", MINI, str(table), "--set", "data.limit=48", "--csv", str(output), "--json",
                     "--html", str(page), "--count", "3"]) == 0  # fmt: skip
    rows, content = list(csv.DictReader(output.open())), json.loads(capsys.readouterr().out)
    assert len(rows) == 48
    assert set(rows[0]) == {"rank", "file_name", "group", "label", "suggestion", "decision", "confidence", "quality",
                            "reason"}  # fmt: skip
    assert [clip["file"] for clip in content["clips"]] == [row["file_name"] for row in rows]
    assert table.read_bytes() == before
    html = page.read_text("utf-8")
    assert html.count('src="data:audio/mpeg;base64,') == 3
    assert rows[0]["suggestion"] in html
    assert "http" not in html.replace("http-equiv", "")  # nothing is loaded


def test_a_run_is_replaced_by_the_checkpoint_that_it_started_from(small_run, capsys):
    assert cli.main(["doubts", str(small_run), WORDS, "--set", "data.limit=48", "--count", "1"]) == 0
    captured = capsys.readouterr()
    assert f"was trained on these labels, so {MINI} is used" in captured.err
    assert "linear probes on wav2vec2-mini" in captured.out
    assert "targets are estimated to be wrong" in captured.out
    assert "… and 47 more" in captured.out


def test_without_cleanlab_the_error_says_how_to_install_it(planted, monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    monkeypatch.setitem(sys.modules, "cleanlab.rank", None)
    with pytest.raises(InputError, match=r"pip install 'audio-ft\[doubts\]'"):
        doubts(Encoder.load(MINI), Data(path=str(planted[0])))


def test_transcripts_are_measured_and_an_anonymized_page_has_none_of_them(tmp_path, capsys):
    model = tiny_transcriber(tmp_path / "model")
    rows = [["file_name", "text", "speaker"]]
    for number in range(6):
        soundfile.write(tmp_path / f"qwobert{number}.wav", speech(RATE, number), RATE)
        text = "mumpitz " * (1 + 40 * (number == 3)) + "a" * number
        rows.append([f"qwobert{number}.wav", text, f"Xanthippe{number}"])
    with (tmp_path / "table.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    output, page = tmp_path / "doubts.csv", tmp_path / "page.html"
    assert cli.main(["doubts", model, str(tmp_path / "table.csv"), "--task", "transcription", "--csv", str(output),
                     "--html", str(page), "--anonymize"]) == 0  # fmt: skip
    found = {row["file_name"]: row for row in csv.DictReader(output.open())}
    assert {"alignment", "character_error_rate", "characters_a_second"} <= set(found["qwobert0.wav"])
    assert float(found["qwobert0.wav"]["characters_a_second"]) == pytest.approx(8.0, abs=1.5)
    assert "characters a second" in found["qwobert3.wav"]["reason"]
    content = page.read_text("utf-8").lower()
    secrets = ("qwobert", "mumpitz", "xanthippe", 'src="data:audio', 'data-sound="')
    assert not [secret for secret in secrets if secret in content]
    assert "word word" in content
    assert "recording 4" in content


@pytest.mark.real
@pytest.mark.slow
def test_transcripts_of_other_recordings_come_first(shared, tmp_path):
    folder = shared / "data" / "prompts_asr" / "validation"
    rows = [row for row in csv.DictReader((folder / "metadata.csv").open()) if row["language"] == "en"]
    rows = [row for row in rows if len(row["transcription"]) > 12][:10]
    texts = [row["transcription"] for row in rows]
    texts[2], texts[7] = texts[7], texts[2]
    table = tmp_path / "swapped.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file_name", "text"])
        writer.writerows([f"{folder}/{row['file_name']}", text] for row, text in zip(rows, texts, strict=True))
    model = aft.load(fetched_whisper(shared, "whisper-tiny.en"))
    found = transcript_doubts(model, Data(path=str(table)), "whisper")
    assert {clip.target for clip in found.clips[:2]} == {texts[2], texts[7]}
    first, last = found.clips[0], found.clips[-1]
    assert first.measures["character_error_rate"] > 0.5 > last.measures["character_error_rate"]
    assert first.measures["alignment"] < -3 < -1 < last.measures["alignment"]
    assert np.log(first.quality) == pytest.approx(first.measures["alignment"])
