"""Measure the epochs of a head on a frozen encoder: the first, which runs the encoder, and those after it.

    python benchmarks/frozen.py CHECKPOINT DATA

Processor seconds. The rival is the same training where the encoder has to be run in each epoch, because a dropout of
one in a million is on in it.
"""

from __future__ import annotations

import importlib
import itertools
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import Measurement, report

from audio_ft import Data, Recipe, train

trainer: Any = importlib.import_module("audio_ft.training.steps.trainer")
# Later epochs take at most this share of what they took.
TARGET = 1 / 30


def measured(recipe: Recipe) -> tuple[list[float], float]:
    """Return the processor seconds of each epoch, that of the vectors in the first, and the validation score."""
    stamps: list[float] = []
    spent = 0.0
    compute: Any = trainer.computed_once

    def timed(*arguments: Any) -> Any:
        nonlocal spent
        began = time.process_time()
        found = compute(*arguments)
        spent = time.process_time() - began
        return found

    def stamp(line: str) -> None:
        if line.startswith(("steps  ", "epoch  ")):
            stamps.append(time.process_time())

    trainer.computed_once = timed
    try:
        with tempfile.TemporaryDirectory() as folder:
            run = train(recipe, Path(folder) / "run", log=stamp)
    finally:
        trainer.computed_once = compute
    epochs = [after - before for before, after in itertools.pairwise(stamps)]
    return [epochs[0] + spent, *epochs[1:]], run.scores["validation"][run.target.headline].value


def main() -> None:
    """Train once and again, and report the later epochs."""
    checkpoint, data = sys.argv[1:]
    fixed: dict[str, Any] = {"freeze": "encoder", "augment": (), "probe": False}
    once = Recipe(model=checkpoint, data=Data(path=data), training={"num_train_epochs": 6}, **fixed)
    ours, score = measured(once)
    each, other = measured(once.replace(dropout=1e-6, training={"num_train_epochs": 2}))
    print(f"once: {', '.join(f'{one:.2f}' for one in ours)} s; each epoch: {', '.join(f'{one:.2f}' for one in each)} s")
    later = sum(ours[1:]) / len(ours[1:])
    report(
        [
            Measurement("first epoch on a frozen encoder, s", ours[0], "each epoch", each[0], 1.1),
            Measurement("later epochs, s", later, "each epoch", each[1], TARGET, f"{score:.3f} / {other:.3f}"),
        ]
    )


if __name__ == "__main__":
    main()
