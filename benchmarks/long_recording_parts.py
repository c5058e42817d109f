"""What it costs to read 400 labeled parts of a recording of 60 minutes, against the same parts as files of their own.

The recording is made of spoken digits, 16 kHz, one channel, with an Audacity label track, in five formats (writing Opus
takes two minutes). Each format is measured in a process of its own, in CPU seconds: `load` of the labels, `inspect`
with all its checks, the parts as files of their own ("alone") and the parts of the recording, in five turns of which
the best counts, and the peak memory of all that.

    python benchmarks/long_recording_parts.py [--digits ../shared/data/digits] [--work FOLDER]

| format | load | inspect | alone | parts | parts / alone | memory GB |
|---|---|---|---|---|---|---|
| wav | 0.027 | 1.392 | 0.084 | 0.083 | 0.98 | 0.84 |
| flac | 0.028 | 1.912 | 0.192 | 0.220 | 1.15 | 0.84 |
| mp3 | 0.027 | 1.496 | 0.153 | 0.202 | 1.32 | 0.84 |
| ogg | 0.024 | 1.704 | 0.312 | 0.395 | 1.27 | 0.84 |
| opus | 0.026 | 2.290 | 0.419 | 0.784 | 1.87 | 0.84 |

Opus is found by pages of one second, which are decoded from their start: its digits of half a second cost the most.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from scipy.signal import resample_poly

RATE, MINUTES, PARTS, TURNS = 16_000, 60, 400, 5
FORMATS: dict[str, dict[str, Any]] = {
    "wav": {},
    "flac": {},
    "mp3": {},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
}


def digits(folder: Path) -> list[tuple[str, np.ndarray]]:
    """Return spoken digits and their labels, float32 (time,) at 16 kHz."""
    with (folder / "train" / "metadata.csv").open() as file:
        rows = list(csv.DictReader(file))
    waves = (soundfile.read(folder / "train" / row["file_name"], dtype="float32")[0] for row in rows)
    return [(row["label"], resample_poly(wave, 2, 1).astype(np.float32)) for row, wave in zip(rows, waves, strict=True)]


def make(work: Path, spoken: list[tuple[str, np.ndarray]]) -> None:
    """Write the recording, its labels and its parts in each format."""
    rng = np.random.default_rng(0)
    recording = rng.normal(0, 1e-3, RATE * 60 * MINUTES).astype(np.float32)
    step, parts = len(recording) // PARTS, []
    for number in range(PARTS):
        label, wave = spoken[number * 137 % len(spoken)]
        wave = wave[: step // 2]
        start = number * step + int(rng.integers(0, step - len(wave)))
        recording[start : start + len(wave)] += wave
        parts.append((start, start + len(wave), label))
    for name, options in FORMATS.items():
        whole, alone = work / name / "recording", work / name / "alone"
        for folder in (whole, alone):
            folder.mkdir(parents=True, exist_ok=True)
        written(whole / f"long.{name}", recording, options)
        (whole / "long.txt").write_text("".join(f"{a / RATE:.6f}\t{b / RATE:.6f}\t{label}\n" for a, b, label in parts))
        for number, (start, stop, _) in enumerate(parts):
            written(alone / f"{number:03}.{name}", recording[start:stop], options)


def written(path: Path, samples: np.ndarray, options: dict[str, Any]) -> None:
    """Write samples in pieces, as libsndfile's encoders of MP3 and Vorbis fail on an hour at once."""
    with soundfile.SoundFile(path, "w", RATE, 1, **options) as file:
        for start in range(0, len(samples), 10 * RATE):
            file.write(samples[start : start + 10 * RATE])


def once(work: Callable[[], Any]) -> float:
    """Return the CPU time of a call, in seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(folder: Path) -> dict[str, float]:
    """Return CPU seconds and the peak memory in GB for one format."""
    from audio_ft.audio.clip import read
    from audio_ft.cleaning.place import source_of
    from audio_ft.data import Data, load
    from audio_ft.doctor.inspect import inspect

    os.sched_setaffinity(0, {0})  # one core, so that no process is started whose time is not counted
    data = Data(str(folder / "recording"))
    loaded = load(data, need=("train",))
    sources = [source_of(row) for row in loaded.splits["train"]]
    files = sorted(map(str, (folder / "alone").iterdir()))
    assert len(sources) == len(files) == PARTS
    for source, file in zip(sources[::50], files[::50], strict=True):
        assert read(source).length == read(file).length or folder.name in ("mp3", "opus")
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    turns = [(once(lambda: [read(file) for file in files]), once(lambda: [read(source) for source in sources]))
             for _ in range(TURNS)]  # fmt: skip
    return {
        "load": once(lambda: load(data, need=("train",))),
        "inspect": once(lambda: inspect(data)),
        "alone": min(alone for alone, _ in turns),
        "parts": min(parts for _, parts in turns),
        "memory": max(resource.getrusage(who).ru_maxrss for who in whose) / 1e6,
    }


def main() -> None:
    """Make the recordings and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--digits", type=Path, default=Path("../shared/data/digits"))
    parser.add_argument("--work", type=Path, help="folder for the recordings, kept; a temporary one by default")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        sys.stdout.write(json.dumps(measure(arguments.measure)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        if not (work / "opus" / "alone").is_dir():
            make(work, digits(arguments.digits))
        names = ("load", "inspect", "alone", "parts", "parts / alone", "memory GB")
        sys.stdout.write(f"| format | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}\n")
        for name in FORMATS:
            command = [sys.executable, __file__, "--measure", str(work / name)]
            # libmpg123 writes about each seek to stderr.
            quiet: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            environment = os.environ | {"AUDIO_FT_CACHE": temporary}
            answer = subprocess.run(command, check=True, env=environment, **quiet).stdout
            found = json.loads(answer)
            cells = [f"{found[key]:.3f}" for key in ("load", "inspect", "alone", "parts")]
            cells += [f"{found['parts'] / found['alone']:.2f}", f"{found['memory']:.2f}"]
            sys.stdout.write(f"| {name} | {' | '.join(cells)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
