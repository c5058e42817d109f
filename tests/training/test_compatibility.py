"""A setting that a task would forget is refused before a recording is cleaned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checkpoints import ASSETS, WORDS, tiny_checkpoint, tiny_transcriber

import audio_ft as aft
from audio_ft import Data, Recipe, Text
from audio_ft.augmentation import Mixup
from audio_ft.errors import InputError

SPEECH: dict[str, Any] = {"data": Data(path=str(ASSETS / "sentences"), limit=8), "task": "transcription"}
LABELS: dict[str, Any] = {"data": Data(path=WORDS, limit=16)}


@pytest.fixture(scope="module")
def wave(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_checkpoint("wav2vec2-layer", tmp_path_factory.mktemp("wave") / "model")


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_transcriber(tmp_path_factory.mktemp("whisper") / "model")


def refused(model: str, folder: Path, message: str, **settings: Any) -> None:
    with pytest.raises(InputError, match=message):
        aft.train(Recipe(model=model, **settings), folder / "run")
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"loss": "focal"}, "loss"),
        ({"pooling": "attention"}, "pooling"),
        ({"weighted_layers": True}, "weighted_layers"),
        ({"class_weights": "balanced"}, "class_weights"),
        ({"sampling": "over"}, "sampling"),
        ({"augment": (Mixup(),)}, "Mixup"),
        ({"text": Text(prompt="Asterisk")}, "text.prompt"),
        ({"text": Text(timestamps=True)}, "text.timestamps"),
        ({"training": {"label_smoothing_factor": 0.1}}, "label_smoothing_factor"),
    ],
)
def test_characters_frame_by_frame_have_no_use_for_it(
    wave: str, tmp_path: Path, settings: dict[str, Any], name: str
) -> None:
    refused(wave, tmp_path, f"{name}: task ctc does not use it", **SPEECH, **settings)


@pytest.mark.parametrize("settings", [{"loss": "focal"}, {"augment": (Mixup(),)}])
def test_neither_has_whisper(whisper: str, tmp_path: Path, settings: dict[str, Any]) -> None:
    refused(whisper, tmp_path, "task seq2seq does not use it", **SPEECH, text=Text(language="en"), **settings)


def test_adapters_of_a_language_are_for_networks_that_write_by_ctc(wave: str, whisper: str, tmp_path: Path) -> None:
    """Elsewhere all weights would learn, at the rate of a few new ones."""
    refused(wave, tmp_path, "use peft=lora", **LABELS, peft="adapter")
    refused(whisper, tmp_path, "use peft=lora", **SPEECH, text=Text(language="en"), peft="adapter")


@pytest.mark.parametrize("policy", ["gradual", "layers:1", "encoder"])
def test_freezing_is_left_to_peft(wave: str, tmp_path: Path, policy: str) -> None:
    refused(wave, tmp_path, f"leave out freeze={policy}", **SPEECH, peft="lora", freeze=policy)


@pytest.mark.parametrize(
    ("task", "metric"), [("classification", "wer"), ("classification", "f1[go]"), ("transcription", "accuracy")]
)
def test_the_best_checkpoint_is_chosen_by_a_score_that_the_targets_have(
    wave: str, tmp_path: Path, task: str, metric: str
) -> None:
    data = LABELS if task == "classification" else SPEECH
    refused(wave, tmp_path, "cannot choose the best checkpoint here; use one of loss", **data, metric=metric)
    refused(
        wave,
        tmp_path,
        "cannot choose the best checkpoint",
        **data,
        training={"metric_for_best_model": f"eval_{metric}"},
    )
