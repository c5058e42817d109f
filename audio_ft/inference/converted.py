"""Saved Whisper models in CTranslate2: converted once into the cache, and compared with transformers' text there."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from audio_ft.audio.clip import read
from audio_ft.cleaning.cache import cache_folder
from audio_ft.errors import InputError
from audio_ft.file_io import read_json, replacing, state_of, write_json
from audio_ft.inference.predictor import Model
from audio_ft.tasks.whisper import Seq2Seq
from audio_ft.tasks.whisper_ctranslate2 import ConvertedSeq2Seq, compute_type, convert, opened

logger = logging.getLogger(__name__)

BACKENDS = ("transformers", "ctranslate2", "onnx")
# In the folder of an exported model, beside the files of the model without its weights; see exported.py.
EXPORT_FILE = "export.json"
# Raised when conversion changes. The text is compared on the first tokens of some of the quickstart's sentences.
VERSION, SENTENCES, TOKENS = 1, 8, 24
# What the comparison found, in the folder of a converted network.
CHECK_FILE = "check.json"
_SPOKEN = Path(__file__).parents[1] / "assets" / "sentences" / "test"


def with_ctranslate2(model: Model, network: Callable[[], Any], wanted: str | None, device: str) -> Model:
    """Return a transcriber whose network CTranslate2 computes.

    `model` has no network yet; `network` loads it, which only the first call for these files of the model needs. That
    call converts the network into the cache, generates the first 24 tokens of eight included sentences with both, and
    records how many texts are equal. `wanted` is CTranslate2's compute type, None for int8 on a processor.

    Raises:
        InputError: the model is not a Whisper that transcribes, ctranslate2 is not installed, or lacks the type.
    """
    task = model.task
    if not isinstance(task, Seq2Seq):
        raise InputError(
            f"backend='ctranslate2' is for Whisper models that transcribe, and this model's task is {task.name}; leave "
            "it out."
        )
    kind = compute_type(wanted, device)
    fast = _converted(task)
    place = converted_folder(model, network, kind, device)
    return replace(model, task=fast, network=opened(place, kind, device))


def converted_folder(model: Model, network: Callable[[], Any], kind: str, device: str) -> Path:
    """Return the folder in the cache with a transcriber's network in CTranslate2's type `kind`, converted once."""
    task: Any = model.task
    place = cache_folder() / "ctranslate2" / _key(model.folder, kind)
    if not (place / CHECK_FILE).is_file():
        with replacing(place, make_parents=True) as unfinished:
            slow = replace(model, network=network())
            # Before conversion, which changes the network.
            before = _texts(slow, len(task.prefix) + len(task.prompt))
            convert(slow.network, task.tokenizer, unfinished, kind)
            quick = replace(model, task=_converted(task), network=opened(unfinished, kind, device))
            write_json(unfinished / CHECK_FILE, _compared(before, _texts(quick)))
    _say(kind, **read_json(place / CHECK_FILE))
    return place


def _converted(task: Seq2Seq) -> ConvertedSeq2Seq:
    return ConvertedSeq2Seq(**{field.name: getattr(task, field.name) for field in fields(task)})


def _say(kind: str, clips: int, equal: int, differs: str) -> None:
    """Log how the texts of both compare; a difference is a warning."""
    same = f"CTranslate2 ({kind}) writes the same text as transformers for {equal} of {clips} included sentences"
    if equal == clips:
        logger.info("%s", same)
    else:
        logger.warning("warning: %s; it writes %s", same, differs)


def _key(folder: Path, kind: str) -> str:
    """Return the name of a model's folder in the cache, which changes with its files."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    facts = [f"{VERSION} {kind} {folder.resolve()}", *(f"{path.name} {state_of(str(path))}" for path in files)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def _texts(model: Model, before: int = 0) -> list[str]:
    """Return how the transcripts of included sentences begin; `before` tokens of a prompt count as generated."""
    import torch

    files = sorted(_SPOKEN.glob("*.ogg"))
    waves = [model.chain(read(file)).samples[0] for file in files[:: len(files) // SENTENCES][:SENTENCES]]
    task: Any = replace(model.task, limit=TOKENS + before)  # type: ignore[type-var]
    with torch.inference_mode():
        inputs = model.adapter.collate([model.adapter.extract(wave) for wave in waves])
        inputs = {name: value.to(model.network.device) for name, value in inputs.items()}
        found = task.predict_step(model.network, model.adapter, inputs, torch.empty(0))
    return [task.decode(tokens.tolist()) for tokens in found]


def _compared(theirs: list[str], converted: list[str]) -> dict[str, Any]:
    """Return how many texts are equal, and an example that differs."""
    differing = [f"{one!r} for {other!r}" for other, one in zip(theirs, converted, strict=True) if one != other]
    return {"clips": len(theirs), "equal": len(theirs) - len(differing), "differs": "".join(differing[:1])}
