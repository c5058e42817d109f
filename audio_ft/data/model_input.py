"""The input of a model as features to prepare: what a checkpoint's own extractor makes of a clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.audio.windows import windows
from audio_ft.errors import InputError
from audio_ft.models.base import Adapter


@dataclass(frozen=True)
class ModelInput:
    """Compute the features of a clip with a checkpoint's own extractor, without padding.

    A clip longer than the checkpoint's window gives one array a window, stacked.
    """

    adapter: Adapter
    model: str

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Return float32 (time,) for raw-wave models and (mel, frames) for Whisper, or these stacked.

        Raises:
            InputError: the clip has several channels or another rate than the model's.
        """
        if clip.rate != self.adapter.sample_rate or clip.channels != 1:
            raise InputError(
                f"The chain returns {clip.channels} channels at {clip.rate:,} Hz, and {self.model} expects one at "
                f"{self.adapter.sample_rate:,} Hz; add Resample({self.adapter.sample_rate}) and Mono() to the chain."
            )
        size = round(self.adapter.window * clip.rate)
        parts = [self._features(clip.samples[0][start:stop]) for start, stop in windows(clip.length, size)]
        return parts[0] if len(parts) == 1 else np.stack(parts)

    def _features(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the features of one window."""
        features = self.adapter.extract(samples)
        for name, values in self.adapter.collate([features]).items():
            if name in features:
                return np.asarray(values[0], np.float32)[..., : np.shape(features[name])[-1]]
        raise InputError(
            f"{self.model}: its extractor returns no features under a known name; prepare log-mel features instead."
        )

    def describe(self) -> str:
        """Describe the arrays."""
        return f"float32 input of {self.model}, by its own feature extractor, without padding"
