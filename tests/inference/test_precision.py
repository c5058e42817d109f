"""Precision of prediction: float32 unless asked, bf16 where it is fast, close to float32, and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoints import fetched_whisper

import audio_ft as aft
from audio_ft.cli import main as cli
from audio_ft.hub import load as loading

FILES = sorted((Path(__file__).parents[2] / "audio_ft" / "assets" / "words" / "test").glob("*.ogg"))[:6]


def fast(monkeypatch: pytest.MonkeyPatch, precision: str) -> None:
    """Let this machine have bf16, or not."""
    monkeypatch.setattr(loading, "precision_of", lambda device: precision)


def probabilities(model: aft.Model) -> np.ndarray:
    return np.array([[answer[label] for label in sorted(answer)] for answer in model(FILES)])


def test_bf16_is_close_to_float32_and_its_head_is_not_rounded(small_run):
    exact, fast = aft.load(small_run, device="cpu"), aft.load(small_run, device="cpu", precision="bf16")
    assert (exact.precision, fast.precision) == ("float32", "bf16")
    one, other = probabilities(exact), probabilities(fast)
    assert np.array_equal(one, probabilities(aft.load(small_run, device="cpu")))
    assert 0 < np.abs(one - other).max() < 0.02
    heads = []
    fast.adapter.classifier(fast.network).register_forward_hook(lambda module, inputs, output: heads.append(output))
    fast(FILES[:2])
    assert heads[0].dtype == torch.float32
    assert not torch.equal(heads[0], heads[0].bfloat16().float())


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_auto_takes_bf16_where_this_machine_has_it(small_run, monkeypatch, precision):
    fast(monkeypatch, precision)
    expected = "bf16" if precision == "bf16" else "float32"
    assert aft.load(small_run, device="cpu", precision="auto").precision == expected
    assert aft.load(small_run, device="cpu").precision == "float32"


def test_predict_takes_it_and_says_so_unless_told_otherwise(small_run, monkeypatch, capsys):
    fast(monkeypatch, "bf16")
    command = ["predict", str(small_run), str(FILES[0]), "--json"]
    assert cli.main(command) == 0
    quick = capsys.readouterr()
    assert "computing in bf16" in quick.err
    assert cli.main([*command, "--precision", "float32"]) == 0
    exact = capsys.readouterr()
    assert "bf16" not in exact.err
    assert quick.out != exact.out


def test_unknown_precisions_and_those_of_another_backend_are_refused(small_run):
    with pytest.raises(aft.InputError, match=r"precision='fp8' is not known; use one of float32, bf16, auto"):
        aft.load(small_run, precision="fp8")
    with pytest.raises(aft.InputError, match=r"for ctranslate2 say backend='ctranslate2:bfloat16'"):
        aft.load(small_run, precision="bf16", backend="ctranslate2")


@pytest.mark.real
def test_transcripts_stay_in_float32_and_bf16_writes_the_same_where_asked(shared, monkeypatch):
    fast(monkeypatch, "bf16")
    checkpoint, clip = fetched_whisper(shared, "whisper-tiny.en"), shared / "data/prompts_asr/test/en_activated.flac"
    assert aft.load(checkpoint, device="cpu", precision="auto").precision == "float32"
    texts = [aft.load(checkpoint, device="cpu", precision=one)(clip)["text"] for one in ("float32", "bf16")]
    assert texts[0] == texts[1] != ""
