"""Where a recording pauses, and whether there is anything in it that could be speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.audio.clip import Clip

FRAME_SECONDS = 0.032
# Offset and rumble are as loud in a pause as in speech, and above 8 kHz speech has nothing that it lacks below.
HEARD_HZ = (100.0, 8_000.0)
# A syllable lasts 100 ms or more; a click does not.
HELD_SECONDS = 0.1
BAND_HZ = 500.0

SILENT_DBFS = -70.0
"""Below this level, held for 100 ms, nothing was said into the microphone; speech 10 dB louder is faint, but speech."""
STEADY_DB = 4.0
"""Whatever rises less above its own median, in no band of 500 Hz for 100 ms, is steady noise.

Measured: white, pink and brown noise, mains hum and dither of 3 s to 30 s rise by 3.0 dB at most (1,080 examples);
a single word or prompt somewhere in 20 s of noise as loud as itself by 8.6 dB at least (900 examples; 5 dB louder
noise: 4.6 dB), prompts longer than 2 s in noise as loud as themselves by 7.4 dB at least."""
STEADY_SECONDS = 2.0
"""In less time a word may fill the recording, and then its own median is speech."""

# A pause is near the floor, the level that 5 % of the frames stay below, and well under the typical level of speech.
_FLOOR_PERCENT = 5.0
_OVER_FLOOR_DB, _ACTIVE_DB, _UNDER_SPEECH_DB, _FAR_UNDER_SPEECH_DB = 6.0, 12.0, 12.0, 40.0
# Closures of plosives last up to 150 ms; what is shorter than this may be one.
PAUSE_SECONDS = 0.3
# A bin 60 dB below the average one is a window's leakage beside a hum, or rounding.
_LEAKAGE = 1e-6
_TINY = 1e-20


@dataclass(frozen=True)
class Spectrum:
    """Hold the power (frames, bins) of a clip's audible part, scaled so that a frame's sum is its mean square.

    `hop` is the distance of two frames and `width` the distance of two bins, in seconds and Hz.
    """

    power: NDArray[np.float32]
    hop: float
    width: float

    @classmethod
    def of(cls, clip: Clip) -> Spectrum:
        """Return the spectrum of a clip, the mean over its channels: opposite channels do not cancel in it."""
        size = max(4, round(FRAME_SECONDS * clip.rate))
        hop = size // 2
        window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
        hertz = np.fft.rfftfreq(size, 1 / clip.rate)
        heard = (hertz >= HEARD_HZ[0]) & (hertz <= HEARD_HZ[1])
        scale = np.float32(2 / (size * np.square(window).sum() * clip.channels))
        total: NDArray[np.float32] | None = None
        for channel in clip.samples:
            wave = np.pad(channel, (0, max(0, size - len(channel))))
            frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop] * window
            power = np.square(np.abs(np.fft.rfft(frames, axis=1)[:, heard])).astype(np.float32) * scale
            total = power if total is None else total + power
        assert total is not None
        return cls(total, hop / clip.rate, float(hertz[1]))

    def until(self, seconds: float) -> Spectrum:
        """Return the frames that begin in the first `seconds`."""
        return Spectrum(self.power[: max(1, round(seconds / self.hop))], self.hop, self.width)

    def levels(self) -> NDArray[np.float64]:
        """Return the level of each frame in dBFS (an RMS of 1 is 0)."""
        levels: NDArray[np.float64] = 10 * np.log10(self.power.sum(axis=1, dtype=np.float64) + _TINY)
        return levels

    @property
    def syllable(self) -> int:
        """Return how many frames begin in 100 ms, or all where there are fewer."""
        return min(max(1, round(HELD_SECONDS / self.hop)), len(self.power))

    def loudest(self) -> float:
        """Return the highest level in dBFS that no frame within 100 ms falls below, so that clicks do not count."""
        return float(np.lib.stride_tricks.sliding_window_view(self.levels(), self.syllable).min(axis=1).max())

    def rise(self) -> float:
        """Return by how many dB a band of 500 Hz rises at most above its median for 100 ms.

        Each bin is measured against its own median over time, so that noise of any color counts as white: the power
        of Gaussian noise is distributed exponentially, with a mean of its median divided by ln 2.
        """
        usual = np.median(self.power, axis=0) / np.log(2)
        relative = self.power / (usual + _LEAKAGE * usual.mean() + _TINY)
        bins = max(1, round(BAND_HZ / self.width))
        bands = max(1, relative.shape[1] // bins)
        banded = relative[:, : bands * bins].reshape(len(relative), bands, -1).mean(axis=2)
        sums = np.cumsum(np.pad(banded, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
        return float(10 * np.log10((sums[self.syllable :] - sums[: -self.syllable]).max() / self.syllable + _TINY))

    def is_silent(self) -> bool:
        """Return whether there surely is no speech: nothing loud enough, or nothing but steady noise."""
        if self.loudest() < SILENT_DBFS:
            return True
        return len(self.power) * self.hop >= STEADY_SECONDS and self.rise() < STEADY_DB

    def pauses(self) -> list[tuple[float, float]]:
        """Return (start, stop) in seconds of what surely are pauses of 0.3 s or more; none where noise hides them."""
        levels = self.levels()
        floor = float(np.percentile(levels, _FLOOR_PERCENT))
        active = levels[levels > floor + _ACTIVE_DB]
        if not len(active):
            return []
        speech = float(np.median(active))
        quiet = max(floor + _OVER_FLOOR_DB, speech - _FAR_UNDER_SPEECH_DB)
        if quiet > speech - _UNDER_SPEECH_DB:
            return []
        edges = np.flatnonzero(np.diff(np.concatenate([[False], levels < quiet, [False]]).astype(np.int8)))
        spans = (edges.reshape(-1, 2) + 0.5) * self.hop  # a frame's middle lies one hop, its half, behind its beginning
        return [(float(start), float(stop)) for start, stop in spans if stop - start >= PAUSE_SECONDS]


def is_silent(clip: Clip) -> bool:
    """Return whether a clip, as it was recorded, surely holds no speech; cleaning may have changed its level."""
    return Spectrum.of(clip).is_silent()
