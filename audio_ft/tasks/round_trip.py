"""Round trip: a transcript becomes tokens and is read back, and a perfect model must score 0 on it.

Tokenizers of transformers take the names of special tokens that they find in a text for these tokens: "<|0.00|>" of a
transcript would be a time for Whisper, and "<pad>" a blank for CTC.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from audio_ft.errors import InputError
from audio_ft.formatting import shortened
from audio_ft.targets.tags import MARK
from audio_ft.targets.transcripts import Text, fault

# Transcripts of a split that are read back, besides the first with each character and those with marks: one second.
SAMPLE = 1_000
SHOWN = 60
# Settings that may keep what the tokenizer changes out of the transcripts, in the order in which they are proposed.
FIXES: tuple[tuple[str, str], ...] = (
    ("tags", "drop"),
    ("unicode", "NFC"),
    ("unicode", "NFKC"),
    ("punctuation", "remove"),
    ("case", "lower"),
    ("case", "upper"),
)


class Spelling(Protocol):
    """What a transcription task knows of texts; see `Transcription`."""

    @property
    def text(self) -> Text: ...  # noqa: D102

    def lacking(self, texts: Iterable[str]) -> Counter[str]: ...  # noqa: D102

    def read_back(self, transcript: str) -> str: ...  # noqa: D102


def plain_tokens(tokenizer: Any, text: str) -> list[int]:
    """Return the ids of a text; names of special tokens in it are spelled as any other characters."""
    fast = hasattr(tokenizer, "backend_tokenizer")
    names = [name for name in _words(tokenizer) if name in text]
    pattern = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    ids: list[int] = []
    for part in re.split(f"({pattern})", text) if names else [text]:
        if part in names:
            ids.append(tokenizer.convert_tokens_to_ids(part))
        elif fast:
            ids += _pieces(tokenizer.backend_tokenizer, part)
        else:
            ids += tokenizer.convert_tokens_to_ids(tokenizer.tokenize(part, split_special_tokens=True))
    return ids


@functools.lru_cache(maxsize=8)
def _words(tokenizer: Any) -> tuple[str, ...]:
    """Return the tokens of several letters that are looked up as a whole, in a text as well.

    These are words that were added to a vocabulary, and phonemes; the tokenizer would take away the spaces beside them.
    Whisper's times are added tokens, too, and not special ones.
    """
    special = set(tokenizer.all_special_tokens)
    known = tokenizer.get_added_vocab() if hasattr(tokenizer, "backend_tokenizer") else tokenizer.get_vocab()
    return tuple(name for name in known if len(name) > 1 and name not in special and name[:2] != "<|")


def _pieces(backend: Any, text: str) -> list[int]:
    """Return the ids of a text by the tokenizer's model alone, without any added token."""
    text = backend.normalizer.normalize_str(text) if backend.normalizer else text
    pieces = [piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(text)] if backend.pre_tokenizer else [text]
    return [token.id for piece in pieces for token in backend.model.tokenize(piece)]


def changed(task: Spelling, transcripts: Sequence[str]) -> tuple[int, str, str] | None:
    """Return the row of the first transcript that is not read back as it was, in the task's spelling and as it is read.

    Transcripts that training skips are left out, and so are those with characters that the vocabulary lacks.
    """
    for row in sample(transcripts):
        if fault(transcripts[row], task.text):
            continue
        spelled = task.text.apply(transcripts[row])
        if not task.lacking([spelled]) and (read := task.read_back(spelled)) != spelled:
            return row, spelled, read
    return None


def sample(transcripts: Sequence[str]) -> Iterator[int]:
    """Yield the rows to read back: the first with each character, all with marks, and others evenly up to SAMPLE."""
    known: set[str] = set()
    every = max(1, len(transcripts) // SAMPLE)
    for row, transcript in enumerate(transcripts):
        if row % every == 0 or not known.issuperset(transcript) or MARK.search(transcript):
            known.update(transcript)
            yield row


def check_round_trip(task: Spelling, splits: Mapping[str, tuple[Sequence[str], Sequence[str]]]) -> list[str]:
    """Check transcripts, given with keys by split, and return a sentence on each split that was only sampled.

    Raises:
        InputError: a perfect model would not score 0 on a transcript.
    """
    notes = []
    for split, (transcripts, keys) in splits.items():
        if found := changed(task, transcripts):
            row, spelled, read = found
            raise InputError(
                f"{split}, {keys[row]}: a model that makes no error cannot write this transcript, {_shown(spelled)} "
                f"comes back from its tokens as {_shown(read)}; {_fix(task, transcripts[row])}."
            )
        if (tried := sum(1 for _ in sample(transcripts))) < len(transcripts):
            notes.append(
                f"{tried:,} of {len(transcripts):,} transcripts of {split} were turned into tokens and back, unchanged"
            )
    return notes


def _fix(task: Spelling, transcript: str) -> str:
    """Return the setting with which a transcript is read back as it was."""
    for name, value in FIXES:
        text: Text = task.text.replace(**{name: value})
        spelled = text.apply(transcript)
        if task.read_back(spelled) == spelled:
            return f"set text.{name}={value}, or correct the transcript"
    return "correct the transcript"


def _shown(text: str) -> str:
    return repr(shortened(text, SHOWN))
