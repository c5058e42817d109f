"""Beam search for CTC networks with a language model of words (flashlight-text)."""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.settings import Settings
from audio_ft.settings.rules import path, whole
from audio_ft.targets.transcripts import Text
from audio_ft.tasks.ngram_lm import UNKNOWN, unigrams

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

# A hypothesis so much less likely than the best one (natural logarithm) is dropped.
_HOPELESS = 50.0
# The log probability of impossible tokens, small enough and still precise in float32.
_IMPOSSIBLE = -1e4
# The most words of one spelling in flashlight's trie, such as "Will" and "will".
_HOMOGRAPHS = 6
_SHOWN = 5


@dataclass(frozen=True)
class Beam(Settings):
    """Set how texts are searched.

    A text of n words has the score

        log p(text | audio) + weight * log10 p(text | language model) + word_score * n

    where the first term sums over all alignments of the text with the frames.

    Attributes:
        model: n-gram model of words, an ARPA file or KenLM's binary form of one.
        beams: hypotheses kept at a time.
        weight: weight of the language model.
        word_score: score of each word; above 0 it offsets that language models prefer short texts.
        words: file with the allowed words, separated by spaces or lines; None: those of the ARPA file.

    Raises:
        InputError: a setting is invalid.
    """

    model: Annotated[str, path()]
    beams: Annotated[int, whole(1)] = 50
    weight: float = 1.0
    word_score: float = 0.0
    words: Annotated[str | None, path()] = None


class BeamSearch:
    """Search with the characters of one model; the language model is read once.

    Only listed words are found; those that the characters cannot spell are dropped with a warning.

    Raises:
        InputError: flashlight-text is not installed, or a file is missing or invalid.
    """

    def __init__(self, beam: Beam, tokenizer: Any, text: Text) -> None:
        try:
            from flashlight.lib.text import decoder
            from flashlight.lib.text.decoder.kenlm import KenLM
            from flashlight.lib.text.dictionary import Dictionary
        except ImportError as error:
            raise InputError(
                f"Beam search needs flashlight-text ({error}): pip install 'audio-ft[beam]', or decode greedily."
            ) from error
        self.blank, self.delimiter = tokenizer.pad_token_id, tokenizer.word_delimiter_token_id
        spellings = _spellings(beam, tokenizer, text)
        known = Dictionary([*spellings, UNKNOWN])
        try:
            with _quiet_stderr():
                model = KenLM(beam.model, known)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1]
            raise InputError(f"{beam.model} is not an n-gram model that KenLM reads: {reason}") from error
        trie, start = decoder.Trie(len(tokenizer), self.delimiter), model.start(False)
        for word, spelling in spellings.items():
            index = known.get_index(word)
            trie.insert(spelling, index, model.score(start, index)[1])
        trie.smear(decoder.SmearingMode.MAX)
        settings = decoder.LexiconDecoderOptions(
            beam_size=beam.beams,
            beam_size_token=len(tokenizer),
            beam_threshold=_HOPELESS,
            lm_weight=beam.weight,
            word_score=beam.word_score,
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=True,
            criterion_type=decoder.CriterionType.CTC,
        )
        labels = (self.delimiter, self.blank, known.get_index(UNKNOWN))
        self._decoder = decoder.LexiconDecoder(settings, trie, model, *labels, [], False)

    def best(self, logits: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Return a token for each frame int64 (batch, frames), to be decoded like those of a greedy search."""
        import torch

        tokens = np.full(logits.shape[:2], self.blank, np.int64)
        logs = logits.float().log_softmax(-1).cpu().numpy()
        for row, count in enumerate(frames.tolist()):
            tokens[row, :count] = self.path(logs[row, :count])
        return torch.from_numpy(tokens).to(logits.device)

    def path(self, logs: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the best text's tokens (frames,) for log probabilities (frames, labels), of whole words if any."""
        # Words end with a delimiter, and networks omit the last one: an additional frame provides it.
        ending = np.full((1, logs.shape[1]), _IMPOSSIBLE)
        ending[0, self.delimiter] = 0.0
        emissions = np.ascontiguousarray(np.concatenate([np.maximum(logs, _IMPOSSIBLE), ending]), np.float32)
        found = self._decoder.decode(emissions.ctypes.data, *emissions.shape)
        # The result also contains the start, the additional frame and the end.
        tokens = np.asarray(found[0].tokens[1 : len(logs) + 1], np.int64)
        return _single(tokens, self.blank, self.delimiter)


def _single(tokens: NDArray[np.int64], blank: int, delimiter: int) -> NDArray[np.int64]:
    """Return a path with one run of delimiters after each word and none before the first."""
    single = tokens.copy()
    between = True
    for frame, token in enumerate(tokens.tolist()):
        if token == delimiter:
            if between and (frame == 0 or single[frame - 1] != delimiter):
                single[frame] = blank
            between = True
        elif token != blank:
            between = False
    return single


def _spellings(beam: Beam, tokenizer: Any, text: Text) -> dict[str, list[int]]:
    """Return the tokens of each allowed word that the model can spell, with a delimiter at the end."""
    unknown, source = [], beam.words or beam.model
    try:
        listed = unigrams(beam.model) if beam.words is None else Path(beam.words).read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{beam.words}: expected words in UTF-8, separated by spaces or lines ({error}).") from error
    words = dict.fromkeys(listed)
    spellings: dict[str, list[int]] = {}
    homographs: Counter[str] = Counter()
    for word in words:
        spelled = text.apply(word)
        spelling = tokenizer(spelled).input_ids
        if not spelling or tokenizer.unk_token_id in spelling:
            unknown.append(word)
        elif homographs[spelled] < _HOMOGRAPHS:
            homographs[spelled] += 1
            spellings[word] = [*spelling, tokenizer.word_delimiter_token_id]
    if not spellings:
        raise InputError(
            f"None of the {len(words):,} words of {source} can be spelled with the model's characters; check them."
        )
    if unknown:
        shown = ", ".join(unknown[:_SHOWN]) + (", …" if len(unknown) > _SHOWN else "")
        sentence = "warning: %s of the %s words of %s cannot be spelled with the model's characters: %s"
        logger.warning(sentence, f"{len(unknown):,}", f"{len(words):,}", source, shown)
    return spellings


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Discard what compiled libraries write to standard error: KenLM draws a progress bar there."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
