"""How long recordings are by their headers, and how many bytes their cache will have."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from audio_ft.audio.clip import probe
from audio_ft.audio.codec.packed import place_in, seconds_of
from audio_ft.audio.codec.source import Part
from audio_ft.cleaning.place import places_of, source_of
from audio_ft.errors import AudioError

if TYPE_CHECKING:
    from datasets import Dataset
    from numpy.typing import NDArray

# Bytes of a fingerprint for each second.
FINGERPRINT = 1_000


def expected_bytes(seconds: float, sample_rate: int) -> int:
    """Estimate the size in bytes of the cache for `seconds` of audio: 16 bits a sample, and the fingerprint."""
    return round(seconds * (2 * sample_rate + FINGERPRINT))


def estimate_seconds(split: Dataset, sample: int = 500) -> float:
    """Estimate the duration of a split in seconds, from the headers of at most `sample` recordings."""
    durations = header_seconds(split, sample)
    return float(np.mean(durations) * len(split)) if len(durations) else 0.0


def header_seconds(split: Dataset, sample: int = 500) -> NDArray[np.float64]:
    """Return the durations in seconds in the headers of at most `sample` evenly spaced recordings."""
    chosen = np.unique(np.linspace(0, len(split) - 1, min(sample, len(split))).astype(int))
    durations = []
    for place in places_of(split, chosen):
        source = source_of(place)
        if isinstance(source, Part) and source.stop is not None:
            durations.append(source.stop - source.start)
            continue
        if isinstance(source, str) and (packed := place_in(source)):
            durations.append(seconds_of(*packed))
            continue
        with suppress(AudioError):  # the map reads this file too and records the reason
            durations.append(probe(source).seconds)
    return np.asarray(durations, np.float64)
