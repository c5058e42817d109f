"""Embeddings: the same as plain transformers for one clip, whatever else is in its batch, for every architecture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from checkpoints import MINI, RATE, TINY, speech, tiny_checkpoint
from datasets import Dataset

from audio_ft.audio.pcm16 import quantize
from audio_ft.cleaning.chain import Chain
from audio_ft.cleaning.cleaned import Cleaned
from audio_ft.inference.embeddings import MOST_LAYERS, Encoder

LENGTHS = (1.0, 0.31, 0.5, 0.05)


def rows_of(clips):
    """Return clips [(time,)] as cleaned recordings."""
    samples, scales = zip(*map(quantize, clips), strict=True)
    rows = Dataset.from_dict({"length": list(map(len, clips)), "samples": list(samples), "scale": list(scales)})
    return Cleaned(rows, RATE, np.arange(len(clips)), (), {}, 0.0)


def clips_of(lengths=LENGTHS):
    return [speech(round(seconds * RATE), seed) for seed, seconds in enumerate(lengths)]


def fitted(checkpoint):
    encoder = Encoder.load(checkpoint, chain=Chain(()))
    adapter = encoder.adapter.with_window(1.0)
    return Encoder(checkpoint, adapter.fit(encoder.network), adapter, Chain(()))


@pytest.mark.parametrize("name", TINY)
def test_a_clip_has_the_same_vector_alone_and_in_a_batch(name, tmp_path):
    encoder, clips = fitted(tiny_checkpoint(name, tmp_path)), clips_of()
    together = encoder.embed(rows_of(clips))
    alone = np.concatenate([encoder.embed(rows_of([clip])) for clip in clips])
    assert together.shape == (len(clips), TINY[name].config.get("num_hidden_layers", 3) + 1, 2 * 32)
    assert together == pytest.approx(alone, rel=1e-3, abs=2e-4)
    assert not np.allclose(together[0], together[1], atol=1e-3)  # and says something of the clip


def test_vectors_are_mean_and_deviation_of_the_hidden_states_of_plain_transformers():
    clip = clips_of((0.7,))[0]
    extractor = transformers.AutoFeatureExtractor.from_pretrained(MINI)
    network = transformers.AutoModel.from_pretrained(MINI, dtype=torch.float32).eval()
    samples, scale = quantize(clip)
    inputs = extractor(samples * scale, sampling_rate=RATE, return_tensors="pt").input_values
    with torch.no_grad():
        states = torch.stack(network(inputs, output_hidden_states=True).hidden_states)[:, 0]
    expected = torch.cat([states.mean(1), states.std(1, correction=0)], -1).numpy()
    assert fitted(MINI).embed(rows_of([clip]))[0] == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_windows_of_a_clip_are_averaged_by_their_frames(tmp_path):
    encoder, (long, short) = fitted(tiny_checkpoint("wav2vec2-layer", tmp_path)), clips_of((1.5, 0.31))
    first, second = encoder.embed(rows_of([long[:RATE], long[-RATE:]]))  # the windows of one second
    both = encoder.embed(rows_of([long, short]))
    assert both.shape[0] == 2
    assert both[0] == pytest.approx((first + second) / 2, abs=1e-3)


def test_deep_networks_give_evenly_spaced_layers(tmp_path):
    encoder = fitted(tiny_checkpoint("wav2vec2-layer", tmp_path, num_hidden_layers=16))
    assert encoder.embed(rows_of(clips_of((0.2,)))).shape[1] == MOST_LAYERS
