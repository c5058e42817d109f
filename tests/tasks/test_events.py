"""Events: frames become events and back, whatever the window, the speed and the architecture."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import transformers
from checkpoints import RATE, tiny_checkpoint
from hypothesis import given
from hypothesis import strategies as st

import audio_ft as aft
from audio_ft import Data, Recipe
from audio_ft.errors import InputError
from audio_ft.metrics.event_samples import Event
from audio_ft.models import load_adapter
from audio_ft.reporting import record
from audio_ft.targets import Events
from audio_ft.targets.detection import Detection
from audio_ft.tasks import Events as Task
from audio_ft.tasks.base import Checkpoint, Places

TONES = {"high": 1_800, "low": 300}


def recording(file: Path, seed: int, seconds: float = 9.0) -> list[dict[str, object]]:
    """Write tones in faint noise, some of them at the same time, and return a row for each."""
    rng = np.random.default_rng(seed)
    wave, rows, start = rng.normal(0, 0.002, int(seconds * RATE)), [], 0.4
    while start < seconds - 1.2:
        label, length = ("high", "low")[int(rng.integers(2))], float(rng.uniform(0.25, 0.8))
        first, time = int(start * RATE), np.arange(int(length * RATE)) / RATE
        wave[first : first + len(time)] += 0.2 * np.sin(2 * np.pi * TONES[label] * time)
        rows.append({"file": file.name, "onset": round(start, 3), "offset": round(start + length, 3), "label": label})
        start += length * (0.4 if rng.random() < 0.2 else 1) + float(rng.uniform(0.3, 0.9))
    soundfile.write(file, wave, RATE)
    return rows


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a table of events: three recordings to train on, two for each other split, one of them silent."""
    folder = tmp_path_factory.mktemp("tones")
    rows: list[dict[str, object]] = []
    for split, count in (("train", 3), ("validation", 2), ("test", 2)):
        for number in range(count):
            found = recording(folder / f"{split}{number}.wav", seed=len(rows))
            rows += [row | {"split": split} for row in found]
    soundfile.write(folder / "nothing.wav", np.random.default_rng(9).normal(0, 0.002, 3 * RATE), RATE)
    rows.append({"file": "nothing.wav", "onset": "", "offset": "", "label": "", "split": "test"})
    with (folder / "events.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder / "events.csv"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint("wav2vec2-group", tmp_path_factory.mktemp("tiny"))


def task_of(checkpoint: str, names: tuple[str, ...] = ("a", "b"), **settings: object) -> Task:
    target = Events(names, events=Detection(**settings))
    task = Task.plan(target, Checkpoint(load_adapter(checkpoint), checkpoint), ())
    assert isinstance(task, Task)
    return task


def frames(spans: Iterable[tuple[float, float]]) -> list[tuple[int, int]]:
    """Return spans in seconds as frames of 20 ms."""
    return [(round(start / 0.02), round(stop / 0.02)) for start, stop in spans]


lists = st.lists(st.tuples(st.integers(0, 90), st.integers(6, 40), st.integers(0, 1)), max_size=6)


@given(lists, st.sampled_from((100, 60, 37)))
def test_frames_of_overlapping_windows_give_the_events_back(checkpoint: str, spans, size: int) -> None:
    hop = 0.02
    task = task_of(checkpoint, median_filter=0, min_duration=0, threshold=0.5)
    whole = np.full((140, 2), -8.0, np.float32)
    for start, length, label in spans:
        whole[start : start + length, label] = 8.0
    starts = sorted({*range(0, len(whole) - size, size * 3 // 4), len(whole) - size})
    outputs = np.stack([whole[start : start + size] for start in starts])
    # A window has the frames of its samples: the last 20 ms of it see less than a frame.
    seconds = np.full(len(starts), (size + 0.3) * hop)
    places = Places(np.zeros(len(starts), np.int64), np.asarray(starts) * hop, seconds)
    found = task.predictions(outputs, places, 1)[0]
    expected = [
        (first * hop, last * hop, label)
        for label in range(2)
        for first, last in np.flatnonzero(np.diff(np.pad(whole[:, label] > 0, 1))).reshape(-1, 2).tolist()
    ]
    assert frames(event[:2] for event in found) == frames(one[:2] for one in sorted(expected))
    assert [event.label for event in found] == [label for *_, label in sorted(expected)]
    # And the labels that the network learns for these events are those frames.
    labels = task.batch_labels([tuple(Event(*event[:3]) for event in found)], [140.3 * hop])[0].numpy()
    np.testing.assert_array_equal(labels, whole > 0)


def test_a_window_has_the_events_in_it_at_the_speed_of_the_augmented_clip(checkpoint: str) -> None:
    events = (Event(1.0, 3.0, 0), Event(4.0, 4.5, 1), Event(9.0, 12.0, 0))
    found = task_of(checkpoint).in_window(events, 2.0, 8.0, 0.5)
    assert found == (Event(0.0, 0.5, 0), Event(1.0, 1.25, 1), Event(3.5, 4.0, 0))


def test_short_events_and_gaps_are_filtered_as_the_settings_say(checkpoint: str) -> None:
    outputs = np.full((1, 50, 1), -8.0, np.float32)
    outputs[0, [5, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22]] = 8.0
    places = Places(np.zeros(1, np.int64), np.zeros(1), np.full(1, 1.01))

    def spans(**settings: float) -> list[tuple[int, int]]:
        task = task_of(checkpoint, ("a",), threshold=0.5, **settings)
        return frames(event[:2] for event in task.predictions(outputs, places, 1)[0])

    assert spans(median_filter=0, min_duration=0) == [(5, 6), (10, 16), (17, 23)]
    assert spans(median_filter=0, min_duration=0.04) == [(10, 16), (17, 23)]
    assert spans(median_filter=0.1, min_duration=0) == [(10, 23)]


def test_thresholds_are_chosen_by_event_f1_on_validation(checkpoint: str) -> None:
    # Class 0 sounds at probability 0.3 and its noise is at 0.1, class 1 at 0.8 and 0.6.
    levels = np.array([[0.1, 0.6]] * 100)
    levels[20:40, 0], levels[60:80, 1] = 0.3, 0.8
    outputs = np.log(levels / (1 - levels))[None].astype(np.float32)
    places = Places(np.zeros(1, np.int64), np.zeros(1), np.full(1, 2.01))
    references = np.empty(1, object)
    references[0] = (Event(0.4, 0.8, 0), Event(1.2, 1.6, 1))
    each = task_of(checkpoint, threshold="each").tuned(outputs, places, references)
    assert 0.1 < each.thresholds[0] <= 0.3 < 0.6 < each.thresholds[1] <= 0.8
    assert [event.label for event in each.predictions(outputs, places, 1)[0]] == [0, 1]
    one = task_of(checkpoint, threshold="one").tuned(outputs, places, references)
    assert len(set(one.thresholds)) == 1
    fixed = task_of(checkpoint, threshold={"a": 0.2, "b": 0.7})
    assert fixed.tuned(outputs, places, references).thresholds == (0.2, 0.7)
    with pytest.raises(InputError, match=r"events\.threshold names a and the labels are a, b"):
        task_of(checkpoint, threshold={"a": 0.2})


@pytest.mark.parametrize(("name", "saved"), [
    ("wav2vec2-group", "Wav2Vec2ForAudioFrameClassification"),
    pytest.param("wavlm-layer", "WavLMForAudioFrameClassification", marks=pytest.mark.slow),
    ("hubert-group", "HubertForSequenceClassification"),
    ("whisper", "WhisperForAudioClassification"),
])  # fmt: skip
def test_each_architecture_trains_and_is_saved_as_plain_transformers_has_it(
    name: str, saved: str, tones: Path, tmp_path: Path
) -> None:
    recipe = Recipe(
        model=tiny_checkpoint(name, tmp_path / "checkpoint"),
        data=Data(path=str(tones)),
        task="events",
        window=4,
        augment=(),
        # Whisper's frames are taken on their way to the pooling, also where mixed precision wraps the network.
        precision="bf16" if name == "whisper" else "float32",
        training={"max_steps": 2},
    )
    # The parity check is part of it: a process with plain transformers computes the same logits of every frame.
    run = aft.train(recipe, tmp_path / "run")
    plain, report = getattr(transformers, saved).from_pretrained(run.model_folder, output_loading_info=True)
    assert plain.config.architectures == [saved]
    assert not any(report.values()), "no weight is missing, left over or of another shape"
    model = aft.load(tmp_path / "run")
    settings = json.loads((run.model_folder / "events.json").read_text())
    assert dict(zip(run.labels, model.task.thresholds, strict=True)) == settings["thresholds"]
    assert run.used["events.threshold"] == settings["thresholds"]["low"]
    assert [step["step"] for step in run.recipe.to_dict()["chain"]] == ["Resample", "Mono", "BandPass", "Normalize"]
    # 9 s in windows of 4 s that overlap by 0.8 s at least.
    assert run.splits["train"]["windows"] == 9
    code = record.frame_code(run, str(run.model_folder)).replace("recording.wav", str(tones.parent / "test0.wav"))
    shown: dict[str, Any] = {}
    exec(code, shown)
    assert shown["frames"].shape == pytest.approx((200, 2), abs=1), "4 s of frames of 20 ms, two classes"
    predicted = model(str(tones.parent / "test0.wav"))
    stored = aft.Run.load(tmp_path / "run")
    from audio_ft.evaluation.predictions import Predictions

    table = Predictions.of(stored).split("test").table.set_index("file")
    same = [{**one, "probability": pytest.approx(one["probability"], abs=5e-3)} for one in predicted["events"]]
    assert list(table.loc["test0.wav", "prediction"]) == same
