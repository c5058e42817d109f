"""A transcribing Whisper as one ONNX file: the tokens that transformers generates, for a batch and in 8 bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from checkpoints import fetched_whisper, tiny_transcriber

import audio_ft as aft
from audio_ft.errors import InputError
from audio_ft.tasks.base import forward

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def test_it_writes_the_tokens_of_transformers_for_each_clip_of_a_batch(tmp_path):
    import onnxruntime

    model = aft.load(tiny_transcriber(tmp_path / "model"), device="cpu", language="en")
    with torch.no_grad():  # more of what is heard, so that texts differ
        for layer in model.network.get_decoder().layers:
            layer.encoder_attn.v_proj.weight.mul_(3)
    folder = aft.export(model, tmp_path / "onnx").folder
    times = np.arange(480_000) / 16_000
    waves = np.stack([np.sin(2 * np.pi * hertz * times) for hertz in (200, 1_500, 6_000)]).astype(np.float32)
    inputs = model.adapter.collate([model.adapter.extract(wave) for wave in waves])
    expected = [model.task.decode(row) for row in forward(model.network, model.task, model.adapter, inputs).tolist()]
    assert len(set(map(len, expected))) > 1  # rows end at different steps
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    (together,) = session.run(["tokens"], {"samples": waves})
    assert [model.task.decode(row) for row in together.tolist()] == expected
    (alone,) = session.run(["tokens"], {"samples": waves[:1]})
    assert model.task.decode(alone[0].tolist()) == expected[0]
    loaded = aft.load(folder, language="en")
    assert [found.text for found in loaded.task.transcribe(loaded.network, loaded.adapter, list(waves))] == expected
    with pytest.raises(InputError, match="gives no times of words"):
        loaded.task.transcribe(loaded.network, loaded.adapter, list(waves), words=True)


def test_what_cannot_be_part_of_the_graph_is_refused(tmp_path):
    place = tiny_transcriber(tmp_path / "model")
    with pytest.raises(InputError, match="is exported for one language"):
        aft.export(aft.load(place, device="cpu"), tmp_path / "onnx")
    with pytest.raises(InputError, match="for this one use int8"):
        aft.export(aft.load(place, device="cpu", language="en"), tmp_path / "onnx", quantize=["int8-static"])
    assert not (tmp_path / "onnx").exists()


@pytest.mark.real
@pytest.mark.slow
def test_a_real_whisper_keeps_its_text_and_in_8_bits_its_words_if_not_their_case(shared, tmp_path):
    pytest.importorskip("ctranslate2")
    model = aft.load(fetched_whisper(shared, "whisper-tiny.en"), device="cpu")
    clip = shared / "data" / "prompts_asr" / "test" / "en_agent-user.flac"
    expected = model(clip)["text"]
    found = aft.export(model, tmp_path / "onnx", quantize=["int8"])
    assert aft.load(found.folder)(clip)["text"] == expected
    assert aft.load(found.folder, backend="onnx:int8")(clip)["text"].lower() == expected.lower()
    sizes = {kind: file.stat().st_size for kind, file in found.files.items()}
    assert sizes["int8"] < 0.45 * sizes["float32"]  # with a second table, for the embeddings
    converted = aft.export(model, tmp_path / "ctranslate2", "ctranslate2", quantize=["int8"])
    for folder in converted.files.values():
        names = {file.name for file in folder.iterdir()}
        assert names >= {"model.bin", "config.json", "tokenizer.json", "preprocessor_config.json", "README.md"}
