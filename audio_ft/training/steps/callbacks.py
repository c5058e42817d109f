"""Trainer's callbacks of every training: progress on the terminal, metrics.jsonl, and the epoch of the data."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from audio_ft.file_io import append_json_line, finite, read_json_lines, write_text
from audio_ft.formatting import escaped
from audio_ft.parallel import progress_bar
from audio_ft.system.memory import release_surplus

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import TrainerState

    from audio_ft.inference.batching import Collator
    from audio_ft.training.steps.sampler import BucketSampler

# In a log file, which has no progress bar, the longest time in seconds without a line.
SILENCE = 60.0
# Seconds that are enough to import torch and transformers beside the last steps.
NEAR_END = 15.0
# At most so often, in seconds, a batch of an evaluation moves the bar.
FRAME = 0.2
TRAINING, FORM = "training", "{desc} {n_fmt}/{total_fmt} {elapsed}{postfix} |{bar}|"


class EpochSetter(TrainerCallback):
    """Set the epoch of sampler and collator, also after a resume."""

    def __init__(self, sampler: BucketSampler, collator: Collator) -> None:
        self.sampler, self.collator = sampler, collator

    def on_epoch_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Set the epoch on both."""
        self.sampler.epoch = self.collator.epoch = int((state.epoch or 0) + 1e-6)


class NearEnd(TrainerCallback):
    """Call a function at the end of each step after which little time is left."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Remember when training started or resumed."""
        self.start, self.first_step = time.monotonic(), state.global_step

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Call it if the steps that are left take as long as those before."""
        a_step = (time.monotonic() - self.start) / (state.global_step - self.first_step)
        if (state.max_steps - state.global_step) * a_step < NEAR_END:
            self.call()


class LimitedMemory(TrainerCallback):
    """Give freed memory back where too much of it is kept, see `freed_memory_kept`."""

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Look after each step."""
        release_surplus()

    def on_prediction_step(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Look after each batch of an evaluation."""
        release_surplus()


class MetricsFile(TrainerCallback):
    """Append each log and evaluation to metrics.jsonl: step, epoch, time (UTC) and numbers, one JSON object a line.

    `on_line` is called after each line.
    """

    def __init__(self, file: Path, on_line: Callable[[], None] = lambda: None) -> None:
        self.file, self.on_line = file, on_line

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Keep the lines up to the checkpoint that training resumes from; later ones are computed again."""
        known = read_json_lines(self.file) if state.global_step else []
        kept = [entry for entry in known if entry["step"] <= state.global_step]
        write_text(self.file, "".join(f"{json.dumps(entry)}\n" for entry in kept))

    def on_log(self, args: Any, state: TrainerState, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Append a line."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        entry = {"step": state.global_step, "epoch": state.epoch, "time": now}
        entry |= {name: finite(value) for name, value in logs.items() if name not in entry}
        append_json_line(self.file, entry)
        self.on_line()


class Progress(TrainerCallback):
    """Show steps, loss, best score and time left: in a bar on a terminal, and in a line for each evaluation.

    `patience` is how many epochs without a better score end the training, or evaluations where steps decide on these.
    The time left is then a range: to the earliest end, if no score is better from now on, and to the last step.
    """

    def __init__(self, log: Callable[[str], None], metric: str, patience: int = 0) -> None:
        self.log, self.metric, self.patience = log, metric, patience
        self.bar: Any = None
        self.loss: float | None = None
        self.learning_rate = 0.0
        self.best: float | None = None
        self.evaluated, self.last_frame = 0, 0.0

    def on_train_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Open the bar at the step where training starts or resumes."""
        self.start = self.last_line = time.monotonic()
        self.first_step, self.best = state.global_step, state.best_metric
        # What matters comes first: a narrow terminal cuts the end.
        self.bar = progress_bar(
            total=state.max_steps, initial=state.global_step, desc=TRAINING, leave=True, bar_format=FORM
        )

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Move the bar."""
        self.bar.total = state.max_steps  # planned again where a budget ends the training
        self.bar.set_postfix_str(self._facts(args, state), refresh=False)
        self.bar.update(state.global_step - self.bar.n)

    def on_prediction_step(
        self, args: Any, state: TrainerState, control: Any, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Count the batches of an evaluation in the bar."""
        self.evaluated += 1
        self.bar.set_description_str(f"validating {self.evaluated}/{len(eval_dataloader)}", refresh=False)
        if time.monotonic() - self.last_frame > FRAME:
            self.last_frame = time.monotonic()
            self.bar.refresh()

    def on_evaluate(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Go back to the steps."""
        self.evaluated = 0
        self.bar.set_description_str(TRAINING)

    def on_log(self, args: Any, state: TrainerState, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Update the bar's text, and log a line for an evaluation."""
        if "loss" in logs:
            self.loss, self.learning_rate = float(logs["loss"]), float(logs["learning_rate"])
            if self.bar.disable and time.monotonic() - self.last_line > SILENCE:
                self._line(args, state, f"step {state.global_step:,} of {state.max_steps:,}")
        if "eval_loss" in logs and f"eval_{self.metric}" in logs:
            value = float(logs[f"eval_{self.metric}"])
            better = max if args.greater_is_better else min
            self.best = value if self.best is None else better(self.best, value)
            self._line(args, state, f"validation: loss {float(logs['eval_loss']):.3f}, {self.metric} {value:.3f}")
        self.bar.set_postfix_str(self._facts(args, state))

    def on_train_end(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Close the bar."""
        self.bar.close()

    def _loss(self) -> list[str]:
        """Return the training loss, nothing where none was logged yet."""
        return [] if self.loss is None else [f"loss {self.loss:.3f}"]

    def _rate_and_best(self) -> list[str]:
        rate = [] if self.loss is None else [f"learning rate {self.learning_rate:.1e}"]
        return [*rate, *self._best()]

    def _best(self) -> list[str]:
        return [] if self.best is None else [f"best {self.metric} {self.best:.3f}"]

    def _facts(self, args: Any, state: TrainerState) -> str:
        """Return what the bar says beside the steps."""
        return escaped("  ".join((*self._loss(), *self._best(), f"{self._left(args, state)} left")))

    def _left(self, args: Any, state: TrainerState) -> str:
        """Return the time left, a range where the training may stop early."""
        done, left = state.global_step - self.first_step, state.max_steps - state.global_step
        a_step = (time.monotonic() - self.start) / max(done, 1)
        least: float = left
        if self.patience and state.best_global_step and state.eval_steps and args.eval_strategy != "no":
            per_epoch = state.max_steps / max(state.num_train_epochs, 1)
            every = state.eval_steps if args.eval_strategy == "steps" else per_epoch
            least = min(left, max(state.best_global_step + self.patience * every - state.global_step, 0))
        whole = _clock(left * a_step)
        return f"{_clock(least * a_step)} to {whole}" if least < left else whole

    def _line(self, args: Any, state: TrainerState, text: str) -> None:
        """Log a line."""
        self.last_line = time.monotonic()
        parts = (f"epoch {state.epoch or 0:5.1f}", *self._loss(), text, *self._rate_and_best())
        with self.bar.external_write_mode():
            self.log("   ".join((*parts, f"{self._left(args, state)} left")))


def _clock(seconds: float) -> str:
    """Return a duration as a clock shows it: "1:05" minutes, "2:00:00" hours."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
