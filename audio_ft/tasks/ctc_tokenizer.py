"""Tokenizers of CTC networks: made of characters, or read from a checkpoint whatever class it names."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.file_io import read_json
from audio_ft.models.checkpoint import checkpoint_folder
from audio_ft.models.load import from_pretrained
from audio_ft.targets.transcripts import Text

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

USUAL, PHONEMES = "Wav2Vec2CTCTokenizer", "Wav2Vec2PhonemeCTCTokenizer"


def make_tokenizer(characters: Sequence[str]) -> Any:
    """Return the tokenizer whose ids are the positions of these characters."""
    from transformers import Wav2Vec2CTCTokenizer

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "vocab.json"
        file.write_text(json.dumps({name: index for index, name in enumerate(characters)}), encoding="utf-8")
        return Wav2Vec2CTCTokenizer(str(file), bos_token=None, eos_token=None)


def read_tokenizer(checkpoint: str | Path, revision: str | None, language: str | None) -> Any:
    """Read a checkpoint's tokenizer, for one of its languages if it has several.

    Raises:
        InputError: it has none, or a damaged one.
    """
    file = checkpoint_folder(checkpoint, revision) / "tokenizer_config.json"
    stated = read_json(file) if file.is_file() else {}
    # What older versions saved moves commas and apostrophes to the word before them.
    settings: dict[str, Any] = {"clean_up_tokenization_spaces": False}
    settings |= {"target_lang": language} if language else {}
    if stated.get("tokenizer_class") == PHONEMES:
        # Transcripts are phonemes already where such a network learns them.
        return from_pretrained(PHONEMES, checkpoint, revision, do_phonemize=False, **settings)
    tokenizer = from_pretrained(USUAL, checkpoint, revision, **settings)
    delimiter = stated.get("word_delimiter_token")
    if isinstance(delimiter, str) and delimiter in tokenizer.get_vocab():
        tokenizer._word_delimiter_token = delimiter  # transformers 5.23 reads it and keeps "|"
    return tokenizer


def names_of(tokenizer: Any, config: PreTrainedConfig | None = None) -> tuple[str, ...]:
    """Return the tokens in the order of their ids, one for each output: most networks have none for <s> and </s>."""
    names = tuple(tokenizer.convert_ids_to_tokens(range(len(tokenizer))))
    return names if config is None else names[: config.vocab_size]


def spelling(text: Text, tokenizer: Any) -> Text:
    """Return the spelling with what it leaves open as the vocabulary has it."""
    letters = [name for name in tokenizer.get_vocab() if len(name) == 1 and name.isalpha()]
    capitals = letters and all(name == name.upper() for name in letters) and not _lowers(tokenizer)
    return text.resolved(case="upper" if capitals else "lower", punctuation="remove")


def single_characters(tokenizer: Any, text: str) -> list[str]:
    """Return the parts of a text between tokens of several letters, as the tokenizer looks their characters up."""
    names = sorted((name for name in tokenizer.get_vocab() if len(name) > 1 and name in text), key=len, reverse=True)
    parts = re.split("|".join(map(re.escape, names)), text) if names else [text]
    # Some tokenizers look up capitals of their own accord, and read them back as small letters.
    return [part.upper() for part in parts] if _lowers(tokenizer) else parts


def _lowers(tokenizer: Any) -> bool:
    return bool(getattr(tokenizer, "do_lower_case", False))


def word_offsets(tokenizer: Any, path: Sequence[int]) -> list[dict[str, Any]]:
    """Return the words of frames' tokens, or the phonemes, {"word", "start_offset", "end_offset"} in frames."""
    if type(tokenizer).__name__ != PHONEMES:
        return list(tokenizer.decode(path, output_word_offsets=True).word_offsets)
    return [one | {"word": one["char"]} for one in tokenizer.decode(path, output_char_offsets=True).char_offsets]
