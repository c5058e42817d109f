"""Measure cleaning with one process and with two, whether its memory grows, and the forecast of its cache.

    python benchmarks/cleaning_workers.py [CLIPS [MANY]]

CLIPS (1,000) five-second stereo recordings at 44.1 kHz, in mp3, are cleaned in new processes with one worker and with
two: wall seconds, the least of two. MANY (20,000) rows, which name the same files again and again, show the memory of
the process; the forecast is compared with the bytes in the cache folder.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from bench import Measurement, report, used

ONE_RUN = """
import os, sys
from datasets import Audio, Dataset, disable_progress_bars
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.cleaning.forecast import estimate_seconds, expected_bytes
disable_progress_bars()
folder, count, workers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
files = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
paths = [files[row % len(files)] for row in range(count)]
rows = Dataset.from_dict({"audio": paths, "key": paths}).cast_column("audio", Audio(decode=False))
print(expected_bytes(estimate_seconds(rows), 16_000), file=open(os.environ["FORECAST"], "w"))
clean(rows, Cleaner(DEFAULT_CHAIN, 16_000), name="bench", workers=workers)
"""


def cleaned(folder: Path, count: int, workers: int) -> tuple[float, float, float]:
    """Clean in a new process; return wall seconds, megabytes of memory, and forecast / bytes of the cache."""
    with tempfile.TemporaryDirectory() as cache:
        forecast = Path(cache, "forecast")
        command = [sys.executable, "-c", ONE_RUN, str(folder), str(count), str(workers)]
        found = used(command, AUDIO_FT_CACHE=f"{cache}/clips", FORECAST=str(forecast))
        written = sum(file.stat().st_size for file in Path(cache, "clips").rglob("*") if file.is_file())
        return found.wall, found.megabytes, int(forecast.read_text()) / written


def main() -> None:
    """Measure time, memory and forecast."""
    from cleaning_formats import recordings

    count, many = (int(given) for given in (sys.argv[1:] or ("1000", "20000")))
    with tempfile.TemporaryDirectory() as place:
        recordings(Path(place), min(count, 200), "mp3")
        cleaned(Path(place), 2, 1)
        few = [{workers: cleaned(Path(place), count, workers) for workers in (1, 2)} for _ in range(2)]
        _, megabytes, _ = cleaned(Path(place), many, 2)
    alone, both = (min(one[workers][0] for one in few) for workers in (1, 2))
    forecast = few[0][2][2]
    print(f"load {os.getloadavg()[0]:.1f} after; forecast / bytes of the cache {forecast:.3f}")
    report([
        Measurement(f"cleaning {count:,} clips with two processes, wall s", both, "one process", alone, 1 / 1.8),
        Measurement(f"memory of cleaning {many:,} clips, MB", megabytes, f"{count:,} clips", few[0][2][1], 1.05),
        Measurement("forecast of cache bytes, share that it is off", abs(forecast - 1), at_most=0.05),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
