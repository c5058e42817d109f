"""Weights between checkpoint and fine-tuned network: each of them once, also one that has two names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from checkpoints import tiny_transcriber

from audio_ft.models import load_adapter
from audio_ft.training.weights.retention import Retention


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_weights_that_are_tied_move_as_far_as_all_others(tmp_path: Path, share: float) -> None:
    from transformers import WhisperForConditionalGeneration

    checkpoint = tiny_transcriber(tmp_path / "model")
    model: Any = WhisperForConditionalGeneration.from_pretrained(checkpoint)
    assert model.proj_out.weight is model.model.decoder.embed_tokens.weight
    prepared: Any = SimpleNamespace(
        recipe=SimpleNamespace(wise_ft_alpha=share, extra_eval=None),
        adapter=load_adapter(checkpoint),
        task=SimpleNamespace(from_scratch=False),
    )
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    retention = Retention(prepared, model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(1.0)
    retention.interpolate(share)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.detach(), before[name] + share, rtol=0, atol=1e-5)
