"""Decode a long recording piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.audio.codec.libsndfile import Decoded, UnreadableBySoundfile, iter_soundfile, open_soundfile
from audio_ft.audio.codec.pyav import iter_av
from audio_ft.audio.codec.source import AudioSource
from audio_ft.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stream(recording: AudioSource, seconds: float) -> Iterator[Decoded]:
    """Yield a recording in pieces of `seconds`; the last one may be shorter and has the notes on the file.

    Where libsndfile fails inside a file, FFmpeg decodes it again and continues after the last sample.

    Raises:
        AudioError: as `clip.read`, when the damaged part is reached.
    """
    held: list[Decoded] = []
    length = 0
    for part in _parts(recording, seconds):
        first = held[0] if held else part
        if (part.rate, len(part.samples)) != (first.rate, len(first.samples)):
            raise AudioError(recording.name, "the sample rate or the channels change inside the file")
        size = max(1, round(seconds * part.rate))
        held.append(part)
        length += part.samples.shape[1]
        # Keep at least one sample back: the last piece, which has the notes, must not be empty.
        if length > size:
            joined = _joined(held)
            for begin in range(0, length - size, size):
                yield Decoded(joined[:, begin : begin + size].copy(), part.rate)
            rest = joined[:, -((length - 1) % size + 1) :]
            held, length = [Decoded(rest.copy(), part.rate, part.notes)], rest.shape[1]
    yield Decoded(_joined(held), held[0].rate, tuple(note for part in held for note in part.notes))


def _joined(parts: list[Decoded]) -> NDArray[np.float32]:
    return np.concatenate([part.samples for part in parts], axis=1)


def _parts(recording: AudioSource, seconds: float) -> Iterator[Decoded]:
    """Yield parts of any size from the chosen decoder, and from FFmpeg where libsndfile fails."""
    name, recognized, notes, done = recording.name, recording.choice.recognized, recording.choice.notes, 0
    if recording.choice.decoder == "soundfile":
        try:
            with open_soundfile(recording.target()) as sound:
                for part in iter_soundfile(sound, name, seconds, notes):
                    done += part.samples.shape[1]
                    yield part
                return
        except UnreadableBySoundfile as error:
            notes = error.notes_for_ffmpeg(notes)
    for part in iter_av(recording.file, name, recognized=recognized, skip=done):
        yield Decoded(part.samples, part.rate, notes + part.notes) if not part.samples.shape[1] else part
