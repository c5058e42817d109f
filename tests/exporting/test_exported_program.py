"""Models exported for ExecuTorch: what the run computes, one clip at a time."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import tiny_checkpoint

import audio_ft as aft
from audio_ft.cli import main as cli
from audio_ft.errors import InputError
from audio_ft.exporting.export import export

WORDS = Path(aft.__file__).parent / "assets" / "words"


def test_without_executorch_the_extra_is_named(small_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "executorch.runtime", None)
    with pytest.raises(InputError, match=r"pip install 'audio-ft\[executorch\]'"):
        export(aft.load(small_run, device="cpu"), tmp_path / "out", "executorch")
    assert not (tmp_path / "out").exists()


def test_8_bits_are_refused(small_run, tmp_path):
    with pytest.raises(InputError, match="written in float32; for 8 bits use format onnx"):
        export(aft.load(small_run, device="cpu"), tmp_path / "out", "executorch", quantize=("int8",))


def test_a_program_gives_the_probabilities_of_its_run(small_run, tmp_path, capsys):
    pytest.importorskip("executorch", reason="not among the tested packages")
    out = tmp_path / "program"
    check = ["--check", str(WORDS), "--json"]
    assert cli.main(["export", str(small_run), "--format", "executorch", "--output-dir", str(out), *check]) == 0
    table = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in table["rows"]] == ["run", "float32"]
    assert table["rows"][1]["score"]["value"] == table["rows"][0]["score"]["value"]
    clips = sorted((WORDS / "test").rglob("*.ogg"))[::20]
    ours, theirs = aft.load(small_run, device="cpu")(clips), aft.load(out)(clips)
    for one, other in zip(ours, theirs, strict=True):
        assert other == pytest.approx(one, abs=1e-4)
    short = np.zeros((1, 3), np.float32)
    assert sum(aft.load(out)(aft.Clip(short, 16_000)).values()) == pytest.approx(1, abs=1e-4)
    (out / "model.pte").write_bytes(b"no program")
    with pytest.raises(InputError, match="cannot be loaded by ExecuTorch"):
        aft.load(out)


def test_a_ctc_model_gives_the_tokens_of_its_run(tmp_path):
    pytest.importorskip("executorch", reason="not among the tested packages")
    from executorch.runtime import Runtime

    run = tmp_path / "run"
    recipe = aft.Recipe(
        model=tiny_checkpoint("wav2vec2-group", tmp_path / "tiny"),
        task="ctc",
        data=aft.Data(str(WORDS.parent / "sentences"), limit=8),
        training={"max_steps": 1},
    )
    aft.train(recipe, run)
    model = aft.load(run, device="cpu")
    export(model, tmp_path / "out", "executorch")
    network = Runtime.get().load_program(tmp_path / "out" / "model.pte").load_method("forward")
    noise = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, 40_001)).astype(np.float32))
    tokens, logits = network.execute([noise])
    inputs = model.adapter.collate([model.adapter.extract(noise[0].numpy())])
    with torch.inference_mode():
        theirs = model.network(**inputs).logits
    torch.testing.assert_close(logits, theirs, atol=1e-3, rtol=1e-3)
    assert tokens.tolist() == theirs.argmax(-1).tolist()
