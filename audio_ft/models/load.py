"""Read a checkpoint's configuration and feature extractor, and find the adapter for its architecture."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft import extensions
from audio_ft.errors import AudioFTError, InputError, did_you_mean
from audio_ft.file_io import read_json
from audio_ft.models.base import Adapter
from audio_ft.models.checkpoint import check_settings, checkpoint_folder, first_line, weights_folder
from audio_ft.settings.rules import shown

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

# Seconds of noise with which a feature extractor is tried.
TRIED = 0.2


def adapters() -> dict[str, type[Adapter]]:
    """Return the adapters by model type, other packages' included; all are imported on first use."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)], "audio_ft.models."):
        importlib.import_module(module.name)
    for name in extensions.names("models"):
        extensions.load("models", name)
    return Adapter.registry


def load_adapter(checkpoint: str, revision: str | None = None) -> Adapter:
    """Read a checkpoint's configuration and feature extractor, a local folder or a Hub id, and return its adapter.

    A name such as "cnn" is that of a network without a checkpoint, which has no weights yet.

    Raises:
        InputError: the checkpoint cannot be found, or audio_ft has no adapter for its architecture.
    """
    named = next((kind for kind in adapters().values() if checkpoint in kind.names), None)
    adapter = named.untrained(checkpoint) if named else _saved_adapter(checkpoint, revision)
    with computing(checkpoint):
        # Settings of the extractor are used, and not only read, before recordings are.
        length = max(round(TRIED * adapter.sample_rate), adapter.shortest)
        adapter.collate([adapter.extract(np.random.default_rng(0).normal(0, 0.01, length).astype(np.float32))])
    return adapter


def _saved_adapter(checkpoint: str, revision: str | None) -> Adapter:
    config = load_config(checkpoint, revision)
    if getattr(config, "add_adapter", False):
        raise InputError(
            f"{checkpoint} has convolutions above its layers (add_adapter), which no task supports; start from "
            "the checkpoint that it was made from."
        )
    extractor = _load_extractor(checkpoint, revision)
    with computing(checkpoint):
        return adapters()[config.model_type](config, extractor)


@contextmanager
def computing(checkpoint: str | Path) -> Iterator[None]:
    """Turn what other libraries raise while a checkpoint computes into one sentence; too little memory stays as it is.

    Raises:
        InputError: its configuration does not fit its weights, or what its adapter expects.
    """
    try:
        yield
    except (AudioFTError, OSError, MemoryError):
        raise
    # Of any class: a setting of another kind fails wherever it is used first.
    except Exception as error:
        if "out of memory" in str(error):
            raise
        raise InputError(
            f"{checkpoint} was loaded, and computing with it fails ({type(error).__name__}: {first_line(error)}); "
            "check its config.json and preprocessor_config.json, or use another checkpoint."
        ) from error


def load_config(checkpoint: str | Path, revision: str | None = None) -> PreTrainedConfig:
    """Read the configuration of a checkpoint.

    Raises:
        InputError: there is no such folder, the Hub has no such repository or cannot be reached, or the configuration
            is damaged, absurd or needs code of the checkpoint.
    """
    folder = checkpoint_folder(checkpoint, revision)
    check_settings(folder)
    plain = read_json(folder / "config.json")
    if plain["model_type"] not in adapters():
        hint = did_you_mean(plain["model_type"], adapters())
        code = " Its own code (auto_map) is never run." if "auto_map" in plain else ""
        known = sorted(name for name, kind in adapters().items() if not kind.from_scratch)
        raise InputError(
            f"{checkpoint} is a {shown(plain['model_type'])} model; audio_ft fine-tunes {', '.join(known)}.{code}{hint}"
        )
    return from_pretrained("AutoConfig", checkpoint, revision)


def _load_extractor(checkpoint: str, revision: str | None) -> Any:
    folder = checkpoint_folder(checkpoint, revision)
    if not any((folder / name).is_file() for name in ("preprocessor_config.json", "processor_config.json")):
        raise InputError(
            f"{checkpoint} has no feature extractor (preprocessor_config.json), so its sample rate and normalization "
            "are unknown; add that file from the checkpoint it was trained from."
        )
    return from_pretrained("AutoFeatureExtractor", checkpoint, revision)


def from_pretrained(kind: str, checkpoint: str | Path, revision: str | None = None, **settings: Any) -> Any:
    """Return what `from_pretrained` of a class of transformers makes of a checkpoint, and never run its code.

    The only call of `from_pretrained` in audio_ft: `kind` is the name of the class, `settings` are its arguments.

    Raises:
        InputError: the checkpoint cannot be found, its files are damaged, or it needs code of its own.
    """
    import transformers

    folder = (weights_folder if kind.startswith("AutoModel") else checkpoint_folder)(checkpoint, revision)
    check_settings(folder)
    try:
        return getattr(transformers, kind).from_pretrained(str(folder), trust_remote_code=False, **settings)
    # Of any class: tokenizers and safetensors raise bare exceptions of their own.
    except Exception as error:
        raise InputError(f"{checkpoint} cannot be loaded: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """Return why a checkpoint cannot be loaded, without the advice of other libraries to run its code."""
    text = str(error)
    if "trust_remote_code" in text:
        return (
            "it needs Python code of its own, which audio_ft never runs; use a checkpoint of an architecture that "
            "transformers has"
        )
    return first_line(error).rstrip(".")


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers' bars and its report of new or unused weights, which are intended for a new head."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
