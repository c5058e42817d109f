"""Log-mel spectrograms, and arrays as files."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.audio.clip import Clip
from audio_ft.file_io import replacing

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LogMel:
    """Compute log-mel spectrograms, float32 (bands, frames), in dB: 10 log10 of the power in each band, at least -100.

    They equal `librosa.power_to_db(librosa.feature.melspectrogram(...), top_db=None)` with Hann windows of
    `window_seconds` every `hop_seconds`, the Slaney mel scale up to half the rate, and centered frames.

    Example:
        >>> from audio_ft.audio.clip import Clip
        >>> LogMel(bands=80)(Clip.tone(440, seconds=1.0)).shape
        (80, 101)
    """

    bands: int = 80
    window_seconds: float = 0.025
    hop_seconds: float = 0.010

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Return the spectrogram of a clip: (bands, frames), or (channels, bands, frames) for several channels."""
        import librosa

        with warnings.catch_warnings():
            # librosa pads short clips, and at low rates a narrow band may have no bin and stay at -100 dB; fine.
            warnings.simplefilter("ignore", UserWarning)
            power = librosa.feature.melspectrogram(
                y=clip.samples,
                sr=clip.rate,
                n_fft=round(self.window_seconds * clip.rate),
                hop_length=round(self.hop_seconds * clip.rate),
                n_mels=self.bands,
            )
        decibels = librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).astype(np.float32)
        return decibels[0] if clip.channels == 1 else decibels

    def describe(self) -> str:
        """Return a description of the arrays."""
        frames = f"{1000 * self.window_seconds:g} ms every {1000 * self.hop_seconds:g} ms"
        return f"log-mel spectrogram in dB, float32 ({self.bands}, frames): {frames}, as librosa computes it"


def write_array(array: NDArray[np.float32], file: Path) -> None:
    """Write a .npy, whole or not at all; its folder is made.

    Raises:
        InputError: a place that cannot be written.
    """
    with replacing(file, make_parents=True) as unfinished, unfinished.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)


def write_arrays(arrays: Mapping[str, NDArray[Any]], file: Path) -> None:
    """Write a .npz of named arrays, whole or not at all; its folder is made.

    Raises:
        InputError: a place that cannot be written.
    """
    unnamed: Any = np.savez  # its annotation takes a keyword of its own for one of the arrays
    with replacing(file, make_parents=True) as unfinished, unfinished.open("wb") as stream:
        unnamed(stream, **arrays)
