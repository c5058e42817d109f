"""Ways in which recordings get worse. To add one, write a function in a file of this folder and list it here."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.evaluation.perturbations.acoustics import SNRS, babble, reverb, white
from audio_ft.evaluation.perturbations.recorder import amplified, broken_off, clipped, played
from audio_ft.evaluation.perturbations.transmission import mp3, mu_law, opus, telephone

Change = Callable[[Clip, float, np.random.Generator], Clip]


@dataclass(frozen=True)
class Perturbation:
    """Change a recording as recording conditions might, before the model's own cleaning.

    Attributes:
        name: its name in files and on the command line.
        title: its name in tables.
        unit: the unit of its levels; "" where there is only one.
        levels: its levels, in the order of the curve.
        phrase: what happened to a recording at a level, with "{}" for the level ("white noise at an SNR of {} dB").
        change: takes a clip, a level and a source of randomness; returns the changed clip.
        keeps_time: whether what happens in a recording stays where it is, so that events keep their times.
        version: raised whenever the same level changes recordings differently than before.
    """

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    phrase: str
    change: Change
    keeps_time: bool = True
    version: int = 1

    def __call__(self, clip: Clip, level: float, *, seed: int, index: int) -> Clip:
        """Return the changed clip; the same seed and index of the row draw the same noise or room at every level."""
        if not clip.length:
            return clip
        return self.change(clip, level, np.random.default_rng([seed, index, zlib.crc32(self.name.encode())]))

    def describe(self, level: float) -> str:
        """Return what happened to a recording at a level."""
        return self.phrase.format(f"{level:g}".replace("-", "−"))


_ALL = (
    Perturbation("white_noise", "white noise", "dB SNR", SNRS, "white noise at an SNR of {} dB", white),
    Perturbation("babble", "babble", "dB SNR", SNRS, "babble at an SNR of {} dB", babble),
    Perturbation("reverberation", "reverberation", "s RT60", (0.3, 0.6, 0.9, 1.2), "reverberation of {} s", reverb),
    Perturbation("telephone", "telephone band", "", (3400.0,), "a telephone's band (300–{} Hz)", telephone),
    Perturbation("mu_law", "8 kHz mu-law", "", (8.0,), "mu-law at {} kHz", mu_law),
    Perturbation("opus", "Opus", "kbit/s", (24.0, 12.0, 6.0), "Opus at {} kbit/s", opus),
    Perturbation("mp3", "MP3", "kbit/s", (32.0, 16.0, 8.0), "MP3 at {} kbit/s", mp3),
    Perturbation("gain", "gain", "dB", (-30.0, -20.0, -10.0, 5.0, 10.0), "a gain of {} dB", amplified),
    Perturbation("clipping", "clipping", "dB off", (3.0, 6.0, 12.0, 18.0), "clipping of the top {} dB", clipped),
    Perturbation("speed", "speed", "times", (0.8, 0.9, 1.1, 1.25), "a speed of {} times", played, keeps_time=False),
    Perturbation(
        "truncation",
        "truncation",
        "% kept",
        (90.0, 75.0, 50.0, 25.0),
        "truncation to {} %",
        broken_off,
        keeps_time=False,
    ),
)
PERTURBATIONS = {perturbation.name: perturbation for perturbation in _ALL}
