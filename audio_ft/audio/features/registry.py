"""The table of features: what each is called, what it is, its shape and unit, and what computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.audio.features import spectral as measures
from audio_ft.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.audio.clip import Clip

Compute = Callable[["Clip"], "NDArray[np.float32]"]


@dataclass(frozen=True)
class Feature:
    """Describe one feature.

    Attributes:
        name: what commands and files call it.
        title: what figures call it.
        what: what it is, in a sentence without a full stop.
        shape: the array's shape, in words.
        rows: what one row is, "" where there is one row only.
        unit: the values' unit, "1" for plain numbers.
        source: the function or paper that defines it.
        compute: takes a clip, returns float32 of that shape.
    """

    name: str
    title: str
    what: str
    shape: str
    rows: str
    unit: str
    source: str
    compute: Compute

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Return the feature of a clip.

        Raises:
            InputError: an empty clip, or a rate that is too low for it.
        """
        return self.compute(clip)


_COEFFICIENTS = f"({measures.MFCC}, frames)"
# fmt: off
_ROWS = (
    Feature("waveform", "Waveform", "samples over time", "(channels, time)", "channel", "1 = full scale",
            "the recording itself", measures.waveform),
    Feature("spectrogram", "Spectrogram", "level of each frequency over time, by short-time Fourier transform",
            "(bins, frames)", "frequency bin, 40 Hz apart", "dBFS", "librosa.stft", measures.spectrogram),
    Feature("mel", "Mel spectrogram", "power in bands that widen as the ear's do",
            f"({measures.MEL_BANDS}, frames)", "mel band", "dB", "librosa.feature.melspectrogram",
            measures.mel_spectrogram),
    Feature("mfcc", "MFCC", "shape of the mel spectrum in few numbers: its cosine transform",
            _COEFFICIENTS, "coefficient", "dB", "librosa.feature.mfcc", measures.mfcc),
    Feature("mfcc_delta", "MFCC, delta", "slope of the MFCC over nine frames",
            _COEFFICIENTS, "coefficient", "dB a frame", "librosa.feature.delta", measures.mfcc_delta),
    Feature("mfcc_delta2", "MFCC, delta-delta", "curvature of the MFCC over nine frames",
            _COEFFICIENTS, "coefficient", "dB a frame²", "librosa.feature.delta", measures.mfcc_delta2),
    Feature("gfcc", "GFCC", "as MFCC, with the ear's gammatone filters and a cube root for the logarithm",
            "(20, frames)", "coefficient", "∛ amplitude", "Patterson 1988; Shao and Wang 2008",
            measures.gfcc),
    Feature("chroma", "Chroma", "strength of the twelve pitch classes, whatever the octave",
            "(12, frames)", "pitch class", "1 = strongest of the frame", "librosa.feature.chroma_stft",
            measures.chroma),
    Feature("zero_crossing_rate", "Zero-crossing rate", "how often neighboring samples differ in sign",
            "(1, frames)", "", "share of samples", "librosa.feature.zero_crossing_rate", measures.zero_crossing_rate),
    Feature("rms", "RMS", "root mean square amplitude: how loud",
            "(1, frames)", "", "1 = full scale", "librosa.feature.rms", measures.rms),
    Feature("spectral_centroid", "Spectral centroid", "mean frequency: how bright",
            "(1, frames)", "", "Hz", "librosa.feature.spectral_centroid", measures.spectral_centroid),
    Feature("spectral_bandwidth", "Spectral bandwidth", "spread of frequencies around the centroid",
            "(1, frames)", "", "Hz", "librosa.feature.spectral_bandwidth", measures.spectral_bandwidth),
    Feature("spectral_rolloff", "Spectral rolloff", "frequency below which 85 % of the magnitude lies",
            "(1, frames)", "", "Hz", "librosa.feature.spectral_rolloff", measures.spectral_rolloff),
    Feature("spectral_contrast", "Spectral contrast", "how far peaks stand above valleys, by octave: tone or noise",
            f"({measures.CONTRAST_OCTAVES + 1}, frames), fewer below 12.8 kHz", "octave band", "dB",
            "librosa.feature.spectral_contrast", measures.spectral_contrast),
)
# fmt: on
FEATURES: Mapping[str, Feature] = MappingProxyType({feature.name: feature for feature in _ROWS})


def named(name: str) -> Feature:
    """Return the feature of that name.

    Raises:
        InputError: there is none; the message names the closest ones.
    """
    if name in FEATURES:
        return FEATURES[name]
    raise InputError(f"No feature is called {name!r}.{did_you_mean(name, FEATURES, list_all=True)}")


def compute(clip: Clip, names: Iterable[str] | None = None) -> dict[str, NDArray[np.float32]]:
    """Return the features of a clip by name: those asked for, or all but the waveform.

    Raises:
        InputError: an unknown name, an empty clip, or a rate that is too low for one of them.
    """
    chosen = [name for name in FEATURES if name != "waveform"] if names is None else list(names)
    return {name: named(name)(clip) for name in chosen}


def described() -> str:
    """Return the table for a terminal, two lines a feature."""
    width = max(map(len, FEATURES)) + 2
    lines = []
    for feature in FEATURES.values():
        lines.append(f"{feature.name:<{width}}{feature.what}")
        lines.append(f"{'':<{width}}{feature.shape}; {feature.unit}; {feature.source}")
    return "\n".join(lines)
