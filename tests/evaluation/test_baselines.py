"""Baselines: MFCC against librosa, every clip summarized, linear and majority answers in score's shape."""

from __future__ import annotations

import csv
import time

import librosa
import numpy as np
import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_ft.audio.features.mfcc_statistics import mfcc_statistics
from audio_ft.audio.pcm16 import quantize
from audio_ft.cleaning.cleaned import Cleaned
from audio_ft.errors import InputError
from audio_ft.evaluation.baselines import Baseline, logistic, predict, ridge
from audio_ft.evaluation.scoring import Rows
from audio_ft.targets import Label, Labels, Number, Transcript


def noise(length, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, length).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100])
@pytest.mark.parametrize("seconds", [0.02, 0.3, 1.0])
def test_statistics_equal_librosas(rate, seconds):
    wave = noise(int(seconds * rate)) * np.linspace(0, 1, int(seconds * rate), dtype=np.float32)
    length = round(0.025 * rate)
    expected = librosa.feature.mfcc(
        y=wave.astype(np.float64), sr=rate, n_mfcc=20, n_fft=length, hop_length=round(0.01 * rate), n_mels=40
    )
    quarters = [part if part.size else expected for part in np.array_split(expected, 4, axis=1)]
    parts = [*(part.mean(axis=1) for part in quarters), expected.std(axis=1), np.diff(expected, axis=1).std(axis=1)]
    assert mfcc_statistics(wave, rate) == pytest.approx(np.concatenate(parts), abs=1e-3, rel=1e-4)


@settings(max_examples=50, deadline=None)
@given(
    length=st.integers(0, 3_000),
    rate=st.sampled_from([8_000, 16_000, 48_000]),
    level=st.sampled_from([0.0, 1e-30, 1e-6, 1.0, 1e15]),
)
def test_any_clip_gives_finite_statistics(length, rate, level):
    statistics = mfcc_statistics(noise(length) * np.float32(level), rate)
    assert statistics.shape == (120,)
    assert statistics.dtype == np.float32
    assert np.isfinite(statistics).all()


def test_channels_are_averaged_and_the_input_is_left_alone():
    stereo = np.stack([noise(4_000, 1), noise(4_000, 2)])
    before = stereo.copy()
    statistics = mfcc_statistics(stereo, 8_000)
    assert np.array_equal(stereo, before)
    assert statistics == pytest.approx(mfcc_statistics(stereo.astype(np.float64).mean(axis=0), 8_000))
    assert np.isfinite(mfcc_statistics(np.zeros((2, 0)), 8_000)).all()


def test_a_longer_clip_of_the_same_sound_has_nearly_the_same_statistics():
    assert mfcc_statistics(noise(16_000), 16_000) == pytest.approx(mfcc_statistics(noise(64_000), 16_000), abs=3)


def test_a_second_takes_milliseconds():
    wave = noise(16_000)
    mfcc_statistics(wave, 16_000)
    start = time.process_time()
    for _ in range(50):
        mfcc_statistics(wave, 16_000)
    assert (time.process_time() - start) / 50 < 0.01


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((2, 3, 4)), 8_000, "expected samples of shape"),
        (np.array([0.0, np.nan]), 8_000, "NaN or infinity"),
        (np.zeros(9), 0, "expected a rate above 0 Hz"),
    ],
)
def test_bad_clips_are_refused(samples, rate, message):
    with pytest.raises(InputError, match=message):
        mfcc_statistics(samples, rate)


def linear(target, features, references, others):
    return target.fit_predict(ridge if target.regression else logistic, features, np.asarray(references), others)


def test_majority_predicts_the_most_frequent_class():
    target = Label(("a", "b", "c", "d"))
    probabilities = target.constant(np.array([2, 2, 0, 2, 1]), 3)
    assert probabilities.tolist() == [[0.2, 0.2, 0.6, 0.0]] * 3
    assert target.score(probabilities, [2, 0, 2])["accuracy"].value == pytest.approx(2 / 3)


def test_majority_predicts_the_share_of_each_label_and_the_mean():
    target = Labels(("a", "b"))
    shares = target.constant(np.array([[1, 0], [1, 1], [1, 0]]), 2)
    assert shares == pytest.approx(np.array([[1, 1 / 3]] * 2))
    assert target.score(shares, [[1, 0], [0, 0]])["subset_accuracy"].value == 0.5
    numbers = Number().constant(np.array([1.0, 2.0, 6.0]), 2)
    assert numbers.tolist() == [3.0, 3.0]
    scores = Number().score(numbers, [2.0, 3.0])
    assert scores["mean_absolute_error"].value == 0.5
    assert "pearson" not in scores


