"""Lift the high frequencies that speech is weak in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step


@dataclass(frozen=True)
class PreEmphasis(Step):
    """Lift high frequencies: y[t] = x[t] - coefficient * x[t - 1].

    The sample before the first is taken to equal it (as in Kaldi's feature window), so that an offset starts without
    a click.
    """

    coefficient: float = 0.97

    def check(self) -> None:
        """Refuse a coefficient outside [0, 1]."""
        self.require(0 <= self.coefficient <= 1, "coefficient", "a number from 0 to 1")

    def __call__(self, clip: Clip) -> Clip:
        """Return the emphasized clip."""
        wave = clip.samples.astype(np.float64)
        before = np.concatenate([wave[:, :1], wave[:, :-1]], axis=1)
        return clip.with_samples(wave - self.coefficient * before)

    def describe(self) -> str:
        """Return the phrase for the card."""
        return f"lift high frequencies (pre-emphasis {self.coefficient:g})"
