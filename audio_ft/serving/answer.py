"""One recording that somebody sends: refused where it is too long, predicted, and kept as the model hears it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from audio_ft.audio.clip import Clip, probe, read
from audio_ft.errors import AudioError, AudioFTError, InputError
from audio_ft.formatting import format_duration

if TYPE_CHECKING:
    from audio_ft.audio.codec.source import Whole
    from audio_ft.inference.predictor import Model, Prediction

# Ten minutes are a song or a short talk; longer ones are for `audio-ft predict`, which shows its progress.
MAX_SECONDS = 600.0
# Ten minutes of stereo at 96 kHz, 460 MB once decoded: a small file may claim hundreds of channels.
MAX_SAMPLES = 115_200_000
# What a browser sends at most: ten minutes of stereo in 24 bits at 48 kHz are 173 MB.
MAX_BYTES = 200_000_000


@dataclass(frozen=True)
class Answer:
    """Hold a recording as it was sent and as it is after cleaning, and the model's prediction for it."""

    raw: Clip
    clean: Clip
    prediction: Prediction


def answer(model: Model, recording: Whole, most: float = MAX_SECONDS) -> Answer:
    """Return what a model predicts for a path, bytes or a file of at most `most` seconds.

    Raises:
        AudioError: it cannot be read, or is too long.
        InputError: the model takes other recordings, with another number of channels.
    """
    raw = read_at_most(recording, most)
    return Answer(raw, model.chain(raw), model(raw))


def read_at_most(recording: Whole, most: float) -> Clip:
    """Return a recording of at most `most` seconds; what is longer is refused before all of it is decoded.

    Raises:
        AudioError: it cannot be read, or is too long.
        InputError: `most` is not a positive number.
    """
    if not most > 0:
        raise InputError(f"expected more than 0 seconds, got {most}")
    info = probe(recording)
    fits = min(most, MAX_SAMPLES / (info.rate * info.channels))
    # The header may lie, so a little more than what fits is read and counted.
    clip = read(recording, seconds=fits + 1)
    if max(info.seconds, clip.seconds) > fits:
        name = recording if isinstance(recording, str) else "recording"
        raise AudioError(str(name), f"longer than {format_duration(fits)}, the most that is accepted")
    return clip


def in_a_sentence(error: AudioFTError) -> str:
    """Return what whoever sent a recording is told of an error, without the name of a file on this machine."""
    return f"The recording cannot be used: {error.reason}." if isinstance(error, AudioError) else str(error)
