"""Voice activity: where a recording pauses, and whether it may contain speech at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip

FRAME_SECONDS = 0.032
# DC offset and rumble are as loud in pauses as in speech, and above 8 kHz speech adds nothing that helps to find it.
SPEECH_BAND_HZ = (100.0, 8_000.0)
# A syllable lasts 100 ms or more; a click does not.
SYLLABLE_SECONDS = 0.1
BAND_HZ = 500.0

SILENT_DBFS = -70.0
"""A clip that never reaches this level for 100 ms has no speech; speech 10 dB louder is faint but audible."""
STEADY_DB = 4.0
"""A clip in which no 500 Hz band rises this far above its own median for 100 ms is steady noise.

Measured: white, pink and brown noise, mains hum and dither of 3 s to 30 s rise by at most 3.0 dB (1,080 examples); a
single word or prompt in 20 s of noise at 0 dB SNR rises by at least 8.6 dB (900 examples; at -5 dB SNR: 4.6 dB);
prompts longer than 2 s at 0 dB SNR rise by at least 7.4 dB."""
STEADY_SECONDS = 2.0
"""In a shorter recording a word may fill most of the time, so that the median is speech and not noise."""

# A pause is close to the noise floor (the 5th percentile of the frame levels) and well below the typical speech level.
_FLOOR_PERCENT = 5.0
_OVER_FLOOR_DB, _ACTIVE_DB, _UNDER_SPEECH_DB, _FAR_UNDER_SPEECH_DB = 6.0, 12.0, 12.0, 40.0
# Closures of plosives last up to 150 ms and are not pauses.
PAUSE_SECONDS = 0.3
# A bin 60 dB below the average bin holds only the window's leakage from a hum, or rounding errors.
_LEAKAGE = 1e-6
_TINY = 1e-20


@dataclass(frozen=True)
class Spectrum:
    """Hold the power spectrum (frames, bins) of a clip from 100 Hz to 8 kHz; a frame's sum is its mean square.

    `hop` is the time between two frames in seconds, `width` the distance of two bins in Hz.
    """

    power: NDArray[np.float32]
    hop: float
    width: float

    @classmethod
    def of(cls, clip: Clip) -> Spectrum:
        """Return the spectrum of a clip, averaged over its channels after squaring: channels cannot cancel."""
        size = max(4, round(FRAME_SECONDS * clip.rate))
        hop = size // 2
        window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
        hertz = np.fft.rfftfreq(size, 1 / clip.rate)
        in_band = (hertz >= SPEECH_BAND_HZ[0]) & (hertz <= SPEECH_BAND_HZ[1])
        scale = np.float32(2 / (size * np.square(window).sum() * clip.channels))

        def power(channel: NDArray[np.float32]) -> NDArray[np.float32]:
            wave = np.pad(channel, (0, max(0, size - len(channel))))
            frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop] * window
            return np.square(np.abs(np.fft.rfft(frames, axis=1)[:, in_band])).astype(np.float32) * scale

        return cls(reduce(np.add, map(power, clip.samples)), hop / clip.rate, float(hertz[1]))

    def until(self, seconds: float) -> Spectrum:
        """Return the frames that start in the first `seconds`."""
        return Spectrum(self.power[: max(1, round(seconds / self.hop))], self.hop, self.width)

    def levels(self) -> NDArray[np.float64]:
        """Return the level of each frame in dBFS (an RMS of 1 is 0 dBFS): (frames,)."""
        return np.asarray(10 * np.log10(self.power.sum(axis=1, dtype=np.float64) + _TINY))

    @property
    def syllable_frames(self) -> int:
        """Return the number of frames that start in 100 ms, at most that of the clip."""
        return min(max(1, round(SYLLABLE_SECONDS / self.hop)), len(self.power))

    def loudest(self) -> float:
        """Return the highest level in dBFS that is held for 100 ms; shorter clicks do not count."""
        return float(np.lib.stride_tricks.sliding_window_view(self.levels(), self.syllable_frames).min(axis=1).max())

    def rise(self) -> float:
        """Return the largest rise in dB of a 500 Hz band above its noise level that is held for 100 ms.

        Each bin is divided by its own noise level, so noise of any color counts as white. The noise level is the
        median over time divided by ln 2: the power of Gaussian noise is distributed exponentially.
        """
        noise = np.median(self.power, axis=0) / np.log(2)
        relative = self.power / (noise + _LEAKAGE * noise.mean() + _TINY)
        bins = max(1, round(BAND_HZ / self.width))
        bands = max(1, relative.shape[1] // bins)
        banded = relative[:, : bands * bins].reshape(len(relative), bands, -1).mean(axis=2)
        sums = np.cumsum(np.pad(banded, ((1, 0), (0, 0))), axis=0, dtype=np.float64)
        held = (sums[self.syllable_frames :] - sums[: -self.syllable_frames]).max() / self.syllable_frames
        return float(10 * np.log10(held + _TINY))

    def is_silent(self) -> bool:
        """Return whether the clip certainly has no speech: it is too quiet, or steady noise only."""
        if self.loudest() < SILENT_DBFS:
            return True
        return len(self.power) * self.hop >= STEADY_SECONDS and self.rise() < STEADY_DB

    def pauses(self) -> list[tuple[float, float]]:
        """Return (start, stop) in seconds of certain pauses of at least 0.3 s; none where noise hides them."""
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
        spans = (edges.reshape(-1, 2) + 0.5) * self.hop  # from the index of a frame to the time of its center
        return [(float(start), float(stop)) for start, stop in spans if stop - start >= PAUSE_SECONDS]


def is_silent(clip: Clip) -> bool:
    """Return whether a recording certainly has no speech. Pass the original clip: cleaning changes the level.

    Example:
        >>> is_silent(Clip.noise(3.0))
        True
    """
    return Spectrum.of(clip).is_silent()
