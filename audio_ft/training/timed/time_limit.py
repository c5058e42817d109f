"""End a training at a given time, its learning rate schedule included, as one stage of a budget."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from audio_ft.file_io import read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch
    from transformers import TrainerControl, TrainerState

# The share of the time that evaluations and checkpoints may take, and how many of them at most: a best checkpoint
# among many is partly luck.
EVALUATING, MOST_EVALUATIONS = 0.15, 20
# The weight of the last step in the average of their seconds.
RECENT = 0.1
# In the folder of checkpoints: how far the newest one is.
PROGRESS_FILE = "progress.json"


class TimeLimit(TrainerCallback):
    """Evaluate and save at even shares of the time, and end a training with it.

    Its progress, from 0 to 1, replaces the share of steps in Trainer's own learning rate schedule: a schedule that is
    cut off half way is worse than a shorter one (Li et al. 2020, Budgeted Training). Each step adds its share of what
    is left, by the time or by the steps, whichever ends first; so a machine that becomes slow gets a shorter schedule.

    Args:
        until: when the last evaluation has to be done, as `time.monotonic` counts.
        evaluation: the seconds of an evaluation and its checkpoint, until they are measured.
        step: the seconds of a step, until they are measured.
        folder: where the progress is saved.
    """

    def __init__(self, until: float, evaluation: float, step: float, folder: Path) -> None:
        self.until, self.evaluation, self.step, self.folder = until, evaluation, step, folder
        self.progress, self.marks = 0.0, [1.0]

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Plan steps and evaluations, from where a resumed training is."""
        file = self.folder / PROGRESS_FILE
        saved = read_json(file) if state.global_step and file.is_file() else {}
        self.progress = saved.get("progress", 0.0)
        self.since, self.most_steps = time.monotonic(), state.max_steps
        fits = EVALUATING * (self.until - self.since) / self.evaluation
        count = min(max(1, int(fits)), MOST_EVALUATIONS)
        self.marks = [self.progress + (1 - self.progress) * mark / count for mark in range(1, count + 1)]
        self._follow(kwargs["lr_scheduler"], state.max_steps)
        state.max_steps = state.global_step + self._steps_left(state, self.since)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> TrainerControl:
        """Move on by one step; evaluate where a share of the time is over, and stop at its end."""
        now = time.monotonic()
        self.step += RECENT * (now - self.since - self.step)
        self.since = now
        left = self._steps_left(state, now)
        self.progress += (1 - self.progress) / (left + 1)
        ends = left == 0
        # Trainer itself stops at `max_steps`, which is also what the screen shows.
        state.max_steps = state.global_step + left
        if ends or self.progress >= self.marks[0]:
            self.marks = [mark for mark in self.marks if mark > self.progress] or [1.0]
            control.should_evaluate = control.should_save = True
        control.should_training_stop = control.should_training_stop or ends
        return control

    def on_save(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Measure what evaluation and checkpoint took, and save the progress for a resumed training."""
        now = time.monotonic()
        self.evaluation, self.since = now - self.since, now
        write_json(self.folder / PROGRESS_FILE, {"progress": self.progress})

    def _steps_left(self, state: TrainerState, now: float) -> int:
        """Return how many more steps there are, by the time and by the most that were wanted."""
        left = self.until - now - self.evaluation * len(self.marks)
        return max(0, min(round(left / self.step), self.most_steps - state.global_step))

    def _follow(self, scheduler: Any, steps: int) -> None:
        """Let the rates of a scheduler that knows `steps` follow the progress; a scheduler of another kind stays."""
        rates = getattr(scheduler, "lr_lambdas", None)
        if rates is not None:
            scheduler.lr_lambdas = [partial(self._rate, rate, steps) for rate in rates]

    def _rate(self, rate: Callable[[float], float], steps: int, step: int) -> float:
        return rate(round(self.progress * steps))


@dataclass(frozen=True)
class Stage:
    """Hold what makes a training one stage of a budget.

    Attributes:
        folder: where its checkpoints and metrics are.
        limit: the callback that ends it in time.
        weights: those to start from, by name; {} for the checkpoint's, with the head of the linear probe.
    """

    folder: Path
    limit: TimeLimit
    weights: Mapping[str, torch.Tensor] = field(default_factory=dict)
