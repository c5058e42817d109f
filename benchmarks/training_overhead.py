"""Measure what a training takes besides its network: evaluations, checkpoints and batches, in processor time.

    python benchmarks/training_overhead.py CHECKPOINT DIGITS [CLIPS ...]

A training without settings, except that it does not stop early, on so many clips of digits (100 and 600; three fifths
are for training, a fifth each for validation and test). The network is forward and backward passes and optimizer steps;
what counts is the share of everything else between the first step and the last.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import Measurement, report
from fixed_seconds import few_clips
from transformers import TrainerCallback

import audio_ft as aft
from audio_ft.training import loop
from audio_ft.training.steps.trainer import AudioTrainer

# The targets of the row, by number of clips.
AT_MOST = {100: 0.12, 600: 0.08}
SPENT: dict[str, float] = defaultdict(float)
PARTS = {"training_step": "network", "evaluate": "evaluations", "_save_checkpoint": "checkpoints",
         "get_batch_samples": "batches"}  # fmt: skip


class Timer(TrainerCallback):
    """Count the processor time of the optimizer, and of everything."""

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Begin."""
        SPENT.clear()
        self.began = time.process_time()

    def on_pre_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Begin a step."""
        self.step = time.process_time()

    def on_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """End a step."""
        SPENT["network"] += time.process_time() - self.step

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """End."""
        SPENT["all"] = time.process_time() - self.began


def timed(name: str, part: str) -> Callable[..., Any]:
    """Return a method of Trainer that also counts its processor time."""
    method = getattr(AudioTrainer, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.process_time()
        try:
            return method(*args, **kwargs)
        finally:
            SPENT[part] += time.process_time() - began

    return call


def measured(checkpoint: str, digits: Path, clips: int) -> float:
    """Train on so many clips, print the parts and return the share that is not the network."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "data")
        few_clips(digits, data, {"train": clips * 3 // 5, "validation": clips // 5, "test": clips // 5})
        run = aft.train(aft.Recipe(model=checkpoint, data=aft.Data(path=str(data)), patience=0), Path(scratch, "run"))
    parts = {name: seconds / SPENT["all"] for name, seconds in SPENT.items()}
    evaluations = sum("eval_loss" in entry for entry in run.history)
    shares = ", ".join(f"{name} {share:.1%}" for name, share in parts.items() if name != "all")
    accuracy = run.scores["validation"]["accuracy"].value
    print(f"{clips} clips: {SPENT['all']:.1f} s: {shares}; {evaluations} evaluations, accuracy {accuracy:.3f}")
    return 1 - parts["network"]


def main() -> None:
    """Train on each number of clips."""
    checkpoint, digits, *wanted = sys.argv[1:]
    for name, part in PARTS.items():
        setattr(AudioTrainer, name, timed(name, part))
    add = loop.add_callbacks

    def with_timer(trainer: Any, *args: Any) -> None:
        trainer.add_callback(Timer())
        add(trainer, *args)

    loop.add_callbacks = with_timer  # type: ignore[assignment]
    lines = []
    for clips in map(int, wanted or AT_MOST):
        share = measured(checkpoint, Path(digits), clips)
        work = f"training on {clips} clips, share that is not the network"
        lines.append(Measurement(work, share, at_most=AT_MOST.get(clips)))
    report(lines)


if __name__ == "__main__":
    main()
