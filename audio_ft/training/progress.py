"""What is seen while the network learns: a live line on a terminal, lasting lines there and in a log file."""

from __future__ import annotations

import datetime
import math
import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import TrainerControl, TrainerState, TrainingArguments

# A log file, which has no live line, hears of a training that long at the latest, in seconds.
SILENCE = 60.0


class Screen(TrainerCallback):
    """Show loss, learning rate, best score so far and time left: live while training, lasting for each evaluation."""

    def __init__(self, tell: Callable[[str], None], metric: str) -> None:
        self.tell, self.metric = tell, metric
        self.bar: Any = None
        self.loss = self.learning_rate = math.nan
        self.best: float | None = None
        self.began = self.spoke = 0.0
        self.first_step = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the bar at the step where training begins or goes on."""
        from tqdm.auto import tqdm

        if state.is_world_process_zero:
            self.began = self.spoke = time.monotonic()
            self.first_step, self.best = state.global_step, state.best_metric
            self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="training", unit="step", delay=2)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        if self.bar is not None:
            self.bar.update(state.global_step - self.bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Renew what stands beside the bar, and say what an evaluation gave."""
        logs = logs or {}
        if self.bar is None:
            return
        if "loss" in logs:
            self.loss, self.learning_rate = float(logs["loss"]), float(logs["learning_rate"])
            if self.bar.disable and time.monotonic() - self.spoke > SILENCE:
                self._say(state, f"step {state.global_step:,} of {state.max_steps:,}")
        if "eval_loss" in logs and f"eval_{self.metric}" in logs:
            value = float(logs[f"eval_{self.metric}"])
            better = max if args.greater_is_better else min
            self.best = value if self.best is None else better(self.best, value)
            self._say(state, f"validation: loss {float(logs['eval_loss']):.3f}, {self.metric} {value:.3f}")
        # The bar itself tells the time left.
        self.bar.set_postfix_str(", ".join(filter(None, (f"loss {self.loss:.3f}", *self._standing()))))

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def _standing(self) -> tuple[str, str]:
        """Return learning rate and best score so far, in words."""
        best = "" if self.best is None else f"best {self.metric} {self.best:.3f}"
        return f"learning rate {self.learning_rate:.1e}", best

    def _say(self, state: TrainerState, news: str) -> None:
        """Write a lasting line."""
        self.spoke = time.monotonic()
        done = state.global_step - self.first_step
        rest = (state.max_steps - state.global_step) * (self.spoke - self.began) / max(done, 1)
        left = f"{datetime.timedelta(seconds=round(rest))} left"
        parts = (f"epoch {state.epoch or 0:5.1f}", f"loss {self.loss:.3f}", news, *self._standing(), left)
        with self.bar.external_write_mode():
            self.tell("   ".join(filter(None, parts)))
