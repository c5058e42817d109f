"""Small networks from scratch: a name in place of a checkpoint, and everything else as with one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import soundfile
import torch
from checkpoints import LEFT_BEHIND, RATE, WORDS, speech

import audio_ft as aft
from audio_ft import Data, InputError, Recipe
from audio_ft.inference.embeddings import Encoder
from audio_ft.models import load_adapter
from audio_ft.models.base import Adapter
from audio_ft.models.scratch import NETWORKS
from audio_ft.reporting.card.render import model_card
from audio_ft.targets import Events as EventsTarget
from audio_ft.targets import Label, Labels, Number, Target
from audio_ft.tasks import Classification, Events, task_for
from audio_ft.tasks.base import Checkpoint, HeadSettings, Task, forward
from audio_ft.training.messages import results

LENGTHS = (100, 399, 400, 719, 720, 3_200, 8_000, 15_999, 16_000, 25_000)
FEW = Data(path=WORDS, limit=48)


def network(adapter: Adapter, name: str, task: Task, **head: Any) -> Any:
    torch.manual_seed(0)
    return task.build(Checkpoint(adapter, name), HeadSettings(**head)).eval()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_no_clip_depends_on_its_batch(name: str, pooling: str) -> None:
    adapter, task = load_adapter(name), Classification(Label(("a", "b", "c")))
    model = network(adapter, name, task, pooling=pooling)
    features = [adapter.extract(speech(length, seed)) for seed, length in enumerate(LENGTHS)]
    alone = np.concatenate([forward(model, task, adapter, adapter.collate([feature])) for feature in features])
    together = forward(model, task, adapter, adapter.collate(features))
    assert np.ptp(alone, axis=0).min() > 1e-3, "a network that answers all clips alike shows nothing"
    assert np.abs(alone - together).max() < 1e-5
    assert 1e5 < model.num_parameters() < 1e6


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("target", [Labels(("a", "b")), Number(), EventsTarget(("a", "b"))])
def test_each_task_gets_a_head(name: str, target: Target) -> None:
    adapter = load_adapter(name)
    kind = task_for("events" if target.has_times else "classification", adapter)
    task = kind.plan(target, Checkpoint(adapter, name), [])
    inputs = adapter.collate([adapter.extract(speech(length)) for length in (16_000, 9_000)])
    found = forward(network(adapter, name, task), task, adapter, inputs)
    frames = adapter.batch_frames(inputs).tolist()
    assert frames == [adapter.frames(16_000), adapter.frames(9_000)] == [25, 14]
    outputs = len(target.names) or 1
    assert found.shape == ((2, 25, outputs) if isinstance(task, Events) else (2, outputs))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> aft.Run:
    texts = dict.fromkeys(("intended_use", "limits", "consent"), "None.")
    recipe = Recipe(model="crnn", data=FEW, training={"max_steps": 12}, **texts)
    # In bfloat16 where the machine is fast in it; the parity check in another process is part of it.
    return aft.train(recipe, tmp_path_factory.mktemp("small") / "run")


def test_a_network_from_scratch_is_an_ordinary_run(run: aft.Run) -> None:
    assert {path.name for path in run.folder.iterdir()} == LEFT_BEHIND
    assert "linear probe" not in run.baselines
    assert results(run)[1].split()[:3] == ["test", "split", "crnn"]
    assert run.parameters["trainable"] == run.parameters["total"]
    assert run.used["head_learning_rate"] == run.used["learning_rate"]
    model = aft.load(run.folder)
    table = pandas.read_parquet(run.folder / "predictions.parquet").query("split == 'test'")
    row = table.iloc[0]
    said = model(str(Path(WORDS) / row["file"]))
    assert said[row["prediction"]] == pytest.approx(row["confidence"], abs=1e-3)
    assert aft.evaluate(model, FEW).scores["accuracy"].value == run.scores["test"]["accuracy"].value


def test_it_loads_in_plain_torch(run: aft.Run) -> None:
    from transformers import AutoFeatureExtractor

    from audio_ft.models.small import SmallForAudioClassification

    network = SmallForAudioClassification.from_pretrained(run.model_folder, trust_remote_code=False).eval()
    extractor = AutoFeatureExtractor.from_pretrained(run.model_folder, trust_remote_code=False)
    wave = speech(RATE)
    frames = extractor(wave, sampling_rate=RATE, padding=False, return_tensors="pt")["input_features"]
    model = aft.load(run.folder, device="cpu")
    ours = forward(model.network, model.task, model.adapter, model.adapter.collate([model.adapter.extract(wave)]))
    assert network(frames).logits.detach().numpy() == pytest.approx(ours, abs=1e-5)


def test_the_card_says_what_loads_it(run: aft.Run) -> None:
    card = model_card(run)
    assert "`crnn`, trained from scratch with audio_ft" in card
    assert "library_name: audio_ft" in card
    assert "its `pipeline` does not load this model" in card
    assert "SmallForAudioClassification.from_pretrained" in card
    assert "from transformers import pipeline" not in card


@pytest.mark.slow
def test_it_finds_events(tmp_path: Path) -> None:
    # The parity check compares the logits of frames in another process.
    rng, rows = np.random.default_rng(0), []
    for number in range(20):
        wave, onset = rng.normal(0, 0.01, 2 * RATE), 0.3 + rng.random()
        place = round(onset * RATE) + np.arange(RATE // 2)
        wave[place] += 0.3 * np.sin(2 * np.pi * (2_000 if number % 2 else 300) * place / RATE)
        soundfile.write(tmp_path / f"{number}.wav", wave, RATE)
        rows.append({"file_name": f"{number}.wav", "start": onset, "end": onset + 0.5,
                     "label": "high" if number % 2 else "low", "speaker": f"s{number % 5}"})  # fmt: skip
    pandas.DataFrame(rows).to_csv(tmp_path / "events.csv", index=False)
    data = Data(path=str(tmp_path / "events.csv"), group="speaker")
    recipe = Recipe(model="crnn", data=data, task="events", augment=(), training={"max_steps": 60})
    run = aft.train(recipe, tmp_path / "run")
    assert run.scores["test"]["event_f1"].value > 0.9
    (event,) = aft.load(run.folder)(str(tmp_path / "0.wav"))["events"]
    assert event["label"] == "low"
    assert event["onset"] == pytest.approx(rows[0]["start"], abs=0.1)


@pytest.mark.slow
def test_training_goes_on_from_a_network_of_ours(run: aft.Run, tmp_path: Path) -> None:
    again = dataclasses.replace(run.recipe, model=str(run.model_folder), training={"max_steps": 1})
    assert aft.train(again, tmp_path / "run").best["step"] == 1


def test_what_is_about_pretrained_weights_is_refused(tmp_path: Path) -> None:
    for settings in ({"method": "probe"}, {"freeze": "encoder"}, {"peft": "lora"}, {"weighted_layers": True}):
        with pytest.raises(InputError, match=f"{next(iter(settings))}: gru is trained from scratch"):
            aft.train(Recipe(model="gru", data=FEW, **settings), tmp_path / "run")
    with pytest.raises(InputError, match="cnn has no weights before it is trained"):
        Encoder.load("cnn")
    with pytest.raises(InputError, match="Task ctc needs a ctc head, and cnn checkpoints have"):
        aft.train(Recipe(model="cnn", data=FEW, task="transcription"), tmp_path / "run")
