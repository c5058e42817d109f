"""A recording in pieces, one after another, for what is too long to hold: the same samples as all at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.audio.codec.libsndfile import Decoded, NotForSoundfile, open_soundfile, parts_soundfile
from audio_ft.audio.codec.pyav import parts_av
from audio_ft.audio.codec.source import Opened
from audio_ft.errors import AudioError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def stream(recording: Opened, seconds: float) -> Iterator[Decoded]:
    """Yield a recording in pieces of `seconds`, the last one shorter and with the notes on the whole.

    Where libsndfile gives up inside a file, FFmpeg decodes it again and goes on behind the last sample that came.

    Raises:
        AudioError: as `clip.read`, when the place in question is reached.
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
        # One sample more than a piece: only then is it not the last, which bears the notes.
        if length > size:
            joined = _joined(held)
            for begin in range(0, length - size, size):
                yield Decoded(joined[:, begin : begin + size].copy(), part.rate)
            rest = joined[:, -((length - 1) % size + 1) :]
            held, length = [Decoded(rest.copy(), part.rate, part.notes)], rest.shape[1]
    yield Decoded(_joined(held), held[0].rate, tuple(note for part in held for note in part.notes))


def _joined(parts: list[Decoded]) -> NDArray[np.float32]:
    return np.concatenate([part.samples for part in parts], axis=1)


def _parts(recording: Opened, seconds: float) -> Iterator[Decoded]:
    """Yield parts of any size from the decoder that the verdict names, and from the other where it gives up."""
    name, known, notes, done = recording.name, recording.verdict.known, recording.verdict.notes, 0
    if recording.verdict.decoder == "soundfile":
        try:
            with open_soundfile(recording.target()) as sound:
                for part in parts_soundfile(sound, name, seconds, notes):
                    done += part.samples.shape[1]
                    yield part
                return
        except NotForSoundfile as refusal:
            notes = refusal.amend(notes)
    for part in parts_av(recording.file, name, known=known, skip=done):
        yield Decoded(part.samples, part.rate, notes + part.notes) if not part.samples.shape[1] else part
