"""Gradients that threads share come out the same each time."""

from __future__ import annotations

from pathlib import Path

import torch
from checkpoints import tiny_checkpoint

from audio_ft.training.steps.determinism import deterministic_sums


def test_gradients_of_whispers_positions_are_the_same_to_the_last_bit(tmp_path: Path) -> None:
    """Long texts in a large batch: with fewer values one thread adds them all, and there is nothing to mend."""
    from transformers import WhisperForConditionalGeneration

    checkpoint = tiny_checkpoint("whisper", tmp_path / "model", max_source_positions=50)
    model = WhisperForConditionalGeneration.from_pretrained(checkpoint)
    torch.manual_seed(0)
    features = torch.randn(16, model.config.num_mel_bins, 100)
    labels = torch.randint(0, 50, (16, model.config.max_target_positions - 8))

    def gradient() -> torch.Tensor:
        model.zero_grad()
        model(input_features=features, labels=labels).loss.backward()
        found = model.model.decoder.embed_positions.weight.grad
        assert found is not None
        return found.clone()

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with deterministic_sums():
            first, *others = (gradient() for _ in range(12))
    finally:
        torch.set_num_threads(threads)
    assert first.abs().sum() > 0
    assert all(torch.equal(first, other) for other in others)
    assert not torch.are_deterministic_algorithms_enabled()
