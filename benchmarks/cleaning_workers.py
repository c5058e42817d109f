"""Measure cleaning with one process and with two, whether its memory grows, and the forecast of its cache.

    python benchmarks/cleaning_workers.py [CLIPS [MANY]]

CLIPS (1,000) five-second stereo recordings at 44.1 kHz, in mp3, are cleaned in new processes with one worker and with
two: wall seconds, the least of two. MANY (20,000) links to half-second recordings show whether memory grows: that of
the process without pages of cache files, which the system may drop. The forecast is compared with the cache's bytes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import soundfile
from bench import Measurement, report, used
from cleaning_formats import recordings

ONE_RUN = """
import os, sys, threading
from pathlib import Path
from datasets import Audio, Dataset, disable_progress_bars
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.cleaning.dataset import Cleaner, clean
from audio_ft.cleaning.forecast import estimate_seconds, expected_bytes
disable_progress_bars()
folder, workers, facts = sys.argv[1], int(sys.argv[2]), sys.argv[3]
paths = sorted(str(file) for file in Path(folder).iterdir())
peak, done = 0, threading.Event()
def watch():
    global peak
    while not done.wait(0.05):
        status = Path("/proc/self/status").read_text()
        peak = max(peak, int(status.split("RssAnon:")[1].split()[0]) / 1000)
threading.Thread(target=watch, daemon=True).start()
rows = Dataset.from_dict({"audio": paths, "key": paths}).cast_column("audio", Audio(decode=False))
forecast = expected_bytes(estimate_seconds(rows), 16_000)
clean(rows, Cleaner(DEFAULT_CHAIN, 16_000), name="bench", workers=workers)
done.set()
Path(facts).write_text(f"{forecast} {peak}")
"""


def cleaned(folder: Path, workers: int) -> tuple[float, float, float]:
    """Clean a folder in a new process; return wall seconds, megabytes of memory, and forecast / bytes of the cache."""
    with tempfile.TemporaryDirectory() as cache:
        facts = Path(cache, "facts")
        command = [sys.executable, "-c", ONE_RUN, str(folder), str(workers), str(facts)]
        wall = used(command, AUDIO_FT_CACHE=f"{cache}/clips").wall
        written = sum(file.stat().st_size for file in Path(cache, "clips").rglob("*") if file.is_file())
        forecast, megabytes = facts.read_text(encoding="utf-8").split()
        return wall, float(megabytes), float(forecast) / written


def links(folder: Path, files: Sequence[str], count: int) -> Path:
    """Fill a folder with links to files, which cleaning takes for different recordings."""
    folder.mkdir()
    for number in range(count):
        file = Path(files[number % len(files)])
        (folder / f"{number}{file.suffix}").symlink_to(file)
    return folder


def halves(folder: Path, files: Sequence[str]) -> list[str]:
    """Write the first half second of each file."""
    folder.mkdir()
    paths = []
    for number, file in enumerate(files):
        samples, rate = soundfile.read(file, frames=22_050)
        soundfile.write(folder / f"{number}.wav", samples, rate)
        paths.append(str(folder / f"{number}.wav"))
    return paths


def main() -> None:
    """Measure time, memory and forecast."""
    count, many = (int(given) for given in (sys.argv[1:] or ("1000", "20000")))
    with tempfile.TemporaryDirectory() as place:
        made = Path(place, "made")
        made.mkdir()
        files = recordings(made, min(count, 100), "mp3")
        short = halves(Path(place, "halves"), files)
        whole = links(Path(place, "whole"), files, count)
        runs = [{workers: cleaned(whole, workers) for workers in (1, 2)} for _ in range(2)]
        memory = {rows: cleaned(links(Path(place, str(rows)), short, rows), 2)[1] for rows in (many // 20, many)}
    alone, both = (min(one[workers][0] for one in runs) for workers in (1, 2))
    report([
        Measurement(f"cleaning {count:,} clips with two processes, wall s", both, "one process", alone, 1 / 1.8),
        Measurement(f"memory of cleaning {many:,} clips, MB", memory[many], f"{many // 20:,} clips",
                    memory[many // 20], 1.05),
        Measurement("forecast of cache bytes, share that it is off", abs(runs[0][2][2] - 1), at_most=0.05),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
