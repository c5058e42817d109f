"""Events: which classes sound in each frame, and from that what happens from when to when."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_ft.errors import InputError
from audio_ft.file_io import FORMAT, read_versioned, write_json
from audio_ft.metrics.event_samples import Event, as_objects
from audio_ft.models.base import Adapter
from audio_ft.models.frames import FRAMES, frame_class, return_frames
from audio_ft.models.load import load_adapter
from audio_ft.targets import Events as EventsTarget
from audio_ft.targets import Labels, Target
from audio_ft.targets.detection import ONE, Detection
from audio_ft.targets.transcripts import Text
from audio_ft.tasks.base import NO_TOKEN, Array, Checkpoint, HeadSettings, Inputs, Places, Task, Tensor
from audio_ft.tasks.classification import objective_of
from audio_ft.tasks.event_decoding import (
    USUAL,
    chosen_thresholds,
    events_in,
    filtered,
    fixed_thresholds,
    stitched,
)
from audio_ft.tasks.heads import labeled

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

EVENTS_FILE = "events.json"
# Longest automatic window in seconds: an event and what surrounds it fit, and attention stays cheap.
USUAL_WINDOW = 10.0
# A new head begins with the probability that a class sounds in a frame, roughly, instead of one half; otherwise it
# spends its first steps on learning that most frames are silent (Lin et al. 2017, section 3.3).
FIRST_PROBABILITY = 0.05


@dataclass(frozen=True)
class Events(Task):
    """Predict for each frame which classes sound, several at once if need be, and join frames to events.

    Long recordings are cut into windows that overlap, and the windows' probabilities blended. `thresholds` are those of
    the classes.
    """

    target: EventsTarget
    adapter: Adapter
    thresholds: tuple[float, ...]
    auto: str = FRAMES

    name = "events"
    head = "frames"
    architectures = ("ForAudioFrameClassification",)
    targets = (EventsTarget,)
    long_recordings = "blended"
    tunes = True
    # Windows hold several events each, and more steps help more than larger ones.
    batch = 8
    ignores = ("text.prompt", "text.timestamps", "pooling", "sampling", "Mixup", "Shift")

    @classmethod
    def plan(cls, target: Target, checkpoint: Checkpoint, training_targets: Sequence[Any]) -> Task:
        """Return the task for a data set's target."""
        fixed = fixed_thresholds(target.events, target.names)
        names, auto = target.names, frame_class(checkpoint.adapter.config.model_type)
        return cls(EventsTarget(names, events=target.events), checkpoint.adapter, fixed or (USUAL,) * len(names), auto)

    @classmethod
    def restore(cls, config: PreTrainedConfig, folder: str | Path, text: Text) -> Task:
        """Return the task of a saved model, from its id2label and events.json."""
        names = tuple(str(name) for _, name in sorted((config.id2label or {}).items()))
        file = Path(folder) / EVENTS_FILE
        saved: Mapping[str, Any] = (
            read_versioned(file) if file.is_file() else {"thresholds": dict.fromkeys(names, USUAL)}
        )
        try:
            rules = Detection.from_dict(saved.get("settings", {}))
            thresholds = fixed_thresholds(rules.replace(threshold=saved["thresholds"]), names)
        except (InputError, KeyError) as error:
            raise InputError(f"{file}: {error}; restore it from the run, or train again.") from error
        auto = frame_class(str(config.model_type))
        return cls(EventsTarget(names, events=rules), load_adapter(str(folder)), thresholds or (), auto)

    def save(self, adapter: Adapter, folder: Path) -> None:
        """Write the feature extractor, and how frames become events."""
        super().save(adapter, folder)
        thresholds = dict(zip(self.target.names, self.thresholds, strict=True))
        rules = self.target.events.to_dict()
        write_json(folder / EVENTS_FILE, {"format": FORMAT, "settings": rules, "thresholds": thresholds})

    @property
    def chosen(self) -> Mapping[str, Any]:
        """Return the threshold of each class, or of all where they share it."""
        rule = self.target.events.threshold
        if not isinstance(rule, str):
            return {}
        each = dict(zip(self.target.names, self.thresholds, strict=True))
        return {"events.threshold": self.thresholds[0] if rule == ONE else each}

    def build(self, checkpoint: Checkpoint, head: HeadSettings) -> PreTrainedModel:
        """Load a pretrained checkpoint in float32 with a new head for frames."""
        import torch

        adapter = checkpoint.adapter
        problem_type = objective_of(Labels).problem_type
        model = return_frames(labeled(self, checkpoint, head, self.target.names, problem_type), self.auto)
        odds = FIRST_PROBABILITY / (1 - FIRST_PROBABILITY)
        torch.nn.init.constant_(adapter.classifier(model).bias, math.log(odds))
        return adapter.fit(model)

    def load(self, adapter: Adapter, folder: str | Path) -> PreTrainedModel:
        """Load a saved model, which then returns the logits of frames."""
        return return_frames(super().load(adapter, folder), self.auto)  # type: ignore[no-any-return]

    def loss(self, model: Any, inputs: Inputs, labels: Tensor, head: HeadSettings) -> tuple[Tensor, Tensor]:
        """Return the binary cross-entropy of all real frames, and the logits (batch, frames, classes)."""
        logits = model(**inputs).logits
        frames = min(logits.shape[1], labels.shape[1])
        shared, wanted = logits[:, :frames].float(), labels[:, :frames]
        real = wanted[..., 0] != NO_TOKEN
        return objective_of(Labels).loss(shared[real], wanted[real], head, self.target.names), logits

    def loss_weight(self, labels: Tensor, head: HeadSettings) -> Tensor:
        """Return the number of real frames."""
        return (labels[..., 0] != NO_TOKEN).sum()

    def fit_window(self, adapter: Adapter, durations: NDArray[np.float64], window: float | None) -> Adapter:
        """Return the adapter with a window of ten seconds, or one that holds all clips where they are shorter."""
        if window is None and len(durations):
            window = min(USUAL_WINDOW, math.ceil(float(durations.max())) or 1)
        return adapter.with_window(window or USUAL_WINDOW)

    def overlap(self, adapter: Adapter) -> float:
        """Return the overlap of windows in seconds."""
        return self.target.events.overlap * adapter.window

    def in_window(self, reference: Any, start: float, seconds: float, factor: float) -> Any:
        """Return the events in a window, cut at its ends, with times from its start."""
        moved = [
            Event(factor * max(event.onset - start, 0.0), factor * min(event.offset - start, seconds), event.label)
            for event in reference
        ]
        return tuple(event for event in moved if event.onset < event.offset)

    def batch_labels(self, references: Sequence[Any], seconds: Sequence[float]) -> Tensor:
        """Return 0 and 1 (batch, frames, classes), -100 in frames behind the end of a clip.

        A class sounds in a frame if it does so in the middle of it; an event of less than a frame has one frame.
        """
        import torch

        sizes = [self._frames(length) for length in seconds]
        labels = torch.full((len(sizes), max(sizes), len(self.target.names)), float(NO_TOKEN))
        for row, size, events in zip(labels, sizes, references, strict=True):
            row[:size] = 0
            for event in events:
                first = min(round(event.onset / self._hop), size - 1)
                row[first : max(first + 1, min(round(event.offset / self._hop), size)), event.label] = 1
        return labels

    def predictions(self, outputs: Array, places: Places, count: int) -> Array:
        """Return the events of each clip (clips,), sequences of `Detected`."""
        rules, hop = self.target.events, self._hop
        return as_objects(
            [events_in(each, self.thresholds, rules, hop) for each in self._probabilities(outputs, places, count)]
        )

    def tuned(self, outputs: Array, places: Places, references: Array) -> Task:
        """Return the task with the thresholds that are best for the validation split, unless the settings give them."""
        rules, target = self.target.events, self.target
        if not isinstance(rules.threshold, str):
            return self
        present = np.unique(places.clips)
        found = self._probabilities(outputs, places, len(references))
        thresholds = chosen_thresholds(
            [found[clip] for clip in present],
            references[present],
            rules,
            self._hop,
            target.tolerance,
            len(target.names),
        )
        return dataclasses.replace(self, thresholds=thresholds)

    @property
    def _hop(self) -> float:
        """Return the length of a frame in seconds."""
        return self.adapter.frame_seconds

    def _frames(self, seconds: float) -> int:
        """Return how many frames a window of so many seconds has, at least one."""
        samples = max(round(seconds * self.adapter.sample_rate), self.adapter.shortest)
        return max(1, int(self.adapter.frames(samples)))

    def _probabilities(self, outputs: Array, places: Places, count: int) -> list[NDArray[np.float64]]:
        found = stitched(outputs, places, count, self._hop, self._frames)
        return [filtered(each, self.target.events, self._hop) for each in found]
