"""Cut silence from both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.audio.filters import zero_phase
from audio_ft.cleaning.step import Step
from audio_ft.settings.rules import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_SECONDS = 0.025
HOP_SECONDS = 0.005
HIGHPASS_ORDER = 4

# Sound shorter than this is a click unless it follows or precedes longer sound as a plosive does ("eigh-t", "si-x").
CLICK_SECONDS = 0.08
PLOSIVE_GAP_SECONDS = 0.25

# Below the last bit of 16-bit audio (its dither has an RMS near -98 dBFS): nothing was recorded.
SILENT_DBFS = -90.0


@dataclass(frozen=True)
class Trim(Step):
    """Cut leading and trailing silence: what stays more than `top_db` below the loudest sound.

    The level is the RMS of 25 ms frames of a copy high-passed at `highpass` Hz (0: none), because offset and rumble
    are as loud in a pause as in speech. The loudest sound is the loudest level held for 80 ms, and shorter sounds count
    only within 250 ms of longer ones, so that a click neither raises the threshold nor saves the silence around it.
    The loudest channel counts, all are cut alike.

    `pad_seconds` stay on both sides of the sound, and at least `min_seconds` in all (or the whole clip, if it is
    shorter), centered on the sound. A clip that is silent throughout (below -90 dBFS) stays as it is and gets the note
    "silent". Noise louder than the threshold is kept: it cannot be told from a soft fricative.
    """

    top_db: Annotated[float, number(0, above=True, unit="dB")] = 40.0
    min_seconds: Annotated[float, number(0, unit="s")] = 0.1
    pad_seconds: Annotated[float, number(0, unit="s")] = 0.05
    highpass: Annotated[float, number(0, unit="Hz")] = 100.0

    def __call__(self, clip: Clip) -> Clip:
        """Return the clip without its silent ends."""
        if clip.length == 0:
            return clip
        span = self.span(clip)
        if span is None:
            return clip.with_note("silent")
        start, stop = span
        return clip if stop - start == clip.length else clip.with_samples(clip.samples[:, start:stop])

    def span(self, clip: Clip) -> tuple[int, int] | None:
        """Return which samples (start, stop) of a clip stay, or None where it is silent throughout."""
        if clip.length == 0:
            return None
        hop = max(1, round(HOP_SECONDS * clip.rate))
        frame = min(max(hop, round(FRAME_SECONDS * clip.rate)), clip.length)
        power = _frame_power(self._heard(clip), frame, hop)
        if power.max() < 10 ** (SILENT_DBFS / 10):
            return None
        first, last = _sounding(power, self.top_db, clip.rate / hop)
        return self._widened(first * hop, last * hop + frame, clip)

    def describe(self) -> str:
        """Return the phrase for the card."""
        return f"cut leading and trailing silence ({self.top_db:g} dB below the loudest sound)"

    def _heard(self, clip: Clip) -> NDArray[np.float64]:
        """Return the copy (channels, time) whose level is measured."""
        if 0 < self.highpass < clip.rate / 2:
            return zero_phase(clip.samples, clip.rate, "highpass", (self.highpass,), HIGHPASS_ORDER)
        return clip.samples.astype(np.float64)

    def _widened(self, start: int, stop: int, clip: Clip) -> tuple[int, int]:
        """Return the samples to keep: the sound, its margin, and no less than the minimum length."""
        margin = round(self.pad_seconds * clip.rate)
        start, stop = max(0, start - margin), min(clip.length, stop + margin)
        least = min(clip.length, round(self.min_seconds * clip.rate))
        if stop - start >= least:
            return start, stop
        start = min(max(0, (start + stop - least) // 2), clip.length - least)
        return start, start + least


def _frame_power(wave: NDArray[np.float64], frame: int, hop: int) -> NDArray[np.float64]:
    """Return the mean power (frames,) of the loudest channel of `wave` (channels, time)."""
    sums = np.cumsum(np.pad(np.square(wave), ((0, 0), (1, 0))), axis=1)
    starts = np.arange(0, wave.shape[1] - frame + hop, hop)
    stops = np.minimum(starts + frame, wave.shape[1])
    # A running sum can leave a difference a hair below zero.
    return np.maximum((sums[:, stops] - sums[:, starts]).max(axis=0), 0) / frame


def _sounding(power: NDArray[np.float64], top_db: float, frames_per_second: float) -> tuple[int, int]:
    """Return the first and the last frame that sound, by the rule in `Trim`."""
    from scipy.ndimage import binary_opening, minimum_filter1d

    held = max(1, min(round(CLICK_SECONDS * frames_per_second), len(power)))
    below = 10 ** (-top_db / 10)
    lasting = minimum_filter1d(power, held, mode="constant", cval=0.0).max()
    # Where nothing lasts but silence, the short sounds are all there is.
    loudest = lasting if lasting >= power.max() * below else power.max()
    active = power >= loudest * below
    core = np.flatnonzero(binary_opening(active, np.ones(held)))
    sounds = np.flatnonzero(active)
    if len(core) == 0:
        return int(sounds[0]), int(sounds[-1])
    reach = round(PLOSIVE_GAP_SECONDS * frames_per_second)
    near = sounds[(sounds >= core[0] - reach) & (sounds <= core[-1] + reach)]
    return int(near[0]), int(near[-1])
