"""Whisper's decoding: its window, speech detection, and the times of words."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.models.base import Adapter
from audio_ft.tasks.base import Tensor, finite
from audio_ft.tasks.transcription import Transcribed, Waves

# One of the encoder's positions covers two mel frames.
FRAMES_PER_POSITION = 2
# The thresholds of Whisper's transcription (Radford et al. 2022, section 4.5): there is no speech where the decoder's
# first step predicts none and the text is improbable; text that compresses this well is a loop.
NO_SPEECH = 0.6
IMPROBABLE = -1.0
LOOP = 2.4
# Against loops: no run of this many tokens occurs twice.
REPEATED = 6


def transcribe(task: Any, model: Any, adapter: Adapter, waves: Waves, words: bool) -> list[Transcribed]:
    """Return the transcripts of clean recordings (time,) that fit the window."""
    import torch

    features = adapter.collate([adapter.extract(wave) for wave in waves])["input_features"].to(model.device)
    seconds = [len(wave) / adapter.sample_rate for wave in waves]
    model.eval()
    with torch.inference_mode(), window_of(model, features):
        # Encoded once, without returning attention: the encoder's would be 250 MB for each clip of thirty seconds.
        states = model.get_encoder()(features).last_hidden_state
        transcripts = []
        for row, (transcript, speechless) in enumerate(_generated(task, model, states, seconds, words)):
            if compression(transcript.text) > LOOP:
                one = slice(row, row + 1)
                again = _generated(task, model, states[one], seconds[one], words, no_repeat_ngram_size=REPEATED)
                transcript, _ = again[0]
            looping = compression(transcript.text) > LOOP
            transcripts.append(Transcribed("") if looping or speechless else transcript)
    return transcripts


def check_scores(input_ids: Tensor, scores: Tensor) -> Tensor:
    """Return the scores of a step of generation, whose best is finite."""
    finite(scores.amax(-1))
    return scores


def compression(text: str) -> float:
    """Return the compression ratio of a text, which is much higher for loops than for sentences."""
    plain = text.encode()
    return len(plain) / len(zlib.compress(plain)) if plain else 0.0


def _generated(
    task: Any, model: Any, states: Tensor, seconds: Sequence[float], words: bool, **settings: Any
) -> list[tuple[Transcribed, bool]]:
    """Return the transcript of each clip's encoder states (batch, positions, width), and whether it has no speech."""
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    encoded = BaseModelOutput(last_hidden_state=states)
    start = torch.full((len(states), 1), model.config.decoder_start_token_id, device=states.device)
    first = model(encoder_outputs=encoded, decoder_input_ids=start).logits[:, -1].float().softmax(-1)
    # In every checkpoint the token of "no speech" directly precedes that of "no timestamps".
    silent = first[:, model.generation_config.no_timestamps_token_id - 1]
    steps: list[Tensor] = []

    def record(input_ids: Tensor, scores: Tensor) -> Tensor:
        """Keep the greatest log probability of a step; the scores of all tokens are 93 MB for a clip in a loop."""
        steps.append(finite(scores.float().log_softmax(-1).amax(-1)))
        return scores

    with attention_of(model) if words else nullcontext():
        outputs = model.generate(
            encoder_outputs=encoded,
            return_dict_in_generate=True,
            return_token_timestamps=words,
            logits_processor=[record],
            **settings,
            **task.prompted(model),
        )
    # With details, `generate` also returns the prompt.
    tokens, logs = outputs["sequences"][:, len(task.prompt) :], torch.stack(steps, 1)
    written = tokens[:, tokens.shape[1] - logs.shape[1] :]
    real = written != model.generation_config.pad_token_id
    # The end of the text counts as one token, as in Whisper's transcription.
    mean = (logs.masked_fill(~real, 0).sum(1)) / (real.sum(1) + 1)
    speechless = ((silent > NO_SPEECH) & (mean < IMPROBABLE)).tolist()
    spoken: list[Sequence[dict[str, Any]]] = [()] * len(tokens)
    if words:
        times = outputs["token_timestamps"][:, len(task.prompt) :].float().cpu().numpy()
        spoken = [list(words_of(task.tokenizer, *clip)) for clip in zip(tokens.tolist(), times, seconds, strict=True)]
    texts = [task.decode(clip) for clip in tokens.tolist()]
    return list(zip(map(Transcribed, texts, spoken), speechless, strict=True))


def words_of(
    tokenizer: Any, tokens: Sequence[int], times: NDArray[np.float32], seconds: float
) -> Iterator[dict[str, Any]]:
    """Yield the words of tokens (each character, in scripts without spaces) that start at these times, in seconds."""
    # `all_special_ids` contains only the end; the start, the language and so on are added tokens.
    special = set(tokenizer.added_tokens_decoder)
    word: dict[str, Any] | None = None
    pending: list[int] = []
    began = 0.0
    for index, token in enumerate(tokens):
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
def attention_of(model: Any) -> Iterator[None]:
    """Make the network return its attention inside the context; its default implementation is faster and does not."""
    default = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(default)


@contextmanager
def window_of(model: Any, features: Tensor) -> Iterator[None]:
    """Limit Whisper's encoder to the positions of mel features (batch, mel, frames) inside the context.

    The position embeddings are fixed sinusoids, so the first ones can be used alone. A network has to be tuned in short
    windows: an untuned whisper-tiny.en fails below 10 s, and has more errors on short clips in 10 s than in 30 s.
    """
    model = getattr(model, "module", model)  # a distributed wrapper forwards calls only
    encoder = model.get_encoder()
    table = encoder.embed_positions
    before = table.num_embeddings

    def limit(positions: int) -> None:
        table.num_embeddings = model.config.max_source_positions = encoder.config.max_source_positions = positions

    try:
        limit(features.shape[-1] // FRAMES_PER_POSITION)
        yield
    finally:
        limit(before)
