"""Checkpoints that audio_ft did not save predict with what their feature extractor expects, and it is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import MINI, RATE, speech, tiny_checkpoint, tiny_transcriber

import audio_ft as aft
from audio_ft.errors import InputError
from audio_ft.tasks.ctc_tokenizer import make_tokenizer


def classifier(folder: Path, name: str = "wav2vec2-layer", **settings: Any) -> Path:
    from transformers import AutoModelForAudioClassification

    start = tiny_checkpoint(name, folder)
    model = AutoModelForAudioClassification.from_pretrained(start, **settings)
    model.save_pretrained(folder)
    return folder


def test_a_plain_classifier_predicts_as_transformers_does(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

    folder = classifier(tmp_path, id2label={0: "no", 1: "yes"}, label2id={"no": 0, "yes": 1})
    found = aft.load(folder, device="cpu")((speech(RATE), RATE))
    inputs = AutoFeatureExtractor.from_pretrained(folder)(speech(RATE), sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        theirs = AutoModelForAudioClassification.from_pretrained(folder).eval()(**inputs).logits.softmax(-1)[0]
    np.testing.assert_allclose([found["no"], found["yes"]], theirs.numpy(), atol=1e-3)
    assert "has no chain.json" in caplog.text
    assert "16,000 Hz" in caplog.text


def test_one_output_is_a_number(tmp_path: Path) -> None:
    model = aft.load(classifier(tmp_path, num_labels=1), device="cpu")
    assert model.task.target.kind == "number"


def test_a_plain_ctc_checkpoint_predicts_in_its_own_spelling(tmp_path: Path) -> None:
    from transformers import AutoModelForCTC

    start = tiny_checkpoint("wav2vec2-layer", tmp_path)
    AutoModelForCTC.from_pretrained(start).save_pretrained(tmp_path)
    make_tokenizer(("<pad>", "<unk>", "|", *"ABCDE")).save_pretrained(tmp_path)
    model = aft.load(tmp_path, device="cpu")
    assert set(model((speech(RATE), RATE))["text"]) <= set("ABCDE <unk>")
    assert model.task.text.apply("a cab.") == "A CAB"


def test_an_encoder_without_a_head_says_to_fine_tune_it() -> None:
    with pytest.raises(InputError, match="fine-tune it first: audio-ft train --model"):
        aft.load(MINI)


def test_a_lora_adapter_is_a_checkpoint(tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import WhisperForConditionalGeneration

    base = tiny_transcriber(tmp_path / "base")
    plain: Any = WhisperForConditionalGeneration.from_pretrained(base)
    tuned: Any = get_peft_model(plain, LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj", "v_proj"]))
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    tuned.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    expected = tuned.merge_and_unload().state_dict()
    found = aft.load(tmp_path / "adapter", device="cpu").network.state_dict()
    name = "model.encoder.layers.0.self_attn.q_proj.weight"
    torch.testing.assert_close(found[name], expected[name])
    file = tmp_path / "adapter" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"target_modules": ["q_proj"]}))
    with pytest.raises(InputError, match=r"does not belong to the network.*v_proj"):
        aft.load(tmp_path / "adapter", device="cpu")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"base_model_name_or_path": str(tmp_path / "adapter")}))
    with pytest.raises(InputError, match="is an adapter, too"):
        aft.load(tmp_path / "adapter", device="cpu")


def test_the_included_checkpoint_trains_in_an_ordinary_script(tmp_path: Path) -> None:
    """As transformers' run_audio_classification.py does: no dtype is given, so the checkpoint's own must train."""
    from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, Trainer, TrainingArguments

    extractor = AutoFeatureExtractor.from_pretrained(MINI)
    model = AutoModelForAudioClassification.from_pretrained(MINI, num_labels=2, ignore_mismatched_sizes=True)
    waves = [speech(RATE // 2, seed) for seed in range(4)]
    values = extractor(waves, sampling_rate=RATE)["input_values"]
    rows = [{"input_values": np.asarray(each, np.float32), "labels": seed % 2} for seed, each in enumerate(values)]
    settings = {"max_steps": 1, "per_device_train_batch_size": 4, "use_cpu": True, "report_to": "none"}
    trainer = Trainer(model, TrainingArguments(str(tmp_path), **settings), train_dataset=rows)
    assert np.isfinite(trainer.train().training_loss)
