"""Decode a recording with the chosen decoder, all at once or piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from audio_ft.audio.codec.libsndfile import Decoded, Span, UnreadableBySoundfile, iter_soundfile
from audio_ft.audio.codec.pyav import iter_av
from audio_ft.audio.codec.source import AudioSource
from audio_ft.errors import AudioError


def decode(recording: AudioSource, span: Span, seconds: float = math.inf) -> Iterator[Decoded]:
    """Yield a span in parts of at most about `seconds`; the last is empty and has the notes on the file.

    Where libsndfile fails, FFmpeg decodes the file again and continues after the last sample.

    Raises:
        AudioError: as `clip.read`, when the damaged part is reached.
    """
    notes, done, shape = recording.choice.notes, 0, None
    if recording.choice.decoder == "soundfile":
        try:
            for part in iter_soundfile(recording, span, seconds):
                done, shape = done + part.samples.shape[1], (part.rate, len(part.samples))
                yield part
            return
        except UnreadableBySoundfile as error:
            notes += (f"damaged: libsndfile gives up ({error})",) if error.damaged else ()
    # libsndfile stops after the first of several chained streams, FFmpeg does not.
    notes = tuple(note for note in notes if not note.startswith("chained"))
    for part in iter_av(recording, span, notes, done):
        if shape not in (None, (part.rate, len(part.samples))):
            raise AudioError(recording.name, "the sample rate or the channels change inside the file")
        yield part


def of_channel(parts: Iterable[Decoded], channel: int | None, name: str) -> Iterator[Decoded]:
    """Yield parts with one channel, counted from 0, or with all of them for None.

    Raises:
        AudioError: there is no such channel.
    """
    for part in parts:
        if channel is not None and channel >= len(part.samples):
            raise AudioError(name, f"no channel {channel}, counted from 0: it has {len(part.samples)}")
        yield part if channel is None else Decoded(part.samples[channel : channel + 1].copy(), part.rate, part.notes)


def joined(parts: Iterable[Decoded]) -> Decoded:
    """Return all parts as one, with the notes of the last; each is freed once it is copied."""
    held = list(parts)
    last = held.pop()
    if len(held) == 1:
        return Decoded(held[0].samples, last.rate, last.notes)
    samples = np.empty((len(last.samples), sum(part.samples.shape[1] for part in held)), np.float32)
    end = samples.shape[1]
    while held:
        part = held.pop().samples
        samples[:, end - part.shape[1] : end] = part
        end -= part.shape[1]
    return Decoded(samples, last.rate, last.notes)


def pieces(parts: Iterable[Decoded], seconds: float) -> Iterator[Decoded]:
    """Yield parts of any size as pieces of `seconds`; the last may be shorter and has the notes of the last part."""
    held, length = [], 0
    for part in parts:
        held.append(part.samples)
        length += part.samples.shape[1]
        size = max(1, round(seconds * part.rate))
        # Keep at least one sample back: the last piece, which has the notes, must not be empty.
        if length > size:
            *full, rest = np.split(np.concatenate(held, axis=1), range(size, length, size), axis=1)
            yield from (Decoded(piece.copy(), part.rate) for piece in full)
            held, length = [rest.copy()], rest.shape[1]
    yield Decoded(np.concatenate(held, axis=1), part.rate, part.notes)
