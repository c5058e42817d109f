"""Trim silence from both ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.audio.filters import zero_phase
from audio_ft.cleaning.step import Cut
from audio_ft.settings.rules import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_SECONDS = 0.025
HOP_SECONDS = 0.005
HIGHPASS_ORDER = 4

# Sound shorter than this is a click, unless it is close to longer sound like a plosive ("eigh-t", "si-x").
CLICK_SECONDS = 0.08
PLOSIVE_GAP_SECONDS = 0.25

# A day of silence is more than any recording.
MOST_SECONDS = 86_400
# Between the RMS of 16-bit dither (about -98 dBFS) and the faintest recordings.
SILENT_DBFS = -90.0


@dataclass(frozen=True)
class Trim(Cut):
    """Cut leading and trailing silence: everything more than `top_db` dB below the loudest sound.

    The level is the RMS of 25 ms frames of a copy high-passed at `highpass` Hz (0: not filtered), because DC offset and
    rumble are as loud in pauses as in speech. The loudest sound is the highest level held for 80 ms, and shorter sounds
    count only within 250 ms of longer ones, so that a click neither raises the threshold nor keeps the silence around
    it. The level of the loudest channel counts; all channels are cut at the same time.

    `pad_seconds` of silence are kept on both sides, and at least `min_seconds` in total (or the whole clip, if it is
    shorter), centered on the sound. A silent clip (below -90 dBFS) is returned with the note "silent". Noise louder
    than the threshold is kept: it could be a soft fricative.
    """

    top_db: Annotated[float, number(0, above=True, unit="dB")] = 40.0
    min_seconds: Annotated[float, number(0, MOST_SECONDS, unit="s")] = 0.1
    pad_seconds: Annotated[float, number(0, MOST_SECONDS, unit="s")] = 0.05
    highpass: Annotated[float, number(0, unit="Hz")] = 100.0

    phrase = "cut leading and trailing silence ({top_db:g} dB below the loudest sound)"

    def span(self, clip: Clip) -> tuple[int, int] | None:
        """Return the samples (start, stop) of a clip to keep, or None if it is silent."""
        if clip.length == 0:
            return None
        hop = max(1, round(HOP_SECONDS * clip.rate))
        frame = min(max(hop, round(FRAME_SECONDS * clip.rate)), clip.length)
        power = _frame_power(zero_phase(clip.samples, clip.rate, low=self.highpass, order=HIGHPASS_ORDER), frame, hop)
        if power.max() < 10 ** (SILENT_DBFS / 10):
            return None
        first, last = _sound_range(power, self.top_db, clip.rate / hop)
        return padded(first * hop, last * hop + frame, clip, self.pad_seconds, self.min_seconds)


def padded(start: int, stop: int, clip: Clip, pad_seconds: float, min_seconds: float) -> tuple[int, int]:
    """Return (start, stop) of the sound of a clip with padding and at least the minimum length."""
    margin = round(pad_seconds * clip.rate)
    start, stop = max(0, start - margin), min(clip.length, stop + margin)
    minimum = min(clip.length, round(min_seconds * clip.rate))
    if stop - start >= minimum:
        return start, stop
    start = min(max(0, (start + stop - minimum) // 2), clip.length - minimum)
    return start, start + minimum


def _frame_power(wave: NDArray[np.float32], frame: int, hop: int) -> NDArray[np.float64]:
    """Return the mean power (frames,) of the loudest channel of `wave` (channels, time)."""
    sums = np.zeros((len(wave), wave.shape[1] + 1))
    np.cumsum(np.square(wave), axis=1, dtype=np.float64, out=sums[:, 1:])
    starts = np.arange(0, wave.shape[1] - frame + hop, hop)
    stops = np.minimum(starts + frame, wave.shape[1])
    # Differences of a running sum can be slightly negative.
    return np.maximum((sums[:, stops] - sums[:, starts]).max(axis=0), 0) / frame


def _sound_range(power: NDArray[np.float64], top_db: float, frames_per_second: float) -> tuple[int, int]:
    """Return the first and the last frame with sound, by the rule in `Trim`."""
    from scipy.ndimage import binary_opening, minimum_filter1d

    held = max(1, min(round(CLICK_SECONDS * frames_per_second), len(power)))
    below = 10 ** (-top_db / 10)
    lasting = minimum_filter1d(power, held, mode="constant", cval=0.0).max()
    # If no sound is held that long, the short sounds are the sound.
    loudest = lasting if lasting >= power.max() * below else power.max()
    active = power >= loudest * below
    core = np.flatnonzero(binary_opening(active, np.ones(held)))
    sounds = np.flatnonzero(active)
    if len(core) == 0:
        return int(sounds[0]), int(sounds[-1])
    reach = round(PLOSIVE_GAP_SECONDS * frames_per_second)
    near = sounds[(sounds >= core[0] - reach) & (sounds <= core[-1] + reach)]
    return int(near[0]), int(near[-1])
