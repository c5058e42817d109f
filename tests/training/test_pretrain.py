"""Continued pretraining without labels: both objectives learn, resume exactly, and leave ordinary checkpoints."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from checkpoints import RATE, speech, tiny_checkpoint

import audio_ft as aft
from audio_ft.audio.clip import Clip, write
from audio_ft.cli import main as cli
from audio_ft.file_io import read_json_lines
from audio_ft.models.self_supervised import Contrastive, masks, negatives


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with twelve recordings of different lengths."""
    place = tmp_path_factory.mktemp("calls")
    for number in range(12):
        write(Clip(speech(RATE // 2 + 500 * number, number)[None], RATE), place / f"{number}.wav")
    return place


@pytest.mark.parametrize("name", [pytest.param("wav2vec2-group", marks=pytest.mark.slow), "hubert-layer"])
def test_the_loss_falls_and_the_checkpoint_is_an_ordinary_one(name, folder, tmp_path, capsys):
    checkpoint, output = tiny_checkpoint(name, tmp_path / "tiny"), tmp_path / "more"
    run = ["pretrain", checkpoint, str(folder), "--output", str(output), "--epochs", "10", "--learning-rate", "0.001"]
    assert cli.main([*run, "--units", "8"]) == 0
    captured = capsys.readouterr()
    assert "not in the checkpoint, so they begin at random" in captured.err
    assert captured.out.startswith("held-out loss ")
    result = json.loads((output / "pretraining.json").read_text())["result"]
    losses = [entry["loss"] for entry in read_json_lines(output / "metrics.jsonl") if "loss" in entry]
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    assert np.isfinite([result["before"], result["after"]]).all()
    assert not (output / "checkpoints").exists()
    before, after = (transformers.AutoModel.from_pretrained(one) for one in (checkpoint, output))
    assert before.config.mask_time_prob == after.config.mask_time_prob
    changed = {key for key, value in after.state_dict().items() if not torch.equal(value, before.state_dict()[key])}
    assert {key.partition(".")[0] for key in changed} >= {"feature_extractor", "feature_projection", "encoder"}
    assert aft.embed(aft.Encoder.load(str(output)), folder).vectors.shape == (12, 64)
    assert cli.main([*run, "--units", "8"]) == 2
    assert "holds a finished pretraining; give another --output" in capsys.readouterr().err


def test_an_interrupted_pretraining_ends_with_the_same_weights(folder, tmp_path, monkeypatch):
    checkpoint = tiny_checkpoint("wav2vec2-group", tmp_path / "tiny")
    settings = {"epochs": 4, "learning_rate": 1e-3}
    aft.pretrain(checkpoint, folder, tmp_path / "whole", **settings)

    class Stop(transformers.TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            if state.global_step == 2:
                raise KeyboardInterrupt

    from audio_ft.training.steps import callbacks

    class Stopping(callbacks.MetricsFile):
        on_save = Stop.on_save

    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "MetricsFile", Stopping)
        with pytest.raises(KeyboardInterrupt):
            aft.pretrain(checkpoint, folder, tmp_path / "again", **settings)
    assert list((tmp_path / "again" / "checkpoints").iterdir())
    with pytest.raises(aft.InputError, match="holds another pretraining"):
        aft.pretrain(checkpoint, folder, tmp_path / "again", epochs=5, learning_rate=1e-3)
    aft.pretrain(checkpoint, folder, tmp_path / "again", **settings)
    first, second = (transformers.AutoModel.from_pretrained(tmp_path / one).state_dict() for one in ("whole", "again"))
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_masks_and_negatives_stay_within_their_clips():
    np.random.seed(0)  # transformers draws from numpy's global generator
    frames = np.array([40, 25])
    mask = masks(frames, 0.65, 10)
    assert mask.shape == (2, 40)
    assert not mask[1, 25:].any()
    assert mask.sum(1).all()
    others = negatives(mask, 5)
    for row in range(2):
        chosen = others[row][mask[row]] - 40 * row
        assert mask[row][chosen].all()
        assert (chosen != np.flatnonzero(mask[row])[:, None]).all()


def test_the_contrastive_loss_and_its_gradients_are_those_of_transformers():
    config = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8),
        conv_kernel=(10, 8), conv_stride=(5, 4), num_feat_extract_layers=2, num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, num_codevectors_per_group=4, codevector_dim=8, proj_codevector_dim=8,
        num_negatives=5, feat_proj_dropout=0.0, final_dropout=0.0, hidden_dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip
    torch.manual_seed(0)
    np.random.seed(0)
    network = transformers.Wav2Vec2ForPreTraining(config).eval()
    waves = torch.randn(3, 1_200)
    attention = (torch.arange(1_200) < torch.tensor([[1_200], [900], [500]])).long()
    frames = network._get_feat_extract_output_lengths(attention.sum(1)).numpy()
    mask = masks(frames, 0.65, 4)
    chosen = torch.from_numpy(negatives(mask, 5))
    mask = torch.from_numpy(mask)
    inputs = {"input_values": waves, "attention_mask": attention}
    gradients = []
    expected = network(**inputs, mask_time_indices=mask, sampled_negative_indices=chosen).loss / mask.sum()
    for loss in (expected, Contrastive(network)(mask, chosen, **inputs)["loss"]):
        network.zero_grad()
        loss.backward()
        gradients.append({name: weight.grad.clone() for name, weight in network.named_parameters()
                          if weight.grad is not None})  # fmt: skip
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(*gradients)


def test_other_architectures_and_full_folders_are_refused(folder, tmp_path):
    with pytest.raises(aft.InputError, match="is a whisper; pretraining can be continued for wav2vec2 and hubert"):
        aft.pretrain(tiny_checkpoint("whisper", tmp_path / "tiny"), folder, tmp_path / "out")
    shutil.copytree(folder, tmp_path / "full")
    with pytest.raises(aft.InputError, match="is not empty; give another --output"):
        aft.pretrain(tiny_checkpoint("hubert-group", tmp_path / "hubert"), folder, tmp_path / "full")
