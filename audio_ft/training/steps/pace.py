"""How often a training evaluates and saves: less than once an epoch where a small set makes epochs short."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from audio_ft.training.resolving.arguments import clips_a_step

if TYPE_CHECKING:
    from collections.abc import Collection

    from transformers import TrainerControl, TrainerState, TrainingArguments

# Evaluations may take about this share of the steps' time …
SHARE = 0.05
# … where a step takes three times as long as an evaluation of as many clips, which has no backward pass.
FORWARD = 1 / 3
# With fewer evaluations the best one is far from the best step, and early stopping has too little to go by.
FEWEST = 12
# A training that is interrupted loses no more than this, in seconds, or what came after its best evaluation.
LOST = 300.0


def epochs_between(training: int, validation: int, epochs: float) -> int:
    """Return after how many epochs to evaluate, for so many windows an epoch and in an evaluation.

    >>> epochs_between(60, 20, 40)
    3
    >>> epochs_between(2000, 500, 4)
    1
    """
    affordable = math.ceil(FORWARD * validation / (SHARE * max(training, 1)))
    return max(1, min(affordable, int(epochs) // FEWEST))


class Pace(TrainerCallback):
    """Evaluate after every so many `epochs` and the last, and save what is better than before, or not saved for long.

    `spares` is whether a checkpoint may be left out.
    """

    def __init__(self, epochs: int, metric: str, spares: bool) -> None:
        self.epochs, self.metric, self.spares = epochs, metric, spares
        self.saved = time.monotonic()

    @classmethod
    def of(
        cls, arguments: TrainingArguments, chosen: Collection[str], metric: str, training: int, validation: int
    ) -> Pace:
        """Return the pace for so many windows an epoch and in an evaluation.

        `chosen` are the arguments that the recipe sets; where it says when to evaluate, nothing is left out.
        """
        if arguments.eval_strategy != "epoch" or "eval_strategy" in chosen:
            return cls(1, metric, spares=False)
        epochs = arguments.num_train_epochs
        if arguments.max_steps > 0:
            epochs = arguments.max_steps / math.ceil(training / clips_a_step(arguments))
        # Processes, whose clocks differ, have to save at the same time.
        spares = arguments.save_strategy == "epoch" and "save_strategy" not in chosen and arguments.world_size == 1
        return cls(epochs_between(training, validation, epochs), metric, spares)

    def evaluations(self, patience: int) -> int:
        """Return how many evaluations there are in so many epochs, rounded up."""
        return math.ceil(patience / self.epochs)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave out the evaluation of most epochs, and their checkpoints."""
        if round(state.epoch or 0) % self.epochs and state.global_step < state.max_steps:
            control.should_evaluate = False
            control.should_save = control.should_save and not self._recent()

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Leave out the checkpoint if it would not be the best."""
        value, best = metrics.get(f"eval_{self.metric}"), state.best_metric
        if best is not None and not (value > best if args.greater_is_better else value < best):
            control.should_save = control.should_save and not self._recent()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Count from here."""
        self.saved = time.monotonic()

    def _recent(self) -> bool:
        """Return whether a checkpoint is not needed, because one was saved a short time ago."""
        return self.spares and time.monotonic() - self.saved < LOST
