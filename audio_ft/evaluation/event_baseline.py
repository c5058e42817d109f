"""The usual way to events without a network for frames: cut at the pauses, and classify the pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip
from audio_ft.audio.vad import Spectrum
from audio_ft.metrics.event_samples import Event, as_objects

Wave = NDArray[np.float32]

# Shorter pieces between two pauses are clicks.
SHORTEST_SECONDS = 0.05


def sounds(wave: Wave, rate: int) -> list[tuple[float, float]]:
    """Return (start, stop) in seconds of what lies between the pauses of a clean recording (time,)."""
    spectrum = Spectrum.of(Clip(wave, rate))
    if spectrum.is_silent():
        return []
    pauses = spectrum.pauses()
    starts = [0.0, *(stop for _, stop in pauses)]
    stops = [*(start for start, _ in pauses), len(wave) / rate]
    return [(start, stop) for start, stop in zip(starts, stops, strict=True) if stop - start >= SHORTEST_SECONDS]


def cut_at_pauses(
    references: Sequence[Sequence[Event]],
    train: Iterable[Wave],
    test: Iterable[Wave],
    rate: int,
    features: Callable[[Iterator[Wave], int], NDArray[np.float64]],
    classify: Callable[[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[Any]:
    """Return an event for each piece between two pauses of the test recordings, objects (recordings,).

    Args:
        references: the true events of the training recordings.
        train: the training recordings, clean samples (time,) at `rate` Hz.
        test: the recordings to predict.
        rate: their rate in Hz.
        features: returns the features (pieces, k) of so many pieces (time,).
        classify: returns probabilities (n, classes) for features (n, k), learned from features and class ids.
    """
    learned = [
        (wave[int(event.onset * rate) : int(event.offset * rate)], event.label)
        for wave, events in zip(train, references, strict=True)
        for event in events
    ]
    pieces, spans = [piece for piece, _ in learned], list[list[tuple[float, float]]]()
    for wave in test:
        spans.append(sounds(wave, rate))
        pieces += [wave[int(start * rate) : int(stop * rate)] for start, stop in spans[-1]]
    if len(pieces) == len(learned):
        return as_objects([()] * len(spans))
    found = features(iter(pieces), len(pieces))
    known, others = found[: len(learned)], found[len(learned) :]
    labels = iter(classify(known, np.asarray([label for _, label in learned]), others).argmax(1).tolist())
    return as_objects([[Event(start, stop, next(labels)) for start, stop in each] for each in spans])
