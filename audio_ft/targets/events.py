"""Events: what sounds in a recording from when to when, any number of events at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from audio_ft.errors import InputError
from audio_ft.formatting import counted
from audio_ft.metrics.event_samples import Event, EventsSample, Tolerance, as_objects
from audio_ft.metrics.samples import Sample
from audio_ft.targets.base import Array, Target
from audio_ft.targets.cells import Tiers, missing, sorted_names
from audio_ft.targets.event_cells import checked, events_of
from audio_ft.targets.judged import Judged, Lane
from audio_ft.targets.label import CLASS_COLUMNS, Label, class_count
from audio_ft.targets.reading import Form, Reading
from audio_ft.targets.wording import Wording

if TYPE_CHECKING:
    from pandas import DataFrame

Listed = Sequence[Mapping[str, Any]]  # events as tables have them: {onset, offset, label}

# Events of a prediction in one line of the terminal.
SHOWN_EVENTS = 6


@dataclass(frozen=True)
class Events(Target):
    """Events of a recording; predictions and references are sequences of `Event`, objects (clips,).

    A target as tables hold it is a list of {onset, offset, label}, in seconds and in order of time; it may be empty.
    """

    kind = "events"
    wording = Wording(
        short="events",
        cell="the label of the event",
        task="Sound event detection",
        card="It finds events of {count} classes in a recording, several at once if need be, each with onset, offset "
        "and a probability: {labels}.",
        right="predicted without an error",
        errors_title="Recordings with most errors",
        errors_name="recordings with errors",
        errors_order="most missed and added events for each true one first",
    )
    sample: ClassVar[type[Sample]] = EventsSample
    second_score = "segment_f1"
    selection_metric = "event_f1"
    column_names: ClassVar[Tiers] = (("events",), ("event_label", "event"), *CLASS_COLUMNS)
    tags = ("sound-event-detection",)
    overlapping = True
    has_times = True
    constant_name = "no events"
    formats = ("audacity", "rttm", "textgrid", "srt", "vtt")
    storage: ClassVar[Mapping[str, Any]] = {
        "_type": "List",
        "feature": {
            "onset": {"_type": "Value", "dtype": "float64"},
            "offset": {"_type": "Value", "dtype": "float64"},
            "label": Label.storage,
        },
    }

    # Cells of a table.

    @classmethod
    def read(cls, cells: Sequence[Any], form: Form) -> Reading | None:
        """Return each cell as the list of its events; see `events_of`."""
        separator = form.separator or ""
        return Reading(
            [None if missing(cell) else events_of(cell, f"column {form.column!r}", f"row {row}", separator)
             for row, cell in enumerate(cells, start=1)],
            f", separated by {separator!r}" if separator else "",
        )  # fmt: skip

    @classmethod
    def counted(cls, targets: Sequence[Any]) -> str:
        """Return the number of events and of classes."""
        return f"{counted(sum(map(len, targets)), 'event')} of {class_count(cls.names_in(targets))}"

    @classmethod
    def empty(cls, cell: Any) -> bool:
        """Return False: an empty cell is a recording without an event."""
        return False

    @classmethod
    def parse_cell(cls, cell: Any, source: str, key: str) -> list[dict[str, Any]]:
        """Return the events of a cell; those of a label alone get their times from the row."""
        return list(cell) if isinstance(cell, list) else events_of(cell, source, key)

    @classmethod
    def gather(
        cls, parts: Sequence[tuple[Any, float | None, float | None]], length: float | None, source: str, key: str
    ) -> Any:
        """Return the events of a recording's rows, in order of time, each once."""
        found = {}
        for target, start, stop in parts:
            for event in target:
                times = (start or 0.0, length if stop is None else stop)
                onset, offset = times if event["onset"] is None else (event["onset"], event["offset"])
                one = checked(onset, offset, event["label"], source, key)
                found[tuple(one.values())] = one
        return [found[times] for times in sorted(found)]

    @classmethod
    def labels_of(cls, target: Any) -> Sequence[str]:
        """Return the label of each event."""
        return [event["label"] for event in target]

    @classmethod
    def check_train(cls, targets: Sequence[Any]) -> None:
        """Refuse training recordings without a single event."""
        if not any(targets):
            raise InputError("expected events in train, got none; add rows with start, end and label")

    @classmethod
    def summary(cls, targets: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
        """Return how many events each class has, and how many there are, overlap, or how many recordings have none."""
        lists = [list(target) for target in targets if not isinstance(target, str)]
        found = Counter(event["label"] for target in lists for event in target)
        lengths = [event["offset"] - event["onset"] for target in lists for event in target]
        counts = {"all": len(lengths), "overlapping": sum(map(_overlapping, lists)), "without": lists.count([])}
        times = {"median": float(np.median(lengths)), "longest": max(lengths)} if lengths else {}
        return {"classes": {name: found[name] for name in sorted_names(found)}, "events": counts | times}

    # A data set's own target.

    @property
    def tolerance(self) -> Tolerance:
        """Return which events match."""
        rules = self.events
        return Tolerance(rules.segment, rules.collar, rules.offset_collar, rules.offset_share)

    def encode(self, targets: Sequence[Any]) -> Array:
        """Return the events of each recording in order of time (clips,)."""
        position = {label: index for index, label in enumerate(self.names)}
        return as_objects([sorted(_event(one, position) for one in target) for target in targets])

    def checked(self, predictions: Any, references: Any) -> Sample:
        """Return predictions and references as metrics take them, with the collars of `events`."""
        return EventsSample.checked(predictions, references, self.names, tolerance=self.tolerance)

    def balanced_weights(self, references: Array) -> dict[str, float]:
        """Refuse: most frames have no event, and weights would make up for that with false ones."""
        raise InputError(
            'class_weights="balanced" is for clips, and these targets are events; give each label a weight, or leave '
            "it out: thresholds are chosen on the validation split."
        )

    def constant(self, references: Array, count: int) -> Array:
        """Return no event for every recording."""
        return as_objects([()] * count)

    # Predictions as users and files have them.

    def as_dict(self, prediction: Any) -> dict[str, Any]:
        """Return {"events": [{onset, offset, label, probability}, …]}, in order of time."""
        return {"events": [self._named(event) for event in prediction]}

    def _named(self, event: Sequence[Any]) -> dict[str, Any]:
        onset, offset, label, *probability = event
        return {
            "onset": round(float(onset), 3),
            "offset": round(float(offset), 3),
            "label": self.names[label],
            "probability": round(float(probability[0]), 4) if probability else 1.0,
        }

    def as_line(self, prediction: Mapping[str, Any]) -> str:
        """Return the first events with their times in one line."""
        events = prediction["events"]
        shown = [f"{one['label']} {one['onset']:.2f}–{one['offset']:.2f}" for one in events[:SHOWN_EVENTS]]
        more = [f"… {len(events) - SHOWN_EVENTS:,} more"] if len(events) > SHOWN_EVENTS else []
        return ", ".join(shown + more) or "no events"

    def as_text(self, prediction: Mapping[str, Any]) -> str:
        """Return a line for each event: onset, offset, label and probability."""
        return "".join(
            f"{one['onset']:.3f}\t{one['offset']:.3f}\t{one['label']}\t{one['probability']:.3f}\n"
            for one in prediction["events"]
        )

    def segments(self, prediction: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the events, each on the tier of its class."""
        return [
            {"start": one["onset"], "end": one["offset"], "text": one["label"], "tier": one["label"]}
            for one in prediction["events"]
        ]

    def columns(self, predictions: Sequence[dict[str, Any]], targets: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the events of each recording."""
        return {"prediction": [prediction["events"] for prediction in predictions]}

    def stored_predictions(self, table: DataFrame) -> Array:
        """Return the predicted events of each recording (clips,)."""
        return self.encode(list(table["prediction"]))

    def reordered(self, predictions: Array, theirs: Target) -> Array:
        """Return another model's events with the numbers of this target's classes."""
        number = [self.names.index(label) for label in theirs.names]
        return as_objects([[event._replace(label=number[event.label]) for event in each] for each in predictions])

    def describe(self, references: Mapping[str, Array]) -> list[str]:
        """Return the classes with the number of their events in the training split, in one line."""
        counts = Counter(event.label for each in references["train"] for event in each)
        pairs = [f"{label} {counts[index]:,}" for index, label in enumerate(self.names)]
        return [f"events      {sum(counts.values()):,} of {len(pairs)} classes: {', '.join(pairs[:12])}"]

    def judge(self, row: Mapping[str, Any]) -> Judged:
        """Judge a recording by its missed and added events, with onset and offset within their collars."""
        position = {label: index for index, label in enumerate(self.names)}
        truth, guesses = ([_event(one, position) for one in row[side]] for side in ("reference", "prediction"))
        pairs = self.tolerance.pairs(truth, guesses)
        missed, added = len(truth) - len(pairs), len(guesses) - len(pairs)
        return Judged.of(
            row,
            reference=counted(len(truth), "event"),
            prediction=counted(len(guesses), "event"),
            wrong=missed + added > 0,
            badness=(missed + added) / max(len(truth), 1),
            verdict=f"{len(pairs):,} of {len(truth):,} events found, {added:,} added",
            lanes=self._lanes(truth, guesses, pairs),
        )

    def _lanes(self, truth: Sequence[Event], guesses: Sequence[Event], pairs: Mapping[int, int]) -> tuple[Lane, ...]:
        """Return a pair of lanes for each class that is true or predicted: (start, end, whether it was found)."""
        matched = set(pairs.values())
        return tuple(
            Lane(
                label,
                tuple((one.onset, one.offset, place in pairs) for place, one in enumerate(truth) if one.label == code),
                tuple(
                    (one.onset, one.offset, place in matched) for place, one in enumerate(guesses) if one.label == code
                ),
            )
            for code, label in enumerate(self.names)
            if any(one.label == code for one in (*truth, *guesses))
        )

    def lead(self, clips: Sequence[Judged]) -> str:
        """Return how many events of the test recordings are found."""
        true = [one for clip in clips for lane in clip.lanes for one in lane.truth]
        found = sum(is_found for *_, is_found in true)
        return f"{found:,} of {len(true):,} events in {len(clips):,} test recordings are found"


def _event(one: Mapping[str, Any], position: Mapping[str, int]) -> Event:
    return Event(float(one["onset"]), float(one["offset"]), position[str(one["label"])])


def _overlapping(events: Listed) -> int:
    """Return how many events begin before an earlier one has ended."""
    count, end = 0, 0.0
    for event in sorted(events, key=lambda one: (one["onset"], one["offset"])):
        count += event["onset"] < end
        end = max(end, event["offset"])
    return count
