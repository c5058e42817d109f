"""From rows to a batch: times in a target are those of the augmented clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from checkpoints import RATE, speech, tiny_transcriber

from audio_ft import Text
from audio_ft.audio.pcm16 import quantize
from audio_ft.augmentation import Speed
from audio_ft.inference.batching import Collator
from audio_ft.models import load_adapter
from audio_ft.targets import Transcript
from audio_ft.tasks import Seq2Seq
from audio_ft.tasks.base import Checkpoint
from audio_ft.tasks.whisper import TIMESTAMP


@pytest.mark.parametrize(("speed", "seconds"), [(2.0, 1.0), (0.5, 4.0), (1.0, 2.0)])
def test_the_end_that_whisper_learns_is_that_of_the_clip_at_its_new_speed(
    tmp_path: Path, speed: float, seconds: float
) -> None:
    checkpoint = tiny_transcriber(tmp_path / "model")
    adapter, text = load_adapter(checkpoint), Text(language="en", timestamps=True)
    task = Seq2Seq.plan(Transcript(text=text), Checkpoint(adapter, checkpoint), ("hello",))
    wave = speech(2 * RATE)
    codes, scale = quantize(wave)
    row: dict[str, Any] = {"samples": codes, "scale": scale, "length": len(wave), "index": 0, "target": "hello"}
    row |= {"start": 0.0, "seconds": len(wave) / RATE}
    augment = (Speed(range=(speed, speed), probability=1.0),)
    labels = Collator(adapter, task, augment, training=True)([row])["labels"][0].tolist()
    zero = task.tokenizer.convert_tokens_to_ids("<|notimestamps|>") + 1
    assert labels[-1] == task.tokenizer.eos_token_id
    assert (labels[-2] - zero) * TIMESTAMP == pytest.approx(seconds, abs=TIMESTAMP)
    assert Collator(adapter, task, augment)([row])["labels"][0, -2] - zero == round(2 / TIMESTAMP)
