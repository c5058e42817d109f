"""Whisper's decoding: its window, speech detection, and the times of words."""

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
# The thresholds of Whisper's transcription (Radford et al. 2022, section 4.5): there is no speech where the decoder's
# first step predicts none and the text is improbable; text that compresses this well is a loop.
NO_SPEECH = 0.6
IMPROBABLE = -1.0
LOOP = 2.4
# Against loops: no run of this many tokens occurs twice.
REPEATED = 6


@dataclass(frozen=True)
class Transcribed:
    """Hold the transcript of one window: its text and, if requested, its words with their times."""

    text: str
    words: tuple[dict[str, Any], ...] = ()


def transcribe(
    task: Any, model: Any, adapter: Adapter, waves: Sequence[NDArray[np.float32]], *, words: bool = False
) -> list[Transcribed]:
    """Return the transcripts of clean recordings (time,) that fit the window."""
    import torch

    features = adapter.collate([adapter.extract(wave) for wave in waves])["input_features"].to(model.device)
    model.eval()
    with torch.inference_mode(), window_of(model, features):
        # Encoded once, without returning attention: the encoder's would be 250 MB for each clip of thirty seconds.
        states = model.get_encoder()(features).last_hidden_state
        found = _generated(task, model, states, words)
        transcripts = []
        for row, wave in enumerate(waves):
            transcript = _transcribed(task, found, row, len(wave) / adapter.sample_rate)
            if compression(transcript.text) > LOOP:
                again = _generated(task, model, states[row : row + 1], words, no_repeat_ngram_size=REPEATED)
                transcript = _transcribed(task, again, 0, len(wave) / adapter.sample_rate)
            looping = compression(transcript.text) > LOOP
            transcripts.append(Transcribed("") if looping or found["speechless"][row] else transcript)
    return transcripts


def compression(text: str) -> float:
    """Return the compression ratio of a text, which is much higher for loops than for sentences."""
    plain = text.encode()
    return len(plain) / len(zlib.compress(plain)) if plain else 0.0


def _generated(task: Any, model: Any, states: torch.Tensor, words: bool, **settings: Any) -> dict[str, Any]:
    """Return tokens (batch, tokens), their times in seconds if requested, and which clips contain no speech.

    `states` are the encoder's (batch, positions, width).
    """
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    encoded = BaseModelOutput(last_hidden_state=states)
    start = torch.full((len(states), 1), model.config.decoder_start_token_id, device=states.device)
    first = model(encoder_outputs=encoded, decoder_input_ids=start).logits[:, -1].float().softmax(-1)
    # In every checkpoint the token of "no speech" directly precedes that of "no timestamps".
    silent = first[:, model.generation_config.no_timestamps_token_id - 1]
    confidence = _Confidence()
    with attention_of(model, words):
        outputs = model.generate(
            encoder_outputs=encoded,
            return_dict_in_generate=True,
            return_token_timestamps=words,
            logits_processor=[confidence],
            **settings,
            **task.prompted(model),
        )
    # With details, `generate` also returns the prompt.
    tokens, logs = outputs["sequences"][:, len(task.prompt) :], torch.stack(confidence.logs, 1)
    written = tokens[:, tokens.shape[1] - logs.shape[1] :]
    real = written != model.generation_config.pad_token_id
    # The end of the text counts as one token, as in Whisper's transcription.
    mean = (logs.masked_fill(~real, 0).sum(1)) / (real.sum(1) + 1)
    return {
        "tokens": tokens.cpu().numpy(),
        "times": outputs["token_timestamps"][:, len(task.prompt) :].float().cpu().numpy() if words else None,
        "speechless": ((silent > NO_SPEECH) & (mean < IMPROBABLE)).cpu().numpy(),
    }


class _Confidence:
    """Record the log probability of each generated token, the greatest of each step.

    The scores of the whole vocabulary, which `generate` can keep, are 93 MB for a clip in a loop.
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
    """Yield the words of generated tokens; a word begins at a space, or at every character in scripts without.

    `times` are the start times of the tokens in seconds; each ends where the next one starts.
    """
    # `all_special_ids` contains only the end; the start, the language and so on are added tokens.
    special = set(tokenizer.added_tokens_decoder)
    word: dict[str, Any] | None = None
    pending: list[int] = []
    began = 0.0
    for index, token in enumerate(tokens.tolist()):
        if token in special or token > tokenizer.convert_tokens_to_ids("<|notimestamps|>"):
            continue
        start = float(times[index])
        began = began if pending else start
        pending.append(token)
        piece = tokenizer.decode(pending)
        if piece.endswith("\ufffd"):
            continue  # an incomplete character; the next token completes it
        end = min(float(times[min(index + 1, len(times) - 1)]), seconds)
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
    """Return whether a text is of a script with spaces between words, unlike kana, hanzi or Thai."""
    return all(ord(character) < 0x0E00 or 0x1E00 <= ord(character) < 0x2E80 for character in piece)


@contextmanager
def attention_of(model: Any, wanted: bool) -> Iterator[None]:
    """Make the network return its attention inside the context; its default implementation is faster and does not."""
    default = model.config._attn_implementation
    if wanted and default != "eager":
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        if model.config._attn_implementation != default:
            model.set_attn_implementation(default)


@contextmanager
def window_of(model: Any, features: torch.Tensor) -> Iterator[None]:
    """Limit Whisper's encoder to the positions of mel features (batch, mel, frames) inside the context.

    The position embeddings are fixed sinusoids, so the first ones can be used alone. In windows of 10 s and more, an
    untuned whisper-tiny.en makes as many errors as in 30 s; in shorter ones it fails.
    """
    # A distributed wrapper forwards calls only.
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
