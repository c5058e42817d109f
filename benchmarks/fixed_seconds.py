"""Measure what a small training takes besides its steps: imports, reading, cleaning, scoring and the parity check.

    python benchmarks/fixed_seconds.py CHECKPOINT DIGITS [EPOCHS]

`audio-ft train` runs in a new process on 60, 20 and 20 clips of digits, with an empty cache. What counts is its wall
time without that of Trainer, which has evaluations and checkpoints; the least of two runs.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench import Measurement, report, used

CLIPS = {"train": 60, "validation": 20, "test": 20}


def few_clips(digits: Path, folder: Path, clips: Mapping[str, int] = CLIPS) -> None:
    """Link an even sample of each split, with its metadata."""
    for split, count in clips.items():
        (folder / split).mkdir(parents=True)
        with (digits / split / "metadata.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        rows = [rows[place * len(rows) // count] for place in range(count)]
        with (folder / split / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
        for row in rows:
            os.symlink(digits.resolve() / split / row["file_name"], folder / split / row["file_name"])


def measured(checkpoint: str, data: Path, scratch: Path, epochs: str = "20") -> tuple[float, float, float]:
    """Return wall seconds outside Trainer, processor seconds of everything, and wall seconds in Trainer."""
    command = [sys.executable, "-m", "audio_ft", "train", "--model", checkpoint, "--data", str(data), "--overwrite"]
    command += ["--output-dir", str(scratch / "run"), "--set", f"num_train_epochs={epochs}"]
    with tempfile.TemporaryDirectory() as cache:
        whole = used(command, AUDIO_FT_CACHE=cache)
    history = json.loads((scratch / "run" / "run.json").read_text(encoding="utf-8"))["history"]
    trained = next(entry["train_runtime"] for entry in history if "train_runtime" in entry)
    return whole.wall - trained, whole.processor, trained


def main() -> None:
    """Train twice and print the seconds."""
    checkpoint, digits, *more = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        few_clips(Path(digits), Path(place, "data"))
        runs = [measured(checkpoint, Path(place, "data"), Path(place), *more) for _ in range(2)]
    print("   ".join(f"{wall:.1f} s besides {trained:.1f} s in Trainer, {processor:.1f} s of processor time in all"
                     for wall, processor, trained in runs))  # fmt: skip
    report(
        [Measurement("training on 100 clips, wall s besides Trainer", min(wall for wall, _, _ in runs), at_most=6.0)]
    )


if __name__ == "__main__":
    main()
