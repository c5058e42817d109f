"""Read a checkpoint's configuration and feature extractor, and find the adapter for its architecture."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft import extensions
from audio_ft.errors import InputError, did_you_mean
from audio_ft.models.base import Adapter

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


def adapters() -> dict[str, type[Adapter]]:
    """Return the adapters by model type, other packages' included; all are imported on first use."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)], "audio_ft.models."):
        importlib.import_module(module.name)
    for name in extensions.names("models"):
        extensions.load("models", name)
    return Adapter.registry


def load_adapter(checkpoint: str, revision: str | None = None) -> Adapter:
    """Read a checkpoint's configuration and feature extractor, a local folder or a Hub id, and return its adapter.

    Raises:
        InputError: the checkpoint cannot be found, or audio_ft has no adapter for its architecture.
    """
    config = load_config(checkpoint, revision)
    known = adapters()
    if config.model_type not in known:
        hint = did_you_mean(config.model_type, known)
        raise InputError(
            f"{checkpoint} is a {config.model_type!r} model; audio_ft fine-tunes {', '.join(sorted(known))}.{hint}"
        )
    if getattr(config, "add_adapter", False):
        raise InputError(
            f"{checkpoint} has convolutions above its layers (add_adapter), which no task supports; start from "
            "the checkpoint that it was made from."
        )
    return known[config.model_type](config, _load_extractor(checkpoint, revision))


def load_config(checkpoint: str, revision: str | None = None) -> PreTrainedConfig:
    """Read the configuration of a checkpoint.

    Raises:
        InputError: there is no such folder, or the Hub has no such repository or cannot be reached.
    """
    from transformers import AutoConfig

    folder = Path(checkpoint).expanduser()
    if folder.is_dir() and not (folder / "config.json").is_file():
        inner = folder / "model"
        hint = f" Did you mean {inner}?" if (inner / "config.json").is_file() else ""
        raise InputError(f"{checkpoint} holds no config.json, so it is not a transformers checkpoint.{hint}")
    if not folder.is_dir() and (folder.is_absolute() or checkpoint.startswith(("./", "../", "~"))):
        raise InputError(f"There is no checkpoint folder {checkpoint}; give a folder with config.json or a Hub id.")
    try:
        return AutoConfig.from_pretrained(_source(checkpoint), revision=revision)
    except (OSError, ValueError, KeyError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise InputError(
            f"The configuration of {checkpoint!r} cannot be loaded ({reason}); give a checkpoint folder with "
            "config.json, or a Hub id with the network up (or the checkpoint already in the local Hub cache)."
        ) from error


def _load_extractor(checkpoint: str, revision: str | None) -> Any:
    from transformers import AutoFeatureExtractor

    try:
        return AutoFeatureExtractor.from_pretrained(_source(checkpoint), revision=revision)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{checkpoint} has no feature extractor (preprocessor_config.json), so its sample rate and normalization "
            "are unknown; add that file from the checkpoint it was trained from."
        ) from error


def _source(checkpoint: str) -> str:
    folder = Path(checkpoint).expanduser()
    return str(folder) if folder.is_dir() else checkpoint


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
