"""metrics.jsonl: what Trainer logs, one JSON object a line, written as the training goes."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from audio_ft.file_io import append_json_line, finite, read_json_lines, write_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import TrainerControl, TrainerState, TrainingArguments


class Journal(TrainerCallback):
    """Append step, epoch, time (UTC) and numbers of each log and evaluation to a file.

    A training that goes on from a checkpoint goes on from the lines up to its step: what came after is made once more.
    `logged` is called after each line.
    """

    def __init__(self, file: Path, logged: Callable[[], None] = lambda: None) -> None:
        self.file, self.logged = file, logged

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the lines up to the step where training begins or goes on."""
        if not state.is_world_process_zero:
            return
        known = read_json_lines(self.file) if state.global_step else []
        kept = [entry for entry in known if entry["step"] <= state.global_step]
        write_text(self.file, "".join(f"{json.dumps(entry)}\n" for entry in kept))

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Append a line."""
        if not state.is_world_process_zero or not logs:
            return
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        entry = {"step": state.global_step, "epoch": state.epoch, "time": now}
        entry |= {name: finite(value) for name, value in logs.items() if name not in entry}
        append_json_line(self.file, entry)
        self.logged()
