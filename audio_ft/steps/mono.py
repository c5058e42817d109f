"""Bring every clip to one channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio_ft.clip import Clip
from audio_ft.errors import AudioError
from audio_ft.step import Step

# Channels with nothing in common lose 3 dB when averaged, one silent side of a stereo pair 3 dB as well; a loss of
# 15 dB takes a correlation below -0.93, which only happens when one side was wired or coded with its sign turned.
CANCELLED_DB = -15.0


@dataclass(frozen=True)
class Mono(Step):
    """Average the channels, or keep one of them (`channel`, counted from 0).

    When the average lies more than 15 dB below the channels' mean power (offsets aside), the channels cancel each
    other: the loudest one is kept instead and the clip gets the note "anti-phase stereo: …".
    """

    channel: int | None = None

    def check(self) -> None:
        """Refuse a negative channel."""
        self.require(self.channel is None or self.channel >= 0, "channel", "a channel from 0 up, or none to average")

    def __call__(self, clip: Clip) -> Clip:
        """Return the clip with one channel.

        Raises:
            AudioError: a clip without the channel asked for.
        """
        if self.channel is not None:
            if self.channel >= clip.channels:
                raise AudioError("clip", f"no channel {self.channel}: it has {clip.channels}, counted from 0")
            return clip.with_samples(clip.samples[self.channel : self.channel + 1])
        if clip.channels == 1 or clip.length == 0:
            return clip.with_samples(clip.samples[:1])
        average = clip.samples.mean(axis=0, keepdims=True, dtype=np.float64)
        powers = clip.samples.var(axis=1, dtype=np.float64)
        if average.var() < powers.mean() * 10 ** (CANCELLED_DB / 10):
            loudest = int(np.argmax(powers))
            kept = clip.with_samples(clip.samples[loudest : loudest + 1])
            return kept.noting(f"anti-phase stereo: the channels cancel each other, channel {loudest} kept")
        return clip.with_samples(average)

    def describe(self) -> str:
        """Return the phrase for the card."""
        return "average the channels" if self.channel is None else f"keep channel {self.channel}"
