"""The model families: one file each, registered by importing it here."""

from __future__ import annotations

import difflib

from audio_ft.errors import InputError
from audio_ft.models.base import Family, load_config, load_extractor
from audio_ft.models.wav2vec2 import Data2VecAudio, Hubert, Wav2Vec2, WavLM
from audio_ft.models.whisper import Whisper

__all__ = ["Data2VecAudio", "Hubert", "Wav2Vec2", "WavLM", "Whisper", "load_family"]


def load_family(checkpoint: str, revision: str | None = None) -> Family:
    """Read a checkpoint's configuration and feature extractor, a local folder or a Hub id, and return its family.

    Raises:
        InputError: the checkpoint cannot be found, or its architecture is not one of ours.
    """
    config = load_config(checkpoint, revision)
    family = Family.registry.get(config.model_type)
    if family is None:
        known = ", ".join(sorted(Family.registry))
        near = difflib.get_close_matches(config.model_type, Family.registry, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise InputError(f"{checkpoint} is a {config.model_type!r} model; audio_ft fine-tunes {known}.{hint}")
    if getattr(config, "add_adapter", False):
        raise InputError(
            f"{checkpoint} has convolutions above its layers (add_adapter), which no task here learns with; start from "
            "the checkpoint that it was made of."
        )
    return family(config, load_extractor(checkpoint, revision))
