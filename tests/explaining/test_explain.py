"""Explanations against closed forms, and the measurement of whether they are better than random orders."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import torch
from checkpoints import RATE, speech, tiny_checkpoint
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import auc
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import audio_ft as aft
from audio_ft.audio.clip import Clip
from audio_ft.cleaning.chain import Chain
from audio_ft.cli.commands.explain import as_lines
from audio_ft.explaining.attribution import WINDOW, differentiable, integrated_gradients, occlusion, shapley
from audio_ft.explaining.faithfulness import ORDERS, chance, faithfulness
from audio_ft.explaining.parts import Grid, Named, Sound, log_odds
from audio_ft.inference.predictor import Model
from audio_ft.metrics.comparison import mean_difference
from audio_ft.models import load_adapter
from audio_ft.targets import Label
from audio_ft.tasks import Classification
from audio_ft.tasks.base import Checkpoint, HeadSettings

CLIP = Clip(speech(RATE)[None], RATE)
NAMES = ("no", "yes")


@pytest.fixture(scope="module")
def linear() -> Model:
    """Return a model whose log-odds are a linear function of its features."""
    adapter, task = load_adapter("linear"), Classification(Label(NAMES))
    rng = np.random.default_rng(0)
    own = adapter.extract(CLIP.samples[0])["input_features"]
    vectors = own + rng.normal(size=(40, len(own))) * np.maximum(np.abs(own), 0.1)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.05))
    network = adapter.new_estimator({"num_labels": 2, "id2label": dict(enumerate(NAMES)), "scale": 1.0})
    network.pipeline = pipeline.fit(vectors, rng.integers(0, 2, 40))
    return Model(Path("linear"), network, adapter, task, Chain(()))


def network(name: str, folder: Path) -> Model:
    """Return a random classifier of an architecture."""
    place = name if name == "crnn" else tiny_checkpoint(name, folder)
    adapter, task = load_adapter(place).with_window(2), Classification(Label((*NAMES, "maybe")))
    torch.manual_seed(0)
    built = task.build(Checkpoint(adapter, place), HeadSettings()).eval()
    return Model(folder, built, adapter, task, Chain(()))


def test_cells_are_left_out_of_the_sound_and_all_together_are_the_recording() -> None:
    time = np.arange(RATE) / RATE
    low, high = (0.3 * np.sin(2 * np.pi * hertz * time).astype(np.float32) for hertz in (300, 3_000))
    grid = Grid.of(Clip((low + high)[None], RATE))
    assert (grid.spans, grid.bands, round(grid.hertz[-1])) == (10, 6, RATE // 2)
    gains = np.random.default_rng(0).random((2, 6, 10)).astype(np.float32)
    gains[1] = 1 - gains[0]
    parts = grid.faded(torch.from_numpy(low + high), torch.from_numpy(gains)).numpy()
    np.testing.assert_allclose(parts.sum(0), low + high, atol=1e-5)
    stop = np.ones((1, 6, 10), np.float32)
    stop[:, grid.band_at(np.array([3_000.0]))[0]] = 0
    stopped = grid.faded(torch.from_numpy(low + high), torch.from_numpy(stop)).numpy()[0]
    assert np.abs(stopped - low)[500:-500].max() < 0.01
    # scipy's transform with the same mask gives the same sound.
    size, hop = 512, 128
    form = {"nperseg": size, "noverlap": size - hop, "window": "hann", "boundary": "zeros", "padded": True}
    hertz, seconds, spectrum = scipy.signal.stft(low + high, RATE, **form)
    masked = spectrum * gains[0][grid.band_at(hertz)][:, grid.span_at(np.arange(len(seconds)) * hop / RATE)]
    form.pop("padded")
    _, expected = scipy.signal.istft(masked, RATE, **{**form, "boundary": True})
    np.testing.assert_allclose(parts[0], expected[:RATE], atol=1e-4)


def test_occlusion_is_the_mean_over_windows_of_what_is_lost_without_them(linear: Model) -> None:
    sound = Sound(linear, CLIP)
    bands, spans = sound.shape
    places = list(product(range(bands - WINDOW[0] + 1), range(spans - WINDOW[1] + 1)))
    gains = np.ones((len(places) + 1, bands, spans), np.float32)
    for number, (band, span) in enumerate(places):
        gains[number, band : band + WINDOW[0], span : span + WINDOW[1]] = 0
    odds = log_odds(sound.probabilities(gains), 1, exclusive=True)
    covered = 1 - gains[:-1]
    expected = np.tensordot(odds[-1] - odds[:-1], covered, 1) / covered.sum(0)
    np.testing.assert_allclose(occlusion(sound, 1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["wav2vec2-layer", "whisper", "crnn"])
def test_integrated_gradients_add_up_to_the_difference_from_silence(name: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        "audio_ft.explaining.attribution.STEPS", 300
    )  # random weights are less smooth than trained ones
    sound = Sound(network(name, tmp_path), CLIP)
    with torch.no_grad():
        nothing, whole = differentiable(sound, sound.model.network, 2)(
            torch.stack([torch.zeros(sound.shape), torch.ones(sound.shape)])
        )
    values = integrated_gradients(sound, 2)
    assert values.shape == sound.shape
    assert abs(whole - nothing) > 1e-3
    assert values.sum() == pytest.approx(float(whole - nothing), rel=0.05)
    if name != "wav2vec2-layer":  # a wave is explained in quiet noise
        likely = sound.probabilities(np.ones((1, *sound.shape), np.float32))
        assert log_odds(likely, 2, exclusive=True)[0] == pytest.approx(float(whole), abs=1e-3)


def test_shapley_values_of_a_linear_model_are_weight_times_difference(linear: Model) -> None:
    named = Named.of(linear, CLIP)
    scaler, classifier = linear.network.pipeline
    expected = classifier.coef_[0] * (named.values - scaler.mean_) / scaler.scale_
    np.testing.assert_allclose(shapley(named, 1, 0), expected, rtol=1e-3, atol=1e-4)
    assert len(linear.adapter.feature_names) == len(named.values) == 120
    assert linear.adapter.feature_names[21] == "MFCC 2 in quarter 2"


def test_a_true_explanation_beats_random_orders_and_its_reverse_says_that_it_does_not(linear: Model) -> None:
    named = Named.of(linear, CLIP)
    ends = named.probabilities(np.stack([np.zeros(120, np.float32), np.ones(120, np.float32)]))
    label = int(ends[1].argmax())
    usual, values = chance(named, label, ends, 0), shapley(named, label, 0)
    good, bad = (faithfulness(named, sign * values, label, ends, usual) for sign in (1, -1))
    assert good.verdict == f"better than {ORDERS} random orders"
    assert bad.verdict == "no better than random"
    assert min(good.gains.values()) > 0 > max(bad.gains.values())
    share = np.linspace(0, 1, len(good.deletion))
    assert good.areas["deletion"] == pytest.approx(auc(share, good.deletion[:, label]))
    # Deletion in the reverse order leaves the same parts as insertion.
    np.testing.assert_allclose(bad.deletion[::-1], good.insertion, atol=1e-6)
    kept = good.evidence((120,)) > 0
    assert np.array_equal(np.sort(np.argsort(-values)[: kept.sum()]), np.flatnonzero(kept))
    assert good.insertion[good.point, label] >= 0.5 * ends[1, label]


def test_the_mean_of_differences_has_students_interval() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.2, 60)
    found, expected = mean_difference(values), stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.004)
    grouped = mean_difference(np.repeat(values[:6], 10), [str(number // 10) for number in range(60)])
    assert grouped.high - grouped.low > 2 * (mean_difference(np.repeat(values[:6], 10)).high - grouped.value)
    assert np.isnan([mean_difference(values[:1]).low, mean_difference(values[:1]).high]).all()


def test_recordings_that_cannot_be_explained_are_excluded_with_the_reason(linear: Model) -> None:
    silent, long = CLIP.with_samples(np.zeros((1, RATE), np.float32)), Clip.noise(31.0, RATE)
    found = aft.explain(linear, [CLIP, silent, long], names=["a", "b", "c"], groups=["x", "y", "z"])
    assert [item.file for item in found] == ["a"]
    assert dict(found.excluded)["b"] == "it is silent after cleaning"
    assert "31 s" in dict(found.excluded)["c"]
    assert found.groups == ["x"]
    text = as_lines(found)
    assert text[0].startswith(f"a: {found.items[0].label} ")
    assert max(map(len, text)) <= 80
    two = as_lines(replace(found, items=found.items * 2, groups=None))
    assert any(line.startswith("all 2 recordings") for line in two)
    again = aft.explain(linear, [CLIP], label=found.items[0].label).to_dict()["explanations"][0]
    assert again | {"file": "a"} == found.to_dict()["explanations"][0]
    with pytest.raises(aft.InputError, match="No recording can be explained"):
        aft.explain(linear, silent)
    with pytest.raises(aft.InputError, match="'perhaps' is not a label of linear; it has no, yes"):
        aft.explain(linear, CLIP, label="perhaps")


def test_a_recording_longer_than_the_window_has_occlusion_alone(tmp_path: Path) -> None:
    model = network("crnn", tmp_path)
    sound = Sound(replace(model, adapter=model.adapter.with_window(0.5)), CLIP)
    found = aft.explain(sound.model, CLIP).items[0]
    assert [each.method for each in found.weighed] == ["occlusion"]
    assert found.left_out == {"integrated gradients": "the recording is longer than the network's window of 0.5 s"}
