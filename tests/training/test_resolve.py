"""Every setting that a recipe leaves open is decided in one place and says where it comes from."""

from __future__ import annotations

import dataclasses
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from checkpoints import WORDS, tiny_checkpoint

from audio_ft import Data, Recipe
from audio_ft.augmentation import Gain, Speed
from audio_ft.errors import InputError
from audio_ft.training.resolving.defaults import HALVED, RECIPE, sharing
from audio_ft.training.resolving.resolve import LITTLE_AUDIO, LITTLE_AUDIO_AUGMENT, Resolved, resolve_input
from audio_ft.training.setup import Prepared, prepare


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint("wav2vec2-layer", tmp_path_factory.mktemp("wave") / "model")


def prepared(tiny: str, **settings: Any) -> Prepared:
    return prepare(Recipe(model=tiny, data=Data(path=WORDS, limit=16), **settings), lambda _: None)


@pytest.fixture(scope="module")
def plain(tiny: str) -> Resolved:
    return prepared(tiny).resolved


def test_what_the_recipe_leaves_open_is_decided_for_a_reason(plain: Resolved) -> None:
    values = {**plain.others, **plain.training}
    assert values["num_train_epochs"].origin.startswith("default: ")
    assert values["num_train_epochs"].origin in ("default: 40 at most", "default: 480 steps at least")
    assert values["per_device_train_batch_size"].origin == "default: usual for task classification"
    assert values["learning_rate"].value * 10 == values["head_learning_rate"].value
    assert values["head_learning_rate"].origin == "default: ten times learning_rate"
    assert values["metric"].origin == "default: usual for task classification"
    assert values["augment"].value == LITTLE_AUDIO_AUGMENT
    assert values["augment"].origin == "default: under 10 hours of audio"
    assert plain.head.label_smoothing == 0.1
    said = plain.describe()
    assert "\n" not in said
    assert "augment Speed, Noise (under 10 hours of audio)" in said
    assert f"learning_rate {values['learning_rate'].value:g} (suits wav2vec2 of this size)" in said


def test_what_the_recipe_says_comes_from_it(tiny: str) -> None:
    training = {"learning_rate": 1e-3, "num_train_epochs": 2, "label_smoothing_factor": 0.0, "warmup_steps": 5}
    resolved = prepared(
        tiny, training=training, window=1.0, augment=(Gain(),), metric="accuracy", head_learning_rate=0.5, peft="lora"
    ).resolved
    values = {**resolved.others, **resolved.training}
    for name in (*training, "window", "augment", "metric", "head_learning_rate"):
        assert values[name].origin == RECIPE, name
    assert {name: resolved.arguments()[name] for name in training} == training
    assert resolved.head.label_smoothing == 0.0
    assert resolved.others["head_learning_rate"].value == 0.5
    assert resolved.describe() == "per_device_train_batch_size 16 (usual for task classification)"


def test_large_sets_are_left_as_they_are(tiny: str) -> None:
    found = prepared(tiny)
    recipe = Recipe(model=tiny, data=Data(path=WORDS))
    durations = found.windows("train").lengths / 16_000
    given = resolve_input(recipe, found.adapter, found.task, durations, LITTLE_AUDIO)
    assert given.recipe.augment == ()
    assert given.values["augment"].origin == "default: not under 10 hours of audio"


def test_the_window_follows_what_cleaning_leaves(tiny: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split, label, take in product(("train", "validation", "test"), ("go", "no"), range(2)):
        sound = rng.normal(0, 0.1, round(rng.uniform(1.4, 1.85) * 8_000))
        file = tmp_path / split / label / f"{take}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, np.pad(sound, (16_000, 24_000)), 8_000)

    def window(**settings: Any) -> float:
        recipe = Recipe(model=tiny, data=Data(path=str(tmp_path)), allow_leaks=True, **settings)
        return prepare(recipe, lambda _: None).adapter.window

    # Five more seconds are silence; slowed down to half its speed, a sound lasts twice as long.
    assert window(augment=()) == 2
    assert window(augment=(Speed(range=(0.5, 0.5), probability=1.0),)) == 4
    assert window(augment=(Speed(range=(2.0, 2.0), probability=1.0),)) == 2


def test_a_window_that_all_clips_pay_for_grows_a_little_only(tiny: str, tmp_path: Path) -> None:
    """Whisper computes whole windows of whole seconds; Wav2Vec2's batches are as long as their longest clip."""
    whisper = prepared(tiny_checkpoint("whisper", tmp_path))
    slower = Recipe(model=tiny, data=Data(path=WORDS), augment=(Speed(range=(0.9, 0.9), probability=1.0),))

    def window(found: Prepared, seconds: float) -> float:
        return resolve_input(slower, found.adapter, found.task, np.full(8, seconds), 60.0).adapter.window

    assert [window(whisper, seconds) for seconds in (2.0, 5.9)] == [2, 7]
    assert [window(prepared(tiny), seconds) for seconds in (2.0, 5.9)] == [3, 7]


@pytest.mark.parametrize(
    ("clips", "batch", "devices", "expected"),
    [(8, 4, 1, (4, 2)), (8, 8, 2, (4, 1)), (24, 16, 1, (12, 2)), (7, 4, 1, (1, 7))],
)
def test_other_devices_take_as_many_clips_a_step(
    clips: int, batch: int, devices: int, expected: tuple[int, int]
) -> None:
    found = sharing(clips, batch, devices)
    sizes = tuple(found[name].value for name in ("per_device_train_batch_size", "gradient_accumulation_steps"))
    assert sizes == expected
    with pytest.raises(InputError, match=f"{clips} clips a step, which {clips + 1} devices cannot share equally"):
        sharing(clips, batch, clips + 1)


def test_half_the_batch_makes_the_same_steps(plain: Resolved) -> None:
    half = plain.halved().halved()
    values = half.arguments()
    assert (values["per_device_train_batch_size"], values["gradient_accumulation_steps"]) == (4, 4)
    assert values["per_device_eval_batch_size"] == 8
    assert half.training["per_device_train_batch_size"].origin == HALVED
    same = {name: value for name, value in values.items() if "batch" not in name and "accumulation" not in name}
    assert same.items() <= plain.arguments().items()
    smallest = dataclasses.replace(plain, training={**plain.training, **half.training}).halved().halved().halved()
    assert smallest.arguments()["per_device_train_batch_size"] == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 3600.0}, "window=3600: here the network"),
        ({"class_weights": {"go": 1.0}}, "class_weights names go and the labels are"),
        ({"metric": "wer"}, "'wer' cannot choose the best checkpoint"),
        ({"peft": "adapter"}, "use peft=lora"),
    ],
)
def test_what_cannot_be_is_refused_before_a_recording_is_cleaned(
    tiny: str, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], message: str
) -> None:
    def cleaned(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("recordings were cleaned first")

    monkeypatch.setattr("audio_ft.training.setup.clean", cleaned)
    with pytest.raises(InputError, match=message):
        prepared(tiny, **settings)


def test_a_setting_of_the_run_names_its_origin(small_run: Path) -> None:
    from audio_ft import Run

    run = Run.load(small_run)
    assert run.training["per_device_train_batch_size"] == {"value": 8, "origin": "recipe"}
    assert run.training["weight_decay"]["origin"] == "default: usual with AdamW"
    assert run.training["optim"]["origin"] == "default: of transformers"
    assert run.used == {name: setting["value"] for name, setting in run.training.items()}
