"""Compare a Whisper classifier's training step with a window cropped to the audio and the default 30-second window.

    python benchmarks/whisper_window.py CHECKPOINT [SECONDS] [BATCH]

Runs one warm-up step and three timed steps of each, forward and backward, in the precision that training would choose.
Prints seconds per step and their ratio; the target is what was measured first, 71 times as fast.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from bench import Measurement, report

from audio_ft.models import load_adapter
from audio_ft.system.machine import precision
from audio_ft.targets import Label
from audio_ft.tasks import Classification
from audio_ft.tasks.base import Checkpoint, HeadSettings


def seconds_a_step(checkpoint: str, window: float, batch: int, steps: int = 3) -> float:
    """Return the mean seconds of a training step over clips of one second."""
    adapter = load_adapter(checkpoint).with_window(window)
    task = Classification(Label(("no", "yes")))
    model = task.build(Checkpoint(adapter, checkpoint), HeadSettings()).train()
    rng = np.random.default_rng(0)
    clips = [0.1 * rng.standard_normal(adapter.sample_rate).astype(np.float32) for _ in range(batch)]
    inputs = adapter.collate([adapter.extract(clip) for clip in clips])
    labels = torch.zeros(batch, dtype=torch.int64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    started = 0.0
    for step in range(steps + 1):
        if step == 1:
            started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision() == "bf16"):
            loss, _ = task.loss(model, inputs, labels, HeadSettings())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return (time.perf_counter() - started) / steps


def main() -> None:
    """Measure both windows and print the times."""
    checkpoint = sys.argv[1]
    window = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    batch = int(sys.argv[3]) if len(sys.argv) > 3 else 8
    cropped = seconds_a_step(checkpoint, window, batch)
    stock = seconds_a_step(checkpoint, 30.0, batch)
    work = f"Whisper classifier, {batch} clips of {window:g} s, s a step"
    report([Measurement(work, cropped, "window of 30 s", stock, 1 / 71)])


if __name__ == "__main__":
    main()
