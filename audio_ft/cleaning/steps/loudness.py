"""Bring recordings to one loudness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.audio.clip import Clip
from audio_ft.audio.loudness import integrated_loudness
from audio_ft.cleaning.step import Step
from audio_ft.cleaning.steps.normalize import amplified
from audio_ft.settings.rules import number


@dataclass(frozen=True)
class Loudness(Step):
    """Bring the integrated loudness of a clip to `lufs`, with one gain for all channels.

    Loudness is measured as ITU-R BS.1770-5 says: pauses are left out and frequencies weighted as ears do, so a long
    pause or a rumble changes it less than the RMS of `Normalize`. Broadcasters aim at -23 LUFS (EBU R 128). There is no
    limiter: where a sample would exceed full scale, the gain is smaller and the clip gets the note "level held back:
    …". A clip that never exceeds -70 LUFS is returned unchanged.
    """

    lufs: Annotated[float, number(-70, 0, unit="LUFS")] = -23.0

    phrase = "bring the loudness to {lufs:g} LUFS"

    def __call__(self, clip: Clip) -> Clip:
        """Return the clip at the loudness."""
        loudness = integrated_loudness(clip)
        return clip if loudness is None else amplified(clip, 10 ** ((self.lufs - loudness) / 20), "loudness")