def test_transcripts_have_no_baseline_without_a_network():
    assert Transcript().constant(np.array(["a"], object), 2) is None


def blobs(n, classes, seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, n)
    centers = np.random.default_rng(0).normal(0, 3, (classes, 6))
    return centers[truth] + rng.normal(size=(n, 6)) * [1, 1, 1, 1, 1, 1000], truth


def test_linear_separates_classes_whatever_the_features_units():
    (features, truth), (questions, answers) = blobs(200, 4, 1), blobs(100, 4, 2)
    chances = linear(Label(tuple("abcde")), features, truth, questions)
    assert chances.shape == (100, 5)
    assert chances.sum(axis=1) == pytest.approx(np.ones(100))
    assert (chances[:, 4] == 0).all()
    assert Label(tuple("abcde")).score(chances, answers)["accuracy"].value > 0.9


def test_the_linear_baseline_predicts_several_labels_and_numbers():
    (features, truth), (questions, answers) = blobs(200, 4, 1), blobs(100, 4, 2)
    both = np.stack([truth < 2, truth % 2 == 0, np.ones(200)], axis=1).astype(int)
    chances = linear(Labels(tuple("abc")), features, both, questions)
    assert chances.shape == (100, 3)
    assert (chances[:, 2] == 1).all()
    assert ((chances[:, 0] > 0.5) == (answers < 2)).mean() > 0.8
    slope = np.array([1.0, -2.0, 0.5, 0, 0, 0])
    numbers = linear(Number(), features, features @ slope + 4, questions)
    assert numbers == pytest.approx(questions @ slope + 4, abs=0.2)


def test_the_linear_baseline_with_one_class_predicts_it():
    chances = linear(Label(tuple("abc")), np.zeros((3, 2)), [1, 1, 1], np.zeros((2, 2)))
    assert chances.tolist() == [[0, 1, 0]] * 2


def rows_of(samples, labels):
    """Return cleaned recordings, in a table of labels."""
    codes, scales = zip(*(quantize(np.asarray(wave, np.float32)) for wave in samples), strict=True)
    rows = Dataset.from_dict({"length": list(map(len, codes)), "samples": list(codes), "scale": list(scales)})
    table = Dataset.from_dict({"target": list(labels), "group": [None] * len(labels)})
    return Rows(table, Cleaned(rows, 8_000, np.arange(len(codes)), (), {}, 0.0))


def level(samples, rate):
    return np.array([np.abs(samples).mean(), rate], np.float32)


def test_a_baseline_learns_from_a_seeded_part_of_very_many_clips(monkeypatch):
    monkeypatch.setattr("audio_ft.evaluation.baselines.MAX_ROWS", 30)
    rng = np.random.default_rng(3)
    loud = rng.integers(0, 2, 80)
    rows = rows_of(
        [rng.normal(0, 0.02 + 0.02 * each, 40) for each in loud], ["quiet" if not n else "loud" for n in loud]
    )
    target = Label(("loud", "quiet"))
    truth = target.encode(rows.table["target"])
    baseline = Baseline(level, logistic, ridge)
    one, again, other = (predict(baseline, target, truth, rows, rows, 8_000, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert (one.argmax(axis=1) == truth).mean() > 0.8


@pytest.mark.real
@pytest.mark.parametrize(("name", "floor"), [("digits", 0.68), ("emotion_de", 0.54)])
def test_floor_on_real_recordings(shared, name, floor):
    import soundfile

    features, labels = {}, {}
    for split in ("train", "test"):
        folder = shared / "data" / name / split
        with open(folder / "metadata.csv", newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        clips = [soundfile.read(folder / row["file_name"], dtype="float32") for row in rows]
        features[split] = np.stack([mfcc_statistics(*clip) for clip in clips])
        labels[split] = [row["label"] for row in rows]
    names = sorted(set(labels["train"]))
    ids = {split: np.array([names.index(label) for label in each]) for split, each in labels.items()}
    target = Label(tuple(names))
    predictions = linear(target, features["train"], ids["train"], features["test"])
    most = target.constant(ids["train"], len(predictions))
    assert target.score(predictions, ids["test"])["accuracy"].value >= floor
    assert target.score(most, ids["test"])["accuracy"].value <= 0.22
