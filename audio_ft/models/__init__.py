"""The model adapters: one file each, registered by importing it here."""

from __future__ import annotations

import difflib

from audio_ft.errors import InputError
from audio_ft.models.base import Adapter, load_config, load_extractor
from audio_ft.models.wav2vec2 import Data2VecAudio, Hubert, Wav2Vec2, WavLM
from audio_ft.models.whisper import Whisper

__all__ = ["Data2VecAudio", "Hubert", "Wav2Vec2", "WavLM", "Whisper", "load_adapter"]


def load_adapter(checkpoint: str, revision: str | None = None) -> Adapter:
    """Read a checkpoint's configuration and feature extractor, a local folder or a Hub id, and return its adapter.

    Raises:
        InputError: the checkpoint cannot be found, or its architecture is not one of ours.
    """
    config = load_config(checkpoint, revision)
    adapter = Adapter.registry.get(config.model_type)
    if adapter is None:
        known = ", ".join(sorted(Adapter.registry))
        near = difflib.get_close_matches(config.model_type, Adapter.registry, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError(f"{checkpoint} is a {config.model_type!r} model; audio_ft fine-tunes {known}.{hint}")
    if getattr(config, "add_adapter", False):
        raise InputError(
            f"{checkpoint} has convolutions above its layers (add_adapter), which no task here learns with; start from "
            "the checkpoint that it was made of."
        )
    return adapter(config, load_extractor(checkpoint, revision))
