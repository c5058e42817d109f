"""Sounds: the labels of each turn, or events with their onset and offset while they go on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from audio_ft.audio.clip import Clip
from audio_ft.inference.streaming.listener import PAD_SECONDS, Listener, Message
from audio_ft.inference.streaming.voice import Turns

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model
    from audio_ft.inference.streaming.voice import Detector

# Labels in the line of a turn.
SHOWN_LABELS = 3
# How often the last window of a model of events is computed (s), and how far from its end an event must be to have
# ended: the frames before the end of a recording have seen nothing of what follows.
STEP_SECONDS, SETTLED_SECONDS = 1.0, 0.5


class TurnLabels(Listener):
    """Predict each turn when it has ended: labels of all classes, or a number."""

    def __init__(self, model: Model, detector: Detector) -> None:
        super().__init__(model)
        self._turns = Turns(detector)
        self._begin: float | None = None
        self._ended = 0.0

    def _after(self, chunk: Clip) -> Iterator[Message]:
        for mark in self._turns.feed(chunk):
            if mark.begins:
                self._begin = max(self._ended, mark.seconds)
            elif self._begin is not None:
                yield self._predicted(mark.seconds)
        if self._begin is None:
            self.recent.forget(self.received - 2 * PAD_SECONDS - 1)
        elif self.received - self._begin > self.model.adapter.longest_window:
            yield self._predicted(self.received)
            self._begin = self.received

    def end(self) -> Iterator[Message]:
        """Yield the prediction for a turn that nothing follows."""
        if self._begin is not None and self.received > self._begin:
            yield self._predicted(self.received)

    def _predicted(self, stop: float) -> Message:
        begin, self._begin, self._ended = self._begin or 0.0, None, stop
        prediction = self.model(self.recent.part(max(0.0, begin - PAD_SECONDS), stop + PAD_SECONDS))
        target = self.model.task.target
        self.recent.forget(stop - PAD_SECONDS)
        shown = dict(islice(prediction.items(), SHOWN_LABELS)) if target.ranked else prediction
        return Message("turn", begin, stop, target.as_json(prediction), target.as_line(shown))


class Sounds(Listener):
    """Find events in the last window of audio, again and again: their onset early, their offset when they end."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._computed = 0.0
        self._open: dict[str, dict[str, Any]] = {}  # the event that goes on, by class
        self._closed: dict[str, float] = {}  # the last offset, by class

    def _after(self, chunk: Clip) -> Iterator[Message]:
        if self.received - self._computed >= STEP_SECONDS:
            yield from self._events(self.received - SETTLED_SECONDS)

    def end(self) -> Iterator[Message]:
        """Yield the events that nothing follows."""
        if self.received:
            yield from self._events(self.received)

    def _events(self, settled: float) -> Iterator[Message]:
        """Yield what is new in the last window; what ends after `settled` seconds goes on."""
        self._computed, window = self.received, self.model.adapter.window
        start = max(0.0, self.received - window)
        self.recent.forget(start)
        found = self.model(self.recent.part(start, self.received))["events"]
        before, self._open = self._open, {}
        for event in found:
            label = event["label"]
            event = {**event, "onset": start + event["onset"], "offset": start + event["offset"]}
            if (event["onset"] + event["offset"]) / 2 <= self._closed.get(label, 0.0) or event["onset"] > settled:
                continue
            # A window that begins in the middle of an event does not know its onset.
            known = before.pop(label, None)
            event["onset"] = min(event["onset"], known["onset"]) if known else event["onset"]
            if event["offset"] <= settled:
                yield self._ended(event)
            else:
                self._open[label] = event
                if known is None:
                    yield _message("onset", event)
        # What went on and is not found again has ended where it was found last.
        for event in before.values():
            yield self._ended(event)

    def _ended(self, event: dict[str, Any]) -> Message:
        self._closed[event["label"]] = event["offset"]
        return _message("event", event)


def _message(kind: str, event: dict[str, Any]) -> Message:
    """Return what is said of an event: with `kind` "onset" it goes on, and its offset is not known yet."""
    content: dict[str, Any] = {"label": event["label"], "probability": event["probability"]}
    line = event["label"] + (" …" if kind == "onset" else "")
    return Message(kind, round(event["onset"], 3), round(event["offset"], 3), content, line)
