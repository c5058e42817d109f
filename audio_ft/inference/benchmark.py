"""Benchmark prediction on this machine: time compared with the duration of recordings, and memory."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_ft.errors import AudioError, InputError
from audio_ft.inference.sources import as_clip
from audio_ft.system.machine import describe, device_names

if TYPE_CHECKING:
    from audio_ft.inference.predictor import Model

# Recordings for the warm-up, those that are timed, and those in a batch; fewer where it would take too long.
WARM_UP, CLIPS, TOGETHER = 2, 20, 8
# Limit for each measurement, so that a slow model on a slow machine does not keep its user waiting.
MOST_SECONDS = 20.0


@dataclass(frozen=True)
class Speed:
    """Hold the cost of prediction, decoding and cleaning included.

    Attributes:
        median: seconds for one recording alone, median.
        p95: seconds that 95 % of recordings alone stay below.
        n: recordings timed alone.
        real_time_factor: seconds of computing for a second of audio, recordings alone; below 1 is faster than speech.
        batch: recordings predicted together.
        batch_median: seconds for each recording of such a batch, median of the batches.
        batch_real_time_factor: seconds of computing for a second of audio, in batches.
        seconds: mean duration of the recordings.
        memory: peak resident memory of the process during prediction, in bytes; None where it is unknown.
        accelerator_memory: peak memory on the accelerator, in bytes; None without one.
        processor: name of the processor or accelerator.
        threads: threads that the network computes with.
        precision: of the encoder, "float32" or "bf16".
    """

    median: float
    p95: float
    n: int
    real_time_factor: float
    batch: int
    batch_median: float
    batch_real_time_factor: float
    seconds: float
    memory: int | None
    accelerator_memory: int | None
    processor: str
    threads: int
    precision: str


def measure(model: Model, sources: Sequence[Any]) -> Speed:
    """Time a model on an even sample of recordings, alone and together, after a warm-up.

    Args:
        model: what `audio_ft.load` returned.
        sources: recordings in any form that the model accepts; unreadable ones are left out.

    Raises:
        InputError: another backend than transformers computes the model, or none of the recordings can be read.
    """
    import torch

    timed = []
    for index in np.unique(np.linspace(0, len(sources) - 1, min(CLIPS, len(sources))).astype(int)):
        with suppress(AudioError):  # evaluation has reported it
            timed.append((sources[index], as_clip(sources[index]).seconds))
    if not timed:
        raise InputError("speed: none of these recordings can be read; give readable ones.")
    readable, durations = [source for source, _ in timed], np.asarray([seconds for _, seconds in timed])
    device = model.torch_network("measure").device.type
    _timed(model, [[source] for source in readable[:WARM_UP]])
    _reset_peak(device)
    single = _timed(model, [[source] for source in readable])
    # A batch of eight recordings of half an hour would take long and show nothing new.
    together = max(1, min(TOGETHER, int(MOST_SECONDS / float(np.median(single)))))
    batches = [readable[start : start + together] for start in range(0, len(readable), together)]
    joint = _timed(model, batches)
    parts = [len(batch) for batch in batches[: len(joint)]]
    return Speed(
        median=float(np.median(single)),
        p95=float(np.quantile(single, 0.95)),
        n=len(single),
        real_time_factor=float(sum(single) / durations[: len(single)].sum()),
        batch=max(parts),
        batch_median=float(np.median(np.divide(joint, parts))),
        batch_real_time_factor=float(sum(joint) / durations[: sum(parts)].sum()),
        seconds=float(durations.mean()),
        memory=_peak_memory(),
        accelerator_memory=_peak_on(device),
        processor=str(describe()["processor"]) if device == "cpu" else device_names()[0],
        threads=torch.get_num_threads(),
        precision=model.precision,
    )


def _timed(model: Model, batches: Sequence[list[Any]]) -> list[float]:
    """Return the seconds of each batch, until time is up."""
    spent: list[float] = []
    for batch in batches:
        started = time.perf_counter()
        model(batch)
        spent.append(time.perf_counter() - started)
        if sum(spent) > MOST_SECONDS:
            break
    return spent


def _reset_peak(device: str) -> None:
    """Reset the peak of memory, where the system allows it; without, it is that of the whole process."""
    import torch

    if hasattr(accelerator := torch.get_device_module(device), "reset_peak_memory_stats"):
        accelerator.reset_peak_memory_stats()
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_on(device: str) -> int | None:
    """Return the peak memory of an accelerator in bytes, None for the processor and where it is not counted."""
    import torch

    accelerator = torch.get_device_module(device)
    return int(accelerator.max_memory_allocated()) if hasattr(accelerator, "max_memory_allocated") else None


def _peak_memory() -> int | None:
    """Return the peak resident memory of this process in bytes."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    if os.name == "nt":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
