"""How Whisper transcribes: the window it sees, whether there is speech at all, and when each word is spoken."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

    from audio_ft.models.base import Adapter

# One of the encoder's positions covers two mel frames.
FRAMES_PER_POSITION = 2
# The thresholds of Whisper's own transcription (Radford et al. 2022, section 4.5): there is no speech where the
# decoder's first step says so and what it writes is improbable; text that packs this well is a loop.
NO_SPEECH = 0.6
IMPROBABLE = -1.0
LOOP = 2.4
# Against loops: a run of so many tokens is not written twice.
REPEATED = 6


@dataclass(frozen=True)
class Transcribed:
    """Hold what is said in one window: its text and, where asked for, its words with their times."""

    text: str
    words: tuple[dict[str, Any], ...] = ()


def transcribe(
    task: Any, model: Any, adapter: Adapter, waves: Sequence[NDArray[np.float32]], *, words: bool = False
) -> list[Transcribed]:
    """Return what is said in clean recordings (time,) that fit the window."""
    import torch

    features = adapter.collate([adapter.extract(wave) for wave in waves])["input_features"].to(model.device)
    model.eval()
    with torch.inference_mode(), window_of(model, features):
        # Encoded once and with the usual arithmetic: the encoder's own attention, which nobody reads, would be a
        # quarter of a gigabyte for each clip of thirty seconds.
        states = model.get_encoder()(features).last_hidden_state
        found = _generated(task, model, states, words)
        answers = []
        for row, wave in enumerate(waves):
            text = _transcribed(task, found, row, len(wave) / adapter.sample_rate)
            if packing(text.text) > LOOP:
                again = _generated(task, model, states[row : row + 1], words, no_repeat_ngram_size=REPEATED)
                text = _transcribed(task, again, 0, len(wave) / adapter.sample_rate)
            looping = packing(text.text) > LOOP
            answers.append(Transcribed("") if looping or found["speechless"][row] else text)
    return answers


def packing(text: str) -> float:
    """Return how many times shorter a text gets when it is packed; loops get much shorter than sentences."""
    plain = text.encode()
    return len(plain) / len(zlib.compress(plain)) if plain else 0.0


def _generated(task: Any, model: Any, states: torch.Tensor, words: bool, **settings: Any) -> dict[str, Any]:
    """Return tokens (batch, tokens), their times in seconds where asked for, and which clips hold no speech.

    `states` are the encoder's (batch, positions, width).
    """
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    encoded = BaseModelOutput(last_hidden_state=states)
    start = torch.full((len(states), 1), model.config.decoder_start_token_id, device=states.device)
    first = model(encoder_outputs=encoded, decoder_input_ids=start).logits[:, -1].float().softmax(-1)
    # In every checkpoint the token for "no speech" comes right before the one for "no timestamps".
    silent = first[:, model.generation_config.no_timestamps_token_id - 1]
    sureness = _Sureness()
    with attention_of(model, words):
        outputs = model.generate(
            encoder_outputs=encoded,
            return_dict_in_generate=True,
            return_token_timestamps=words,
            logits_processor=[sureness],
            **settings,
            **task.prompted(model),
        )
    # Asked for details, `generate` returns the prompt as well.
    tokens, logs = outputs["sequences"][:, len(task.prompt) :], torch.stack(sureness.logs, 1)
    written = tokens[:, tokens.shape[1] - logs.shape[1] :]
    real = written != model.generation_config.pad_token_id
    # The end of the text counts as one token, as it does in Whisper's own transcription.
    mean = (logs.masked_fill(~real, 0).sum(1)) / (real.sum(1) + 1)
    return {
        "tokens": tokens.cpu().numpy(),
        "times": outputs["token_timestamps"][:, len(task.prompt) :].float().cpu().numpy() if words else None,
        "speechless": ((silent > NO_SPEECH) & (mean < IMPROBABLE)).cpu().numpy(),
    }


class _Sureness:
    """Note the log-probability of each token as it is written: the greatest there is.

    The scores of the whole vocabulary, which `generate` would keep for every step, are 93 MB for a clip in a loop.
    """

    def __init__(self) -> None:
        self.logs: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.logs.append(scores.float().log_softmax(-1).amax(-1))
        return scores


def _transcribed(task: Any, found: dict[str, Any], row: int, seconds: float) -> Transcribed:
    tokens = found["tokens"][row]
    words = () if found["times"] is None else tuple(words_of(task.tokenizer, tokens, found["times"][row], seconds))
    return Transcribed(task.decode(tokens.tolist()), words)


def words_of(
    tokenizer: Any, tokens: NDArray[np.int64], times: NDArray[np.float32], seconds: float
) -> Iterator[dict[str, Any]]:
    """Yield the words of generated tokens; a word begins at a space, or at every character where there are none.

    `times` are the seconds at which each token begins; it reaches up to the next one.
    """
    # `all_special_ids` names the token for the end alone; the start, the language and the like are added ones.
    special = set(tokenizer.added_tokens_decoder)
    word: dict[str, Any] | None = None
    pending: list[int] = []
    began = 0.0
    for place, token in enumerate(tokens.tolist()):
        if token in special or token > tokenizer.convert_tokens_to_ids("<|notimestamps|>"):
            continue
        start = float(times[place])
        began = began if pending else start
        pending.append(token)
        piece = tokenizer.decode(pending)
        if piece.endswith("\ufffd"):
            continue  # half a character; the next token completes it
        end = min(float(times[min(place + 1, len(times) - 1)]), seconds)
        if word is not None and not piece.startswith(" ") and _spaced(piece):
            word["text"] += piece
            word["end"] = end
        else:
            if word is not None:
                yield word
            word = {"start": min(began, seconds), "end": end, "text": piece.strip()}
        pending = []
    if word is not None:
        yield word


def _spaced(piece: str) -> bool:
    """Return whether a piece of text is of a script with spaces between words: not kana, hanzi, Thai and such."""
    return all(ord(character) < 0x0E00 or 0x1E00 <= ord(character) < 0x2E80 for character in piece)


@contextmanager
def attention_of(model: Any, wanted: bool) -> Iterator[None]:
    """Let the network show its attention while the context lasts; its usual arithmetic is quicker and does not."""
    usual = model.config._attn_implementation
    if wanted and usual != "eager":
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if model.config._attn_implementation != usual:
            model.set_attn_implementation(usual)


@contextmanager
def window_of(model: Any, features: torch.Tensor) -> Iterator[None]:
    """Let Whisper's encoder see no more positions than mel features (batch, mel, frames) have, while the context lasts.

    The positions are sinusoids of fixed places, so the first ones alone mean what they always meant. In windows of 10 s
    and more, an untuned whisper-tiny.en makes as many errors as in 30 s; below, it falls apart.
    """
    # A distributed wrapper hands on calls and nothing else.
    model = getattr(model, "module", model)
    encoder = model.get_encoder()
    configs = {id(config): config for config in (model.config, encoder.config)}.values()
    before, table = encoder.embed_positions.num_embeddings, encoder.embed_positions
    positions = features.shape[-1] // FRAMES_PER_POSITION
    try:
        table.num_embeddings = positions
        for config in configs:
            config.max_source_positions = positions
        yield
    finally:
        table.num_embeddings = before
        for config in configs:
            config.max_source_positions = before
