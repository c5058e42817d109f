"""Whisper in CTranslate2, which computes the same network faster, also with weights of 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.models.base import Adapter
from audio_ft.tasks.base import Inputs, Tensor
from audio_ft.tasks.transcription import Transcribed, Waves
from audio_ft.tasks.whisper import LONGEST_LABEL, TIMESTAMP, Seq2Seq
from audio_ft.tasks.whisper_decoding import IMPROBABLE, LOOP, NO_SPEECH, REPEATED, compression, words_of

# On a processor 8 bits are the fastest; on other devices CTranslate2 chooses.
DEFAULT_TYPES = {"cpu": "int8"}


@dataclass(frozen=True)
class ConvertedSeq2Seq(Seq2Seq):
    """Transcribe with a network that CTranslate2 has converted, and with nothing else of it."""

    def transcribe(self, model: Any, adapter: Adapter, waves: Waves, *, words: bool = False) -> list[Transcribed]:
        """Return the transcripts, greedily, with the thresholds of `whisper_decoding.transcribe`."""
        from ctranslate2 import StorageView

        mel = adapter.collate([adapter.extract(wave) for wave in waves])["input_features"].numpy()
        encoded = model.encode(StorageView.from_array(mel))
        prompts = self._prompts(model, encoded, len(waves))
        found = _generated(model, encoded, prompts)
        for row, tokens in enumerate(found):
            if compression(self._text(tokens)) > LOOP:
                alone = model.encode(StorageView.from_array(mel[row : row + 1]))
                (found[row],) = _generated(model, alone, prompts[row : row + 1], no_repeat_ngram_size=REPEATED)
        texts = [self._text(tokens) for tokens in found]
        texts = ["" if compression(text) > LOOP else text for text in texts]
        if not words:
            return [Transcribed(text) for text in texts]
        # Encoded again, since alignment takes one start for all rows, and those of other languages have another.
        seconds = [len(wave) / adapter.sample_rate for wave in waves]
        spoken = []
        for row, (tokens, text) in enumerate(zip(found, texts, strict=True)):
            alone = model.encode(StorageView.from_array(mel[row : row + 1])) if text else None
            times = alone and self._times(model, alone, prompts[row], tokens, seconds[row])
            after = [*self._written(tokens), self.tokenizer.eos_token_id]
            spoken.append([] if times is None else list(words_of(self.tokenizer, after, times, seconds[row])))
        return list(map(Transcribed, texts, spoken))

    def predict_step(self, model: Any, adapter: Adapter, inputs: Inputs, outputs: Tensor | None = None) -> Tensor:
        """Return generated token ids int64 (batch, tokens), greedily, of which `limit` where there are `outputs`."""
        import torch
        from ctranslate2 import StorageView

        encoded = model.encode(StorageView.from_array(inputs["input_features"].cpu().numpy()))
        # CTranslate2 generates at most half of its greatest length.
        most = {} if outputs is None else {"max_length": 2 * self.limit}
        found = _generated(model, encoded, self._prompts(model, encoded, encoded.shape[0]), **most)
        rows = [torch.tensor(tokens, dtype=torch.int64) for tokens in found]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self.tokenizer.eos_token_id)

    def _prompts(self, model: Any, encoded: Any, rows: int) -> list[list[int]]:
        """Return the tokens before each transcript; without a language, it has the one that the network hears."""
        before, prefix = self.prompt, list(self.prefix)
        if not self.multilingual or self.text.language:
            return [[*before, *prefix]] * rows
        known = self.tokenizer.get_vocab()
        heard = [known[best[0][0]] for best in model.detect_language(encoded)]
        return [[*before, prefix[0], language, *prefix[1:]] for language in heard]

    def _written(self, tokens: Sequence[int]) -> list[int]:
        """Return the tokens of words, without those of times and others that are not written."""
        special = self.tokenizer.added_tokens_decoder
        last = self.tokenizer.convert_tokens_to_ids("<|notimestamps|>")
        return [token for token in tokens if token not in special and token <= last]

    def _text(self, tokens: Sequence[int]) -> str:
        return self.decode(self._written(tokens))

    def _times(
        self, model: Any, encoded: Any, prompt: Sequence[int], tokens: Sequence[int], seconds: float
    ) -> NDArray[np.float32]:
        """Return when each written token and the end begin, in seconds, by the decoder's cross-attention."""
        start = [token for token in prompt[len(self.prompt) :] if token != self._no_times]
        frames = min(encoded.shape[1] * 2, round(seconds / TIMESTAMP * 2))
        (aligned,) = model.align(encoded, start, [self._written(tokens)], frames)
        places, times = np.array(aligned.alignments).T
        return (times[np.diff(places, prepend=-1) > 0] * TIMESTAMP).astype(np.float32)

    @property
    def _no_times(self) -> int:
        return int(self.tokenizer.convert_tokens_to_ids("<|notimestamps|>"))


def _generated(model: Any, encoded: Any, prompts: list[list[int]], **settings: Any) -> list[list[int]]:
    """Return the tokens of each row of encoder states, none where there is no speech."""
    given = {"beam_size": 1, "max_length": LONGEST_LABEL, "return_scores": True, "return_no_speech_prob": True}
    results = model.generate(encoded, prompts, **{**given, **settings})
    found = []
    for result in results:
        tokens, score = result.sequences_ids[0], result.scores[0]
        # The end of the text counts as one token, as in Whisper's transcription.
        mean = score * len(tokens) / (len(tokens) + 1)
        found.append([] if result.no_speech_prob > NO_SPEECH and mean < IMPROBABLE else tokens)
    return found


def compute_type(wanted: str | None, device: str) -> str:
    """Return the type that CTranslate2 computes with: the one that is wanted, or what suits the device.

    Raises:
        InputError: ctranslate2 is not installed, or cannot compute so on this device.
    """
    try:
        import ctranslate2
    except ImportError as error:
        raise InputError(
            f"backend='ctranslate2' needs ctranslate2 ({error}): pip install 'audio-ft[ctranslate2]'."
        ) from error
    kind = device.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise InputError(f"CTranslate2 computes on cpu and cuda, not on {device}; choose a device, or leave it out.")
    chosen = wanted or DEFAULT_TYPES.get(kind, "auto")
    known = {"auto", *ctranslate2.get_supported_compute_types(kind)}
    if chosen not in known:
        raise InputError(f"CTranslate2 cannot compute with {chosen!r} here; use one of {', '.join(sorted(known))}.")
    return chosen


def convert(model: Any, tokenizer: Any, folder: Path, kind: str) -> None:
    """Write a network as CTranslate2 reads it, with the weights in this type; this changes the network."""
    from ctranslate2.converters.transformers import WhisperLoader

    spec = WhisperLoader()(model, tokenizer)
    spec.validate()
    spec.optimize(quantization=None if kind == "auto" else kind)
    folder.mkdir()
    spec.save(str(folder))


def opened(folder: Path, kind: str, device: str) -> Any:
    """Return the network that `convert` wrote, on a device, with as many threads as torch has."""
    import torch
    from ctranslate2.models import Whisper

    name, _, index = device.partition(":")
    threads = torch.get_num_threads()
    return Whisper(str(folder), name, device_index=int(index or 0), compute_type=kind, intra_threads=threads)
