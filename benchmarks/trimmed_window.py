"""Compare a Whisper classifier's step in the window that follows the clean clips, and in one that follows the files.

    python benchmarks/trimmed_window.py CHECKPOINT EMOTION_DE [CLIPS]

So many recordings (60) of each split get silence on both sides until 37 % of each file is left by trimming, as in a
set where that was measured: its window followed the files, 15 s at 12.0 s a step, and 6 s would have taken 5.2. So a
step should cost 1.08 times the share of the window; that is the target here.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from bench import Measurement, report
from whisper_window import seconds_a_step

import audio_ft as aft
from audio_ft.training.setup import prepare

KEPT, BATCH = 0.37, 8


def padded(source: Path, folder: Path, clips: int) -> list[float]:
    """Write clips of each split between silence, with their labels, and return the seconds of the training files."""
    seconds = []
    for split in ("train", "validation", "test"):
        (folder / split).mkdir(parents=True)
        with (source / split / "metadata.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        rows = rows[:: max(1, len(rows) // clips)]
        with (folder / split / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows({**row, "file_name": Path(row["file_name"]).with_suffix(".wav").name} for row in rows)
        for row in rows:
            samples, rate = soundfile.read(source / split / row["file_name"], dtype="float32")
            silence = np.zeros(round(len(samples) * (1 / KEPT - 1) / 2), np.float32)
            whole = np.concatenate([silence, samples, silence])
            soundfile.write(folder / split / Path(row["file_name"]).with_suffix(".wav").name, whole, rate)
            seconds += [len(whole) / rate] if split == "train" else []
    return seconds


def main() -> None:
    """Resolve the window, and time a step in it and in one that holds the files."""
    checkpoint, source, *clips = sys.argv[1:]
    with tempfile.TemporaryDirectory() as place:
        files = np.asarray(padded(Path(source), Path(place, "data"), int(*clips) if clips else 60))
        prepared = prepare(aft.Recipe(model=checkpoint, data=aft.Data(path=str(Path(place, "data")))), print)
    ours, others = prepared.adapter.window, prepared.task.fit_window(prepared.adapter, files, None).window
    work = f"a step of Whisper, window of {ours:g} s from clean clips, s"
    times = [seconds_a_step(checkpoint, window, BATCH) for window in (ours, others)]
    report([Measurement(work, times[0], f"{others:g} s from files", times[1], (5.2 / 12.0) / (6 / 15) * ours / others)])


if __name__ == "__main__":
    main()
