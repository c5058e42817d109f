"""Scores of events in time: by event within a collar, with and without its offset, and by segment.

All are sums over all recordings, and over all classes unless their name says macro or a class, as in sed_eval.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from audio_ft.metrics.base import AudioMetric, Measured, divide, f1, macro, precision, recall
from audio_ft.metrics.event_samples import Criterion
from audio_ft.metrics.units import FloatArray, kish
from audio_ft.metrics.view import View

# Errors cluster in recordings (a noisy one, an unknown voice): the correlation of two events of one recording that is
# assumed until the resamples show another, as for the words of a transcript.
_WITHIN_RECORDING = 0.2


class EventScore(AudioMetric):
    """A `quotient` of counts of events; a subclass says which, and by which `criterion` an event counts as found.

    `names` are the score over all classes and, if there is one, the average of the classes.
    """

    kinds = ("events",)
    criterion: ClassVar[Criterion] = "events"
    quotient: ClassVar[Callable[..., tuple[FloatArray, FloatArray]]] = staticmethod(f1)

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return the score over all classes, the average of the classes, and that of each class."""
        counts = view.sample.tally(cls.criterion)
        found, true, predicted = (view.weights @ counts[:, side] for side in range(3))  # (b, classes)
        each, sizes = cls.quotient(found, true, predicted)
        whole, size = cls.quotient(*(side.sum(axis=1) for side in (found, true, predicted)))
        spread = kish(counts[:, 1].sum(axis=1), _WITHIN_RECORDING)
        scores = {cls.names[0]: Measured(whole, effective=np.maximum(size, 1.0) / spread)}
        if len(cls.names) > 1:
            average = macro(each, sizes)
            effective = None if average.effective is None else average.effective / spread
            scores[cls.names[1]] = Measured(average.values, effective=effective)
        if cls.per_class:
            for label, values, count in zip(view.sample.labels, each.T, sizes.T, strict=True):
                scores[f"{cls.per_class}[{label}]"] = Measured(values, effective=np.maximum(count, 1.0) / spread)
        return scores


class EventF1(EventScore):
    """Harmonic mean of precision and recall of events whose onset and offset are within their collars."""

    names = ("event_f1", "event_f1_macro")
    per_class = "event_f1"


class EventOnsetF1(EventScore):
    """The same for events whose onset is within its collar, whatever their offset is."""

    names = ("event_onset_f1",)
    criterion = "onsets"


class EventPrecision(EventScore):
    """Share of the predicted events that are true ones, with onset and offset within their collars."""

    names = ("event_precision",)
    per_class = "event_precision"
    quotient = staticmethod(precision)


class EventRecall(EventScore):
    """Share of the true events that are predicted, with onset and offset within their collars."""

    names = ("event_recall",)
    per_class = "event_recall"
    quotient = staticmethod(recall)


class SegmentF1(EventScore):
    """Harmonic mean of precision and recall of what sounds in each segment of the time axis."""

    names = ("segment_f1", "segment_f1_macro")
    criterion = "segments"


class SegmentErrorRate(AudioMetric):
    """Classes that are replaced, missed and added in segments, over those that sound (DCASE's error rate)."""

    kinds = ("events",)
    names = ("segment_error_rate",)
    greater_is_better = False
    scale = "rate"

    @classmethod
    def measure(cls, view: View) -> dict[str, Measured]:
        """Return segment_error_rate."""
        true, errors = view.sample.segment_errors.T
        above, below = view.weights @ errors, view.weights @ true
        if not true.any():  # a rate needs something that sounds
            return {cls.names[0]: Measured(np.full(len(above), np.nan))}
        return {cls.names[0]: Measured(divide(above, below), effective=below / kish(true, _WITHIN_RECORDING))}
