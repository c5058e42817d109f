"""Pre-emphasis: boost high frequencies, which are weak in speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.cleaning.step import Step
from audio_ft.settings.rules import number


@dataclass(frozen=True)
class PreEmphasis(Step):
    """Boost high frequencies: y[t] = x[t] - coefficient * x[t - 1].

    The first sample counts as its own predecessor (as in Kaldi), so that a DC offset does not start with a click.
    """

    coefficient: Annotated[float, number(0, 1)] = 0.97

    phrase = "boost high frequencies (pre-emphasis {coefficient:g})"

    def __call__(self, clip: Clip) -> Clip:
        """Return the emphasized clip."""
        wave = clip.samples.astype(np.float64)
        before = np.concatenate([wave[:, :1], wave[:, :-1]], axis=1)
        return clip.with_samples(wave - self.coefficient * before)
