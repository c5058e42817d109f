"""MMS: one CTC checkpoint with an adapter, an output layer and a vocabulary for each of its languages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.errors import InputError, did_you_mean
from audio_ft.file_io import read_json
from audio_ft.models.checkpoint import SMALL_FILES, checkpoint_folder, download

if TYPE_CHECKING:
    from audio_ft.targets.transcripts import Text

# MMS names languages by ISO 639-3, and `text.language` has Whisper's codes: pairs where MMS has that language.
_NAMES = """
en eng zh cmn de deu es spa ru rus ko kor fr fra ja jpn pt por tr tur pl pol ca cat nl nld ar ara sv swe id ind hi hin
fi fin vi vie he heb uk ukr el ell ms zlm cs ces ro ron da dan hu hun ta tam no nob th tha ur urd hr hrv bg bul lt lit
la lat mi mri ml mal cy cym sk slk te tel fa fas lv lav bn ben sr srp az azj sl slv kn kan et est mk mkd br bre eu eus
is isl hy hye ne npi mn mon bs bos kk kaz sq sqi sw swh gl glg mr mar pa pan si sin km khm sn sna yo yor so som af afr
oc oci ka kat be bel tg tgk sd snd gu guj am amh yi yid lo lao uz uzb fo fao ht hat ps pus tk tuk nn nno mt mlt sa san
lb ltz my mya bo bod tl tgl mg mlg as asm tt tat haw haw ln lin ha hau ba bak jw jav su sun yue yue it ita
"""
NAMES = dict(zip(_NAMES.split()[::2], _NAMES.split()[1::2], strict=True))


def adapter_language(checkpoint: str | Path, revision: str | None, text: Text) -> str | None:
    """Return the name under which a checkpoint has an adapter for a language, None where it has no adapters.

    Without `text.language` it is the checkpoint's own.

    Raises:
        InputError: the checkpoint has adapters, and none for this language.
    """
    folder = checkpoint_folder(checkpoint, revision)
    file, settings = folder / "vocab.json", folder / "tokenizer_config.json"
    vocabularies = read_json(file) if file.is_file() else {}
    if not any(isinstance(vocabulary, dict) for vocabulary in vocabularies.values()):
        return None
    if text.language is None:
        own = read_json(settings).get("target_lang") if settings.is_file() else None
        if own not in vocabularies:
            raise InputError(f"{checkpoint} has adapters for {len(vocabularies):,} languages; set text.language=fr.")
        return str(own)
    name = NAMES.get(text.language, text.language)
    # Languages that are written in several scripts have a name for each.
    found = [one for one in (name, *sorted(vocabularies)) if one in vocabularies and one.split("-")[0] == name]
    if not found:
        raise InputError(
            f"{checkpoint} has no adapter for text.language {text.language!r}.{did_you_mean(name, vocabularies)}"
        )
    return found[0]


def adapter_file(folder: str | Path, language: str) -> Path:
    """Return the file of a language's adapter in a folder."""
    return Path(folder) / f"adapter.{language}.safetensors"


def load_language(model: Any, checkpoint: str | Path, revision: str | None, language: str) -> None:
    """Replace a network's adapters and output layer by those of a language, in place.

    Raises:
        InputError: the checkpoint's file for that language is missing or damaged.
    """
    from audio_ft.models.weights import refuse_not_finite

    name = adapter_file("", language).name
    folder = checkpoint_folder(checkpoint, revision)
    if not Path(checkpoint).expanduser().is_dir():
        folder = download(str(checkpoint), revision, (*SMALL_FILES, name))
    if not (folder / name).is_file():
        raise InputError(f"{checkpoint} has no {name}, the adapter of its language; download the whole checkpoint.")
    model.config._name_or_path = str(folder)
    try:
        model.load_adapter(language, use_safetensors=True)
    except Exception as error:
        raise InputError(f"{folder / name} does not fit the checkpoint ({error}); download it again.") from error
    refuse_not_finite(folder / name, model.state_dict().items())
