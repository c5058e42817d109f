"""Tokens and passwords never reach a file: settings refuse them, and what names recordings hides them."""

from __future__ import annotations

import dataclasses
import json

import pytest
from checkpoints import WORDS, kept_checkpoint

from audio_ft.cli.main import main
from audio_ft.data import Data
from audio_ft.errors import InputError
from audio_ft.recipe import Recipe
from audio_ft.redaction import redact_text
from audio_ft.run import Run
from audio_ft.settings.secrets import hide, is_secret_name

TOKEN = "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345"
ADDRESSES = [
    TOKEN, "https://ana:word@example.org/d", f"https://{TOKEN}@huggingface.co/me/words",
    f"https://x.org/?token={TOKEN}",
    "s3.example.org/a.zip?X-Amz-Date=1&X-Amz-Signature=0123456789abcdef", "https://x.org/a?sv=2&sig=aB%2F",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345", "sk-proj-0123456789abcdefghijABCDEFGHIJ", "AKIA0123456789ABCDEF",
]  # fmt: skip
HARMLESS = [
    "me/words", "facebook/wav2vec2-base", "git@github.com:me/words", "https://example.org/data?page=2", "hf://me/words@main",
    "data/words:2", "user/hf_wav2vec2", "mail ana@example.org about it: http://x.org/a@b",
    "sk-speech-corpus-of-2024-train",
    "sk_SK_recordings_of_the_radio",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["hub_token", "push_to_hub_token", "password", "WANDB_API_KEY", "secret", "access_key"]
)
def test_a_token_in_the_training_settings_is_refused_whatever_its_form(name, capsys, tmp_path):
    recipe = Recipe(model="m", data="d")
    for make in (
        lambda: Recipe(model="m", data="d", training={name: "x1"}),
        lambda: Recipe(model="m", data="d", training={"deepspeed": {"a": [{name: "x1"}]}}),
        lambda: recipe.override([f"{name}=x1"]),
        lambda: Recipe.from_dict(recipe.to_dict() | {"training": {name: "x1"}}),
    ):
        with pytest.raises(InputError, match=rf"{name}: tokens and passwords are not settings.*set HF_TOKEN") as caught:
            make()
        assert "x1" not in str(caught.value)
    out = tmp_path / "run"
    words = ["--model", "m", "--data", str(WORDS), "--output-dir", str(out), "--set", f"{name}={TOKEN}"]
    assert main(["train", *words]) == 2
    assert not out.exists()
    assert TOKEN not in "".join(capsys.readouterr())


def test_counts_of_tokens_and_empty_settings_are_settings():
    training = {"include_num_input_tokens_seen": "all", "average_tokens_across_devices": True, "hub_token": None}
    assert Recipe(model="m", data="d", training=training).training == training
    assert not is_secret_name("pad_token_id")


@pytest.mark.parametrize("text", ADDRESSES)
def test_text_that_looks_like_a_token_is_refused_in_every_setting(text):
    recipe = Recipe(model="m", data="d")
    for name in (
        "model",
        "data.path",
        "data.source",
        "limits",
        "push_to_hub",
        "run_name",
        "hub_model_id",
        "data.where",
    ):
        value = [f"url={text}"] if name == "data.where" else text
        with pytest.raises(InputError, match=r"take it from the environment|set HF_TOKEN") as caught:
            recipe.override([f"{name}={json.dumps(value)}"])
        assert text not in str(caught.value)
    with pytest.raises(InputError, match="class_weights") as caught:
        Recipe(model="m", data="d", class_weights={text: 1.0})
    with pytest.raises(InputError, match=r"seed: expected a whole number.*\*\*\*") as caught:
        recipe.override([f"seed={text}"])
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", HARMLESS)
def test_names_and_addresses_without_a_secret_are_accepted(text):
    assert Data(path=text, source=text).path == text
    assert hide(text) == text


def test_signed_addresses_of_recordings_are_hidden_in_run_json_and_in_what_is_published(small_run):
    signed = "https:/bucket.org/a.wav?X-Amz-Signature=0123456789"
    run = Run.load(small_run)
    test = dict(run.splits["test"]) | {"unreadable": [[signed, "no file"]]}
    data = dict(run.data) | {"warnings": [f"1 file listed in list.csv missing (first: {signed})"]}
    changed = dataclasses.replace(run, splits=dict(run.splits) | {"test": test}, data=data)
    written = json.dumps(changed.to_dict())
    assert "0123456789" not in written
    assert "a.wav?X-Amz-Signature=***" in written
    assert redact_text(f"see {signed}", {}) == "see https:/bucket.org/a.wav?X-Amz-Signature=***"


def test_tokens_of_the_environment_are_in_no_file_of_a_run(monkeypatch, tmp_path, one_torch_thread):
    from audio_ft.training.train import train

    for name in ("HF_TOKEN", "WANDB_API_KEY", "COMET_API_KEY", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, TOKEN)
    training = {"max_steps": 2, "per_device_train_batch_size": 4, "report_to": "tensorboard"}
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        training.pop("report_to")
    train(
        Recipe(model=kept_checkpoint("wav2vec2-group"), data=Data(path=WORDS, limit=16), training=training),
        tmp_path / "run",
    )
    for file in (tmp_path / "run").rglob("*"):
        assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file
