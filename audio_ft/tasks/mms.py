"""MMS: one CTC checkpoint with an adapter, an output layer and a vocabulary for each of its languages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from audio_ft.errors import InputError, did_you_mean
from audio_ft.file_io import read_json
from audio_ft.models.checkpoint import SMALL_FILES, checkpoint_folder, download
from audio_ft.targets.languages import ISO_639_3
from audio_ft.targets.transcripts import Text


def adapter_language(checkpoint: str | Path, revision: str | None, text: Text) -> str | None:
    """Return the name under which a checkpoint has an adapter for a language, None where it has no adapters.

    Without `text.language` it is the checkpoint's own.

    Raises:
        InputError: the checkpoint has adapters, and none for this language.
    """
    folder = checkpoint_folder(checkpoint, revision)
    file = folder / "vocab.json"
    vocabularies = read_json(file) if file.is_file() else {}
    if not any(isinstance(vocabulary, dict) for vocabulary in vocabularies.values()):
        return None
    if text.language is None:
        own = own_language(folder)
        if own not in vocabularies:
            raise InputError(f"{checkpoint} has adapters for {len(vocabularies):,} languages; set text.language=fr.")
        return str(own)
    name = ISO_639_3.get(text.language, text.language)
    # Languages that are written in several scripts have a name for each.
    found = [one for one in (name, *sorted(vocabularies)) if one in vocabularies and name in (one, one.split("-")[0])]
    if not found:
        raise InputError(
            f"{checkpoint} has no adapter for text.language {text.language!r} among those for {len(vocabularies):,} "
            f"languages, which are named by ISO 639-3.{did_you_mean(name, vocabularies)}"
        )
    return found[0]


def own_language(folder: Path) -> str | None:
    """Return the name of the language whose adapter is in the weights of a folder."""
    file = folder / "tokenizer_config.json"
    return read_json(file).get("target_lang") if file.is_file() else None


def adapter_file(checkpoint: str | Path, revision: str | None, language: str) -> Path | None:
    """Return the file of a language's adapter, downloaded if the checkpoint is on the Hub; None if there is none.

    The other languages' files of a repository, which may be a thousand, are left there.
    """
    folder = checkpoint_folder(checkpoint, revision)
    for name in (f"adapter.{language}.safetensors", f"adapter.{language}.bin"):
        if not Path(checkpoint).expanduser().is_dir():
            folder = download(str(checkpoint), revision, (*SMALL_FILES, name))
        if (folder / name).is_file():
            return folder / name
    return None


def load_language(model: Any, checkpoint: str | Path, revision: str | None, language: str) -> None:
    """Replace a network's adapters and output layer by those of a language, in place.

    What was trained on one language has them in its weights, as MMS itself has those of its own, and needs no file.

    Raises:
        InputError: the checkpoint's file for that language is missing or damaged.
    """
    from audio_ft.models.weights import refuse_not_finite

    file = adapter_file(checkpoint, revision, language)
    if file is None and language == own_language(checkpoint_folder(checkpoint, revision)):
        return
    if file is None:
        name = f"adapter.{language}.safetensors"
        raise InputError(f"{checkpoint} has no {name}, the adapter of its language; download the whole checkpoint.")
    model.config._name_or_path = str(file.parent)
    try:
        model.load_adapter(language, use_safetensors=file.suffix == ".safetensors")
    except Exception as error:
        raise InputError(f"{file} does not fit the checkpoint ({error}); download it again.") from error
    refuse_not_finite(file, model.state_dict().items())
