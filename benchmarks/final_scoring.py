"""Measure scoring a classifier on both splits in float32, as the end of a training does, and in bf16 beside it.

    python benchmarks/final_scoring.py CHECKPOINT DIGITS

The model is the linear probe of the checkpoint. Final scores are in float32: in bf16 some labels differ, and a score
should be that of the model and not of the machine. How many differ here stands beside the time.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from pathlib import Path

from bench import Measurement, report

import audio_ft as aft

logging.disable(logging.WARNING)
PRECISIONS = ("float32", "bf16")


def scored(folder: Path, digits: str, precision: str) -> tuple[float, list[int]]:
    """Return the processor seconds of scoring validation and test, and what is predicted for their clips."""
    model, found = aft.load(folder, precision=precision), list[int]()
    began = time.process_time()
    for split in ("validation", "test"):
        found += aft.evaluate(model, digits, split=split).predictions.predicted.argmax(axis=1).tolist()
    return time.process_time() - began, found


def main() -> None:
    """Train the probe, and score it in both precisions."""
    checkpoint, digits = sys.argv[1:]
    with tempfile.TemporaryDirectory() as scratch:
        recipe = aft.Recipe(model=checkpoint, data=aft.Data(path=digits), method="probe")
        model = aft.train(recipe, Path(scratch, "run")).folder / "model"
        (ours, labels), (other, others) = (scored(model, digits, precision) for precision in PRECISIONS)
    changed = sum(one != another for one, another in zip(labels, others, strict=True))
    score = f"labels that differ: {changed} of {len(labels):,}"
    report([Measurement("scoring validation and test of digits, s", ours, "bf16", other, score=score)])


if __name__ == "__main__":
    main()
