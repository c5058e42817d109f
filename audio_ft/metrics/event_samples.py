"""Predicted and true events of recordings, and the counts that their scores are made of, as sed_eval defines them.

Mesaros, Heittola and Virtanen 2016, Metrics for polyphonic sound event detection, Applied Sciences 6:162.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.metrics.samples import Names, Sample
from audio_ft.metrics.units import NO_CLIPS, FloatArray

# What is compared: onsets, onsets and offsets, or what sounds in each segment.
Criterion = Literal["onsets", "events", "segments"]
# Times are decimals: 0.7 - 0.5 is within a collar of 0.2, whatever floats say.
_ROUNDING = 1e-9


class Event(NamedTuple):
    """One event: its onset and offset in seconds, and the number of its class."""

    onset: float
    offset: float
    label: int


@dataclass(frozen=True)
class Tolerance:
    """Say which events match; see `audio_ft.targets.detection.Detection` for the settings, all but a share in seconds.

    `events` match where they have one class, and onsets (and offsets) that are close enough.
    """

    segment: float = 1.0
    collar: float = 0.2
    offset_collar: float = 0.2
    offset_share: float = 0.2

    def matches(self, truth: Event, guess: Event, *, offsets: bool = True) -> bool:
        """Return whether a predicted event is close enough to a true one of its class."""
        if abs(truth.onset - guess.onset) > self.collar + _ROUNDING:
            return False
        room = max(self.offset_collar, self.offset_share * (truth.offset - truth.onset))
        return not offsets or abs(truth.offset - guess.offset) <= room + _ROUNDING

    def pairs(self, truth: Sequence[Event], guesses: Sequence[Event], *, offsets: bool = True) -> dict[int, int]:
        """Return the largest set of pairs of one class that match, {index in truth: index in guesses}."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import maximum_bipartite_matching

        possible = np.array(
            [[one.label == two.label and self.matches(one, two, offsets=offsets) for two in guesses] for one in truth],
            bool,
        ).reshape(len(truth), len(guesses))
        if not possible.any():
            return {}
        of = maximum_bipartite_matching(csr_array(possible), perm_type="column")
        return {index: int(other) for index, other in enumerate(of) if other >= 0}

    def active(self, events: Iterable[Event]) -> set[tuple[int, int]]:
        """Return the pairs (segment, class) in which a class sounds."""
        return {
            (segment, event.label)
            for event in events
            for segment in range(
                math.floor(event.onset / self.segment + _ROUNDING), math.ceil(event.offset / self.segment - _ROUNDING)
            )
        }


@dataclass(frozen=True)
class EventsSample(Sample):
    """Events of recordings: both objects (n,), each a sequence of `Event`; `tolerance` says which of them match.

    In `evaluate`, which has no such type, a recording's events are JSON text, [[onset, offset, class], …].
    """

    tolerance: Tolerance = Tolerance()

    kind, compared_by = "events", "event_f1"
    dtypes = (("string", "string"),)

    @classmethod
    def checked(
        cls,
        predictions: Any,
        references: Any,
        labels: Names = (),
        language: str | None = None,
        tolerance: Tolerance | None = None,
    ) -> EventsSample:
        """Validate lists of events, one a recording; see `Sample.checked`."""
        if len(predictions) != len(references):
            raise InputError(
                "predictions and references must be one list of events a clip on both sides, not "
                f"{len(predictions)} and {len(references)}"
            )
        if not len(references):
            raise InputError(NO_CLIPS)
        guesses, truth = ([_events(each) for each in side] for side in (predictions, references))
        most = max((event.label for side in (guesses, truth) for each in side for event in each), default=-1)
        if labels and most >= len(labels):
            raise InputError(f"an event has class {most}, and {len(labels)} labels were given")
        names = tuple(labels) or tuple(map(str, range(most + 1)))
        return cls(as_objects(guesses), as_objects(truth), names, language, tolerance or Tolerance())

    def tally(self, criterion: Criterion) -> FloatArray:
        """Count for each recording and class the matched, true and predicted events (or segments): (n, 3, classes)."""
        if criterion not in self._tallies:
            count = self._segments if criterion == "segments" else self._events_of(criterion == "events")
            found = np.zeros((len(self), 3, len(self.labels)))
            for row, truth, guesses in zip(found, self.references, self.predictions, strict=True):
                for counts, side in zip(row, count(truth, guesses), strict=True):
                    np.add.at(counts, list(side), 1)
            self._tallies[criterion] = found
        return self._tallies[criterion]

    def _segments(self, truth: Sequence[Event], guesses: Sequence[Event]) -> tuple[list[int], ...]:
        one, two = self.tolerance.active(truth), self.tolerance.active(guesses)
        return tuple([label for _, label in side] for side in (one & two, one, two))

    def _events_of(self, offsets: bool) -> Callable[..., tuple[list[int], ...]]:
        def count(truth: Sequence[Event], guesses: Sequence[Event]) -> tuple[list[int], ...]:
            pairs = self.tolerance.pairs(truth, guesses, offsets=offsets)
            sides = [truth[index] for index in pairs], truth, guesses
            return tuple([event.label for event in side] for side in sides)

        return count

    @cached_property
    def segment_errors(self) -> FloatArray:
        """Count for each recording the pairs of segment and class that sound, and the errors in them: (n, 2).

        In a segment, one class too many and one missed are one error, a replacement.
        """
        rows = []
        for truth, guesses in zip(self.references, self.predictions, strict=True):
            one, two = self.tolerance.active(truth), self.tolerance.active(guesses)
            missed, added = (Counter(segment for segment, _ in side) for side in (one - two, two - one))
            rows.append((len(one), sum((missed | added).values())))
        return np.array(rows, np.float64)

    @cached_property
    def _tallies(self) -> dict[Criterion, FloatArray]:
        return {}


def as_objects(lists: Sequence[Any]) -> NDArray[Any]:
    """Return lists as an array of objects (n,), which numpy would make a table of where they are equally long."""
    array = np.empty(len(lists), object)
    array[:] = [tuple(each) for each in lists]
    return array


def _events(events: Any) -> tuple[Event, ...]:
    """Return the events of one recording, in order of time.

    Raises:
        InputError: one has no finite onset and a later offset.
    """
    plain = json.loads(events) if isinstance(events, str) else events
    # A predicted event may also have its probability.
    found = sorted(Event(float(event[0]), float(event[1]), int(event[2])) for event in plain)
    bad = next((event for event in found if not 0 <= event.onset < event.offset < math.inf), None)
    if bad is not None:
        raise InputError(f"an event lasts from {bad.onset:g} to {bad.offset:g} s; expected a later end than start")
    return tuple(found)
