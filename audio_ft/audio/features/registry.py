"""The table of features: name, title, description, shape and unit of each, and the function that computes it."""

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
        name: its name in commands and files.
        title: its name in figures.
        what: a description, without a full stop.
        shape: the shape of the array, in words.
        rows: the meaning of one row, "" where there is only one.
        unit: the unit of the values.
        source: the function or paper that defines it.
        compute: the function, from a clip to float32 of that shape.
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
            InputError: the clip is empty, or its rate is too low for this feature.
        """
        return self.compute(clip)


_COEFFICIENTS = f"({measures.MFCC}, frames)"
# fmt: off
_ROWS = (
    Feature("waveform", "Waveform", "samples over time", "(channels, time)", "channel", "1 = full scale",
            "the samples", measures.waveform),
    Feature("spectrogram", "Spectrogram", "level of each frequency over time, by short-time Fourier transform",
            "(bins, frames)", "frequency bin, 40 Hz apart", "dBFS", "librosa.stft", measures.spectrogram),
    Feature("mel", "Mel spectrogram", "power in frequency bands spaced on the mel scale",
            f"({measures.MEL_BANDS}, frames)", "mel band", "dB", "librosa.feature.melspectrogram",
            measures.mel_spectrogram),
    Feature("mfcc", "MFCC", "cosine transform of the log-mel spectrum, which describes its shape in few numbers",
            _COEFFICIENTS, "coefficient", "dB", "librosa.feature.mfcc", measures.mfcc),
    Feature("mfcc_delta", "MFCC, delta", "slope of the MFCC over nine frames",
            _COEFFICIENTS, "coefficient", "dB per frame", "librosa.feature.delta", measures.mfcc_delta),
    Feature("mfcc_delta2", "MFCC, delta-delta", "curvature of the MFCC over nine frames",
            _COEFFICIENTS, "coefficient", "dB per frame²", "librosa.feature.delta", measures.mfcc_delta2),
    Feature("gfcc", "GFCC", "like MFCC, with gammatone filters and a cube root instead of the logarithm",
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
    Feature("spectral_contrast", "Spectral contrast", "level of peaks above valleys in each octave: tone or noise",
            f"({measures.CONTRAST_OCTAVES + 1}, frames), fewer below 12.8 kHz", "octave band", "dB",
            "librosa.feature.spectral_contrast", measures.spectral_contrast),
)
# fmt: on
FEATURES: Mapping[str, Feature] = MappingProxyType({row.name: row for row in _ROWS})


def get_feature(name: str) -> Feature:
    """Return the feature with that name.

    Raises:
        InputError: there is no such feature; the message has the closest names.
    """
    if name in FEATURES:
        return FEATURES[name]
    raise InputError(f"No feature is called {name!r}.{did_you_mean(name, FEATURES, list_all=True)}")


def compute(clip: Clip, names: Iterable[str] | None = None) -> dict[str, NDArray[np.float32]]:
    """Return features of a clip by name; by default all except the waveform.

    Raises:
        InputError: a name is unknown, the clip is empty, or its rate is too low for one of the features.

    Example:
        >>> from audio_ft.audio.clip import Clip
        >>> {name: values.shape for name, values in compute(Clip.tone(440, 1.0), ["mfcc", "rms"]).items()}
        {'mfcc': (20, 101), 'rms': (1, 101)}
    """
    chosen = [name for name in FEATURES if name != "waveform"] if names is None else list(names)
    return {name: get_feature(name)(clip) for name in chosen}


def feature_table() -> str:
    """Return the table for a terminal, two lines per feature."""
    width = max(map(len, FEATURES)) + 2
    lines = []
    for row in FEATURES.values():
        lines.append(f"{row.name:<{width}}{row.what}")
        lines.append(f"{'':<{width}}{row.shape}; {row.unit}; {row.source}")
    return "\n".join(lines)
