"""Mix down to one channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from audio_ft.audio.channels import mixdown
from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step
from audio_ft.errors import AudioError
from audio_ft.settings.rules import whole


@dataclass(frozen=True)
class Mono(Step):
    """Average the channels, or keep only `channel` (counted from 0).

    Where the power of the average, without DC offset, is more than 15 dB below the channels' mean power, the channels
    cancel each other: the loudest channel is kept instead, and the clip gets the note "anti-phase stereo: …".
    """

    channel: Annotated[int | None, whole(0)] = None

    def __call__(self, clip: Clip) -> Clip:
        """Return the clip with one channel.

        Raises:
            AudioError: the clip does not have `channel`.
        """
        if self.channel is not None:
            if self.channel >= clip.channels:
                raise AudioError("clip", f"no channel {self.channel}: the clip has {clip.channels}, counted from 0")
            return clip.with_samples(clip.samples[self.channel : self.channel + 1])
        return mixdown(clip)

    def describe(self) -> str:
        """Return the phrase for the card."""
        return "average the channels" if self.channel is None else f"keep channel {self.channel}"
