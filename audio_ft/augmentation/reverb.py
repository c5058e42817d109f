"""Reverberation: a room around the recording."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import read
from audio_ft.audio.resampling import resample
from audio_ft.augmentation.base import Rng, Samples, WaveAugment
from audio_ft.augmentation.recordings import check_recordings, recordings
from audio_ft.settings.rules import path, span

if TYPE_CHECKING:
    from numpy.typing import NDArray

# By then the first reflection of a room has arrived.
FIRST_REFLECTION_SECONDS = 0.003
# Of a recorded room at most so much: a cathedral falls by 60 dB in this time.
LONGEST_SECONDS = 8.0


@dataclass(frozen=True)
class Reverb(WaveAugment):
    """Play a clip in a room whose reverberation time is drawn from `rt60`, in seconds.

    The room is synthetic: the direct sound, then exponentially falling noise that is as strong. With `folder`, it is a
    random recording of an impulse response below it (mixed down), from its loudest sample on, and `rt60` is not used.
    Level and length stay the same, and the direct sound stays where it is.

    Raises:
        InputError: when it is applied: the folder has no recordings.
        AudioError: when it is applied: a recording cannot be read.
    """

    rt60: Annotated[tuple[float, float], span(0.01, 20)] = (0.2, 0.8)
    folder: Annotated[str | None, path("a folder of impulse responses")] = None

    @property
    def effect(self) -> str:
        """Return the description for the card."""
        return "reverberation of recorded rooms" if self.folder else "reverberation of {rt60} s"

    def prepare(self) -> None:
        """Raise InputError for a folder without recordings, AudioError for a recording whose header is damaged."""
        if self.folder:
            check_recordings(self.folder, "Reverb")

    def change(self, samples: Samples, rate: int, rng: Rng) -> Samples:
        """Return the reverberant samples (time,), of the same length and level."""
        if self.folder is None:
            return reverberant(samples, impulse_response(rng.uniform(*self.rt60), rate, rng))
        files = recordings(self.folder, "Reverb")
        return reverberant(samples, _recorded(files[rng.integers(len(files))], rate))


def impulse_response(rt60: float, rate: int, rng: Rng) -> NDArray[np.float64]:
    """Return a room's impulse response: the direct sound, then noise that falls by 60 dB in `rt60` seconds.

    The statistical model of late reverberation: Polack, "La transmission de l'énergie sonore dans les salles",
    thesis, Le Mans 1988.
    """
    times = np.arange(max(2, round(rt60 * rate))) / rate
    tail = rng.standard_normal(len(times)) * 10 ** (-3 * times / rt60)
    tail[times < FIRST_REFLECTION_SECONDS] = 0
    strength = np.sqrt(float(np.square(tail).sum()))  # the tail becomes as strong as the direct sound
    response = tail / strength if strength > 0 else tail
    response[0] = 1.0
    return np.asarray(response)


def reverberant(samples: NDArray[np.floating], response: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return samples (…, time) in the room of an impulse response (time',), of the same length and level."""
    from scipy.signal import oaconvolve

    wave = samples.astype(np.float64)
    room = response.reshape((1,) * (wave.ndim - 1) + (-1,))
    after = oaconvolve(wave, room, axes=-1)[..., : wave.shape[-1]]
    power = float(np.square(after).mean())
    return np.asarray(after * np.sqrt(float(np.square(wave).mean()) / power)) if power > 0 else wave


@lru_cache(maxsize=128)
def _recorded(file: Path, rate: int) -> Samples:
    """Return a recorded impulse response (time,) at `rate` Hz, from the direct sound on."""
    response = resample(mixdown(read(file, seconds=LONGEST_SECONDS)), rate).samples[0]
    return response[int(np.abs(response).argmax()) :]
