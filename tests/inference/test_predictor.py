"""Prediction: every form of audio, any rate and length, through the chain that was saved."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import torch
from datasets import Dataset

import audio_ft as aft
from audio_ft.audio.clip import Clip, read, write
from audio_ft.evaluation.transcript_doubts import transcript_doubts
from audio_ft.inference.benchmark import measure
from audio_ft.inference.predictor import Model
from audio_ft.inference.sources import as_clip

WORDS = Path(__file__).parents[2] / "audio_ft" / "assets" / "words" / "test"
LABELS = {"down", "go", "left", "no", "right", "stop", "up", "yes"}


@pytest.fixture(scope="module")
def model(small_run: Path) -> Model:
    return aft.load(small_run)


@pytest.fixture(scope="module")
def files() -> list[Path]:
    return sorted(WORDS.glob("*.ogg"))[:3]


@pytest.fixture(scope="module")
def clips(files: list[Path]) -> list[Clip]:
    return [read(file) for file in files]


def vector(answer: dict[str, float]) -> np.ndarray:
    return np.asarray([answer[label] for label in sorted(LABELS)])


def test_what_needs_a_torch_network_refuses_that_of_another_backend(model, files):
    foreign = Model(model.folder, object(), model.adapter, model.task, model.chain)
    for use in (
        lambda: aft.evaluate(foreign, WORDS),
        lambda: aft.suggest(foreign, [str(files[0])], None, 1),
        lambda: transcript_doubts(foreign, aft.Data(path=str(WORDS)), "foreign"),
        lambda: aft.Encoder.of(foreign, "foreign"),
        lambda: measure(foreign, files),
    ):
        with pytest.raises(aft.InputError, match=r"needs the network in torch; load the model without backend="):
            use()
    assert foreign.adapter.name in foreign._repr_html_()


def test_a_prediction_gives_each_label_a_probability_the_most_probable_first(model, files):
    answer = model(files[0])
    assert set(answer) == LABELS
    assert sum(answer.values()) == pytest.approx(1)
    assert list(answer.values()) == sorted(answer.values(), reverse=True)


def test_all_forms_of_one_recording_get_one_prediction(model, files, clips):
    file, clip = files[0], clips[0]
    decoded = SimpleNamespace(data=torch.tensor(clip.samples), sample_rate=clip.rate)
    forms = [
        str(file),
        file,
        file.read_bytes(),
        io.BytesIO(file.read_bytes()),
        clip,
        (clip.samples, clip.rate),
        (clip.samples[0], clip.rate),
        {"array": clip.samples[0], "sampling_rate": clip.rate},
        (torch.tensor(clip.samples, requires_grad=True), clip.rate),
        {"audio": {"bytes": file.read_bytes(), "path": None}, "label": "yes"},  # rows of `datasets`
        {"audio": {"bytes": None, "path": str(file)}},
        SimpleNamespace(get_all_samples=lambda: decoded),
    ]
    expected = vector(model(file))
    for form in forms:
        np.testing.assert_allclose(vector(model(form)), expected, atol=1e-5)
    with file.open("rb") as stream:
        np.testing.assert_allclose(vector(model(stream)), expected, atol=1e-5)


def test_columns_and_data_sets_are_lists_of_recordings(model, files):
    expected = [vector(each) for each in model(files[:2])]
    paths = [str(file) for file in files[:2]]
    for several in (pandas.Series(paths), Dataset.from_dict({"audio": [{"path": path} for path in paths]})):
        np.testing.assert_allclose([vector(each) for each in model(several)], expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "scale", "zero"), [("int16", 2**15, 0), ("int32", 2**31, 0), ("uint8", 2**7, 128)])
def test_whole_numbers_of_a_sound_file_are_read_by_their_types_range(clips, kind, scale, zero):
    """What scipy.io.wavfile gives is 32,768 times too loud for a network that does not scale each clip."""
    wave = clips[0].samples[0]
    codes = np.clip(np.round(wave.astype(np.float64) * scale) + zero, np.iinfo(kind).min, np.iinfo(kind).max)
    heard = as_clip((codes.astype(kind), clips[0].rate))
    np.testing.assert_allclose(heard.samples[0], wave, atol=1 / scale + 1e-6)


def test_a_list_gives_the_predictions_of_each_alone_in_order(model, files):
    together = model([files[2], files[0], files[1]])
    assert isinstance(together, list)
    for answer, file in zip(together, [files[2], files[0], files[1]], strict=True):
        np.testing.assert_allclose(vector(answer), vector(model(file)), atol=1e-4)
    assert model([]) == []


def test_predictions_are_those_of_plain_transformers_on_the_cleaned_wave(model, small_run, files):
    import torch
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    network = AutoModelForAudioClassification.from_pretrained(small_run / "model").eval()
    extractor = AutoFeatureExtractor.from_pretrained(small_run / "model")
    wave = model.chain(read(files[0])).samples[0]
    inputs = extractor(wave, sampling_rate=16_000, return_tensors="pt")
    with torch.inference_mode():
        logits = network(**inputs).logits[0]
    expected = {network.config.id2label[i]: float(p) for i, p in enumerate(logits.softmax(-1))}
    np.testing.assert_allclose(vector(model(files[0])), vector(expected), atol=1e-4)


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000])
def test_other_rates_and_channels_are_cleaned_like_any_training_clip(model, clips, rate):
    from audio_ft.cleaning.steps import Resample

    moved = Resample(rate)(clips[0])
    stereo = Clip(np.concatenate([moved.samples, moved.samples]), rate)
    np.testing.assert_allclose(vector(model(stereo)), vector(model(moved)), atol=1e-4)


def test_a_long_recording_is_cut_into_windows_and_their_logits_averaged(model, clips):
    from audio_ft.audio.windows import windows
    from audio_ft.tasks.base import forward

    pause = np.zeros((1, 3 * clips[0].rate), np.float32)
    samples = np.concatenate([clips[0].samples, pause, clips[1].samples, pause, clips[2].samples], axis=1)
    wave = model.chain(Clip(samples, clips[0].rate)).samples[0]
    pieces = windows(len(wave), round(model.adapter.window * 16_000))
    assert len(pieces) > 2
    adapter = model.adapter
    logits = [
        forward(model.network, model.task, adapter, adapter.collate([adapter.extract(wave[start:stop])]))[0]
        for start, stop in pieces
    ]
    raised = np.exp(np.mean(logits, axis=0))
    expected = dict(zip(model.task.target.names, raised / raised.sum(), strict=True))
    np.testing.assert_allclose(vector(model(Clip(samples, clips[0].rate))), vector(expected), atol=1e-4)


def test_top_k_keeps_the_most_probable(model, files):
    everything = model(files[0])
    assert model(files[0], top_k=2) == dict(list(everything.items())[:2])
    assert [len(answer) for answer in model(files, top_k=1)] == [1, 1, 1]


def test_an_unreadable_recording_raises_but_does_not_stop_attempts(model, files, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    with pytest.raises(aft.AudioError, match=r"broken\.wav"):
        model(broken)
    answers = list(model.attempts([files[0], broken, tmp_path / "missing.wav", files[1]]))
    assert [isinstance(answer, aft.AudioError) for answer in answers] == [False, True, True, False]
    np.testing.assert_allclose(vector(answers[3]), vector(model(files[1])), atol=1e-4)


def test_a_clip_too_short_for_the_network_gets_a_prediction(model):
    assert set(model(Clip(np.full((1, 30), 0.1, np.float32), 16_000))) == LABELS


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (np.zeros(1_600, np.float32), "has no sample rate"),
        ({"array": [0.0]}, "sampling_rate"),
        (("one.wav", "two.wav"), "several recordings as a list"),
        ((np.zeros(1_600, np.int64), 16_000), "these are int64"),
        (3.5, "expected audio as a path"),
    ],
)
def test_unsupported_sources_are_refused_with_a_fix(model, source, sentence):
    with pytest.raises(aft.InputError, match=sentence):
        model(source)


def test_the_model_folder_loads_as_the_run_does_and_elsewhere_too(model, small_run, files, tmp_path):
    shutil.copytree(small_run / "model", tmp_path / "moved")
    np.testing.assert_allclose(vector(aft.load(tmp_path / "moved")(files[0])), vector(model(files[0])), atol=1e-6)


@pytest.mark.parametrize("name", ["nowhere", "./no/where", "empty"])
def test_a_folder_without_a_model_is_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(aft.InputError, match=name):
        aft.load(name)


def test_a_checkpoint_that_audio_ft_did_not_save_is_refused(small_run, tmp_path):
    shutil.copytree(small_run / "model", tmp_path / "foreign", ignore=shutil.ignore_patterns("chain.json"))
    with pytest.raises(aft.InputError, match=r"no chain\.json"):
        aft.load(tmp_path / "foreign")


def test_predictions_of_the_training_are_found_again(model, small_run):
    import pandas

    table = pandas.read_parquet(small_run / "predictions.parquet")
    row = table[table["split"] == "test"].iloc[0]
    answer = model(WORDS / Path(row["file"]).name)
    stored = dict(zip(model.task.target.names, row["probabilities"], strict=True))
    np.testing.assert_allclose(vector(answer), vector(stored), atol=2e-3)


def test_a_written_wav_gets_the_prediction_of_its_clip(model, clips, tmp_path):
    write(clips[0], tmp_path / "clip.wav")
    np.testing.assert_allclose(vector(model(tmp_path / "clip.wav")), vector(model(clips[0])), atol=2e-3)
