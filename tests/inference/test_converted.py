"""Whisper in CTranslate2: the same text as transformers, times of words, one conversion, and refusals."""

from __future__ import annotations

import logging

import pytest
from checkpoints import fetched_whisper

import audio_ft as aft
from audio_ft.errors import InputError

pytest.importorskip("ctranslate2")


@pytest.mark.real
def test_converted_once_it_writes_what_transformers_writes_with_times_of_words(shared, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("AUDIO_FT_CACHE", str(tmp_path))
    checkpoint = fetched_whisper(shared, "whisper-tiny.en")
    folder = shared / "data" / "prompts_asr" / "test"
    clips = [folder / name for name in ("en_activated.flac", "en_agent-user.flac")]
    with caplog.at_level(logging.INFO):
        model = aft.load(checkpoint, backend="ctranslate2:float32", device="cpu")
    assert "CTranslate2 (float32) writes the same text as transformers for 8 of 8 included sentences" in caplog.text
    expected = [answer["text"] for answer in aft.load(checkpoint, device="cpu")(clips)]
    assert all(expected)
    assert [answer["text"] for answer in model(clips)] == expected
    for text, clip in zip(expected, clips, strict=True):
        answer = model(clip, words=True)
        words = [word for segment in answer["segments"] for word in segment["words"]]
        assert " ".join(word["text"] for word in words) == text
        marks = [mark for word in words for mark in (word["start"], word["end"])]
        assert marks == sorted(marks)
        assert 0 <= marks[0] < marks[-1] <= aft.read(clip).seconds
    (kept,) = (tmp_path / "ctranslate2").iterdir()
    written = (kept / "model.bin").stat().st_mtime_ns
    aft.load(checkpoint, backend="ctranslate2:float32", device="cpu")
    assert (kept / "model.bin").stat().st_mtime_ns == written


def test_what_it_cannot_do_is_refused(small_run):
    with pytest.raises(
        InputError, match=r"for Whisper models that transcribe, and this model's task is classification"
    ):
        aft.load(small_run, backend="ctranslate2")
    with pytest.raises(InputError, match=r"backend='tflite' is not known; use one of transformers, ctranslate2"):
        aft.load(small_run, backend="tflite")


@pytest.mark.real
def test_a_type_that_this_machine_lacks_is_refused(shared):
    with pytest.raises(InputError, match=r"CTranslate2 cannot compute with 'int3' here; use one of auto, .*float32"):
        aft.load(fetched_whisper(shared, "whisper-tiny.en"), backend="ctranslate2:int3", device="cpu")
