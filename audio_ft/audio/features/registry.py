"""The table of features: name, title, description, shape and unit of each, and the function that computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.audio.features import spectral
from audio_ft.audio.features.spectral import LogMel, mono, of_spectrum, of_wave
from audio_ft.errors import InputError, did_you_mean


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
    compute: Callable[[Clip], NDArray[np.float32]]

    def __call__(self, clip: Clip) -> NDArray[np.float32]:
        """Return the feature of a clip.

        Raises:
            InputError: the clip is empty, or its rate is too low for this feature.
        """
        return self.compute(clip)


# 40 mel bands leave no empty filter at 8 kHz; librosa keeps a range of 80 dB.
_mfcc = partial(of_spectrum, "mfcc", n_mfcc=20, n_mels=40)
# fmt: off
_ROWS = (
    Feature("waveform", "Waveform", "samples over time", "(channels, time)", "channel", "1 = full scale",
            "the samples", lambda clip: clip.samples),
    Feature("spectrogram", "Spectrogram", "level of each frequency over time, by short-time Fourier transform",
            "(bins, frames)", "frequency bin, 40 Hz apart", "dBFS", "librosa.stft", spectral.spectrogram),
    Feature("mel", "Mel spectrogram", "power in frequency bands spaced on the mel scale",
            "(80, frames)", "mel band", "dB", "librosa.feature.melspectrogram",
            lambda clip: LogMel()(mono(clip))),
    Feature("mfcc", "MFCC", "cosine transform of the log-mel spectrum, which describes its shape in few numbers",
            "(20, frames)", "coefficient", "dB", "librosa.feature.mfcc", _mfcc),
    Feature("mfcc_delta", "MFCC, delta", "slope of the MFCC over nine frames",
            "(20, frames)", "coefficient", "dB per frame", "librosa.feature.delta",
            partial(spectral.delta, _mfcc, order=1)),
    Feature("mfcc_delta2", "MFCC, delta-delta", "curvature of the MFCC over nine frames",
            "(20, frames)", "coefficient", "dB per frame²", "librosa.feature.delta",
            partial(spectral.delta, _mfcc, order=2)),
    Feature("gfcc", "GFCC", "like MFCC, with gammatone filters and a cube root instead of the logarithm",
            "(20, frames)", "coefficient", "∛ amplitude", "Patterson 1988; Shao and Wang 2008", spectral.gfcc),
    Feature("chroma", "Chroma", "strength of the twelve pitch classes, whatever the octave",
            "(12, frames)", "pitch class", "1 = strongest of the frame", "librosa.feature.chroma_stft",
            partial(of_spectrum, "chroma_stft", window_seconds=spectral.CHROMA_WINDOW_SECONDS, tuning=0.0)),
    Feature("zero_crossing_rate", "Zero-crossing rate", "how often neighboring samples differ in sign",
            "(1, frames)", "", "share of samples", "librosa.feature.zero_crossing_rate",
            partial(of_wave, "zero_crossing_rate")),
    Feature("rms", "RMS", "root mean square amplitude: how loud",
            "(1, frames)", "", "1 = full scale", "librosa.feature.rms", partial(of_wave, "rms")),
    Feature("spectral_centroid", "Spectral centroid", "mean frequency: how bright",
            "(1, frames)", "", "Hz", "librosa.feature.spectral_centroid", partial(of_spectrum, "spectral_centroid")),
    Feature("spectral_bandwidth", "Spectral bandwidth", "spread of frequencies around the centroid",
            "(1, frames)", "", "Hz", "librosa.feature.spectral_bandwidth", partial(of_spectrum, "spectral_bandwidth")),
    Feature("spectral_rolloff", "Spectral rolloff", "frequency below which 85 % of the magnitude lies",
            "(1, frames)", "", "Hz", "librosa.feature.spectral_rolloff",
            partial(of_spectrum, "spectral_rolloff", roll_percent=0.85)),
    Feature("spectral_contrast", "Spectral contrast", "level of peaks above valleys in each octave: tone or noise",
            f"({spectral.CONTRAST_OCTAVES + 1}, frames), fewer below 12.8 kHz", "octave band", "dB",
            "librosa.feature.spectral_contrast", spectral.spectral_contrast),
)
# fmt: on
FEATURES = {row.name: row for row in _ROWS}


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
        >>> {name: values.shape for name, values in compute(Clip.tone(440, 1.0), ["mfcc", "rms"]).items()}
        {'mfcc': (20, 101), 'rms': (1, 101)}
    """
    chosen = [name for name in FEATURES if name != "waveform"] if names is None else names
    return {name: get_feature(name)(clip) for name in chosen}


def feature_table() -> list[str]:
    """Return the table as lines, two per feature."""
    width = max(map(len, FEATURES)) + 2
    lines = []
    for row in FEATURES.values():
        lines.append(f"{row.name:<{width}}{row.what}")
        lines.append(f"{'':<{width}}{row.shape}; {row.unit}; {row.source}")
    return lines
