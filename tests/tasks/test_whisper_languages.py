"""English-only or multilingual is asked of tokenizer and generation config, whatever the size of the vocabulary."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from checkpoints import RATE, speech, tiny_transcriber

import audio_ft as aft
from audio_ft.errors import InputError
from audio_ft.models import load_adapter
from audio_ft.targets import Transcript
from audio_ft.targets.transcripts import Text
from audio_ft.tasks import Seq2Seq
from audio_ft.tasks.base import Checkpoint, HeadSettings, try_out
from audio_ft.tasks.whisper_languages import is_multilingual

LANGUAGES = {"<|en|>": 50_258, "<|fr|>": 50_264}


def tokenizer(end: int, languages: dict[str, int] = LANGUAGES) -> Any:
    return SimpleNamespace(eos_token_id=end, get_added_vocab=lambda: {"<|endoftext|>": end, **languages})


@pytest.mark.parametrize(
    ("end", "stated", "expected"),
    [
        (50_256, {}, False),  # GPT-2's tokenizer, whatever tokens were added to it
        (50_257, {}, True),
        (50_256, {"is_multilingual": True}, True),
        (50_257, {"is_multilingual": False}, False),
        (50_257, {"forced_decoder_ids": [[1, 50_362]]}, False),
        (50_257, {"forced_decoder_ids": [[1, 50_258], [2, 50_359], [3, 50_363]]}, True),
        (50_257, {"forced_decoder_ids": [[1, None], [2, 50_359]]}, True),
        (50_256, {"lang_to_id": {"<|en|>": 50_258}}, True),
    ],
)
def test_who_says_what_a_checkpoint_knows(end: int, stated: dict[str, Any], expected: bool) -> None:
    assert is_multilingual(tokenizer(end), stated) is expected


def test_a_tokenizer_without_languages_is_english_only() -> None:
    assert not is_multilingual(tokenizer(50_257, {}), {})


def planned(folder: str, **text: Any) -> tuple[Seq2Seq, Checkpoint]:
    checkpoint = Checkpoint(load_adapter(folder), folder)
    return Seq2Seq.plan(Transcript(text=Text(**text)), checkpoint, ["abc"]), checkpoint


def of_2022(folder: Path) -> str:
    """Write a checkpoint whose generation config names neither languages nor tasks."""
    name = tiny_transcriber(folder)
    file = folder / "generation_config.json"
    plain = json.loads(file.read_text())
    for key in ("lang_to_id", "task_to_id", "no_timestamps_token_id", "is_multilingual"):
        plain.pop(key, None)
    file.write_text(json.dumps(plain))
    return name


def test_a_generation_config_of_2022_is_completed(tmp_path: Path) -> None:
    task, checkpoint = planned(of_2022(tmp_path), language="en")
    assert task.multilingual
    model: Any = task.build(checkpoint, HeadSettings())
    known = task.tokenizer.get_vocab()
    assert model.generation_config.lang_to_id == {"<|en|>": known["<|en|>"]}
    assert model.generation_config.task_to_id["transcribe"] == known["<|transcribe|>"]
    assert model.generation_config.no_timestamps_token_id == known["<|notimestamps|>"]
    try_out(task, checkpoint)


def test_a_language_without_a_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no token for text\.language 'fr'"):
        planned(tiny_transcriber(tmp_path), language="fr")


def test_a_checkpoint_that_cannot_generate_is_refused_before_recordings_are_read(tmp_path: Path) -> None:
    name = tiny_transcriber(tmp_path)
    file = tmp_path / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"suppress_tokens": ["many"]}))
    task, checkpoint = planned(name, language="en")
    with pytest.raises(InputError):
        try_out(task, checkpoint)


@pytest.mark.parametrize(
    "stated",
    [
        {"do_sample": True, "temperature": 9.0, "top_k": 3},
        {"num_beams": 3, "num_return_sequences": 3},
        {"return_dict_in_generate": True, "output_scores": True},
        {"return_timestamps": True},
        {"alignment_heads": [[7, 0], [0, 17]]},
        {"max_new_tokens": 1, "no_repeat_ngram_size": 1, "exponential_decay_length_penalty": [1, 9.0]},
        dict.fromkeys(("eos_token_id", "pad_token_id", "bos_token_id", "decoder_start_token_id")),
        None,
    ],
    ids=str,
)
def test_a_checkpoint_is_searched_plainly_whatever_its_generation_config(
    tmp_path: Path, stated: dict[str, Any] | None
) -> None:
    name = tiny_transcriber(tmp_path / "stated")
    plain = tiny_transcriber(tmp_path / "plain")
    file = tmp_path / "stated" / "generation_config.json"
    if stated is None:
        file.unlink()
    else:
        file.write_text(json.dumps(json.loads(file.read_text()) | stated))
    texts = []
    for folder in (name, plain):
        task, checkpoint = planned(folder, language="en")
        task = dataclasses.replace(task, limit=24)
        model, adapter = task.build(checkpoint, HeadSettings()).eval(), checkpoint.adapter
        (found,) = task.transcribe(model, adapter, [speech(RATE)], words=True)
        assert " ".join(word["text"] for word in found.words) == found.text
        texts.append(found.text)
    assert texts[0] == texts[1] != ""
    assert isinstance(aft.load(name, device="cpu")((speech(RATE), RATE))["text"], str)


def test_a_text_may_be_as_long_as_a_transcript(tmp_path: Path) -> None:
    checkpoint = Checkpoint(load_adapter(tiny_transcriber(tmp_path)), str(tmp_path))
    task = Seq2Seq.plan(Transcript(text=Text(language="en")), checkpoint, ["abc " * 50])
    model: Any = task.build(checkpoint, HeadSettings())
    assert model.generation_config.max_length > len(task.label("abc " * 50, 1.0))  # the checkpoint says 24


def test_a_plain_whisper_predicts_and_says_that_it_has_no_chain(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = aft.load(of_2022(tmp_path), device="cpu")
    assert isinstance(model((speech(RATE), RATE))["text"], str)
    assert isinstance(model((speech(RATE), RATE), words=True)["segments"], list)
    assert "has no chain.json" in caplog.text
