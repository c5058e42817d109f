"""Compare training steps with those of the stock example script: wav2vec2 on digits through Trainer, and of base size.

    python benchmarks/train_step.py CHECKPOINT DIGITS

`stock` is what transformers' audio classification example does: float32, clips as they come, padded to the longest of
their batch. Ours has bf16 where the processor has it, batches of similar length, and augmentation. Processor time with
one thread; `threads` shows the wall time of ours with two threads beside whatever else runs, with the spinning at
barriers that libgomp does by default and without.
"""

from __future__ import annotations

import csv
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from bench import Measurement, report
from transformers import (
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    Wav2Vec2Config,
    Wav2Vec2ForSequenceClassification,
)

from audio_ft.data import Data
from audio_ft.recipe import Recipe
from audio_ft.system.machine import precision
from audio_ft.system.memory import freed_memory_kept
from audio_ft.tasks.base import Checkpoint
from audio_ft.training.loop import select_trainable
from audio_ft.training.resolving.arguments import build_arguments
from audio_ft.training.setup import prepare
from audio_ft.training.steps.determinism import deterministic_sums
from audio_ft.training.steps.trainer import AudioTrainer

# Of each batch size; the first step is not counted.
STEPS = {16: 13, 128: 4}
QUIET: dict[str, Any] = {"eval_strategy": "no", "save_strategy": "no", "report_to": "none", "disable_tqdm": True}


class Clock(TrainerCallback):
    """Note the time after each step."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now, self.times = now, list[float]()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        """Note the time."""
        self.times.append(self.now())


def ours(checkpoint: str, digits: str, batch: int, now: Callable[[], float] = time.process_time) -> float:
    """Return the milliseconds of a clip, in the median step."""
    training = {**QUIET, "max_steps": STEPS[batch], "per_device_train_batch_size": batch}
    found = prepare(Recipe(model=checkpoint, data=Data(digits), training=training), lambda line: None)
    model = found.task.build(Checkpoint(found.adapter, checkpoint), found.resolved.head)
    select_trainable(found, model)
    with tempfile.TemporaryDirectory() as folder:
        trainer = AudioTrainer(found, found.resolved, model, build_arguments(found.resolved.arguments(), Path(folder)))
        with deterministic_sums(), freed_memory_kept():
            return measured(trainer, batch, now)


def stock(checkpoint: str, digits: str, batch: int) -> float:
    """Return the milliseconds of a clip, in the median step."""
    extractor = AutoFeatureExtractor.from_pretrained(checkpoint)
    rate = extractor.sampling_rate
    with Path(digits, "train", "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["label"] for row in rows})
    clips = []
    for row in rows:
        samples, found = soundfile.read(Path(digits, "train", row["file_name"]), dtype="float32")
        clips.append((soxr.resample(samples, found, rate), names.index(row["label"])))

    def collate(items: list[Any]) -> dict[str, Any]:
        inputs = extractor([wave for wave, _ in items], sampling_rate=rate, padding=True, return_tensors="pt")
        return {**inputs, "labels": torch.tensor([label for _, label in items])}

    model: Any = AutoModelForAudioClassification.from_pretrained(checkpoint, num_labels=len(names), dtype=torch.float32)
    model.freeze_feature_encoder()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(folder, max_steps=STEPS[batch], per_device_train_batch_size=batch, use_cpu=True,
                                      remove_unused_columns=False, **QUIET)  # fmt: skip
        trainer = Trainer(model=model, args=arguments, train_dataset=clips, data_collator=collate)  # type: ignore[arg-type]
        return measured(trainer, batch, time.process_time)


def measured(trainer: Trainer, batch: int, now: Callable[[], float]) -> float:
    """Train, and return the milliseconds of a clip in the median step."""
    clock = Clock(now)
    trainer.add_callback(clock)
    trainer.train()
    return 1e3 * statistics.median(np.diff(clock.times)) / batch


def base_step(seconds: float, bf16: bool, steps: int = 2) -> float:
    """Return the seconds of a training step of wav2vec2-base's size with 8 clips, convolutions frozen."""
    torch.manual_seed(0)
    model: Any = Wav2Vec2ForSequenceClassification(Wav2Vec2Config()).train()
    model.freeze_feature_encoder()
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-5)
    values, labels = torch.randn(8, round(seconds * 16_000)), torch.zeros(8, dtype=torch.int64)
    started = 0.0
    for step in range(steps + 1):
        if step == 1:
            started = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = model(values, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return (time.process_time() - started) / steps


def beside_load(checkpoint: str, digits: str, **environment: str) -> float:
    """Return the wall milliseconds of a clip with two threads in a new process."""
    command = [sys.executable, __file__, checkpoint, digits, "--wall"]
    settings = {**os.environ, "OMP_NUM_THREADS": "2", **environment}
    found = subprocess.run(command, env=settings, capture_output=True, text=True, check=True)
    return float(found.stdout.split()[-1])


def main() -> None:
    """Measure each."""
    checkpoint, digits, *more = sys.argv[1:]
    if more:
        print(ours(checkpoint, digits, 16, time.perf_counter))
        return
    both = {batch: (ours(checkpoint, digits, batch), stock(checkpoint, digits, batch)) for batch in STEPS}
    lines = [
        Measurement(
            f"wav2vec2-mini on digits through Trainer, batch {batch}, ms a clip", one, "stock script", other, 1.0
        )
        for batch, (one, other) in both.items()
    ]
    few, spinning = (beside_load(checkpoint, digits, GOMP_SPINCOUNT=count) for count in ("1000", "300000"))
    load = os.getloadavg()[0]
    lines.append(
        Measurement(f"the same on two threads beside a load of {load:.0f}, wall ms", few, "spinning", spinning)
    )
    for seconds in (1, 4):
        with freed_memory_kept():  # as in a training
            bf16 = base_step(seconds, precision() == "bf16")
        work = f"wav2vec2-base's size, batch 8 of {seconds} s, s a step"
        lines.append(Measurement(work, bf16, "stock float32", base_step(seconds, False), 0.5))
    report(lines)


if __name__ == "__main__":
    main()
