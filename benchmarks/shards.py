"""Measure how a data set is prepared as shards: engines, numbers of shards, and a worker that is killed.

    python benchmarks/shards.py DATA [--engines local ray] [--counts 10 100]

Print for each engine and number of shards the seconds, the clips a second and the digest, which must be the same in all
lines; then the same where a worker of Ray is killed in the middle.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.cleaning.forecast import estimate_seconds, expected_bytes
from audio_ft.data import Data, load
from audio_ft.data.shards.prepare import prepare_shards


def size_for(data: str, shards: int) -> float:
    """Return the megabytes a shard that give about so many shards."""
    loaded = load(Data(data))
    total = sum(expected_bytes(estimate_seconds(table), 16_000) for table in loaded.splits.values())
    return total / 1e6 / shards


def kill_a_worker(folder: Path, after: int) -> None:
    """Kill a worker of Ray once so many shards are written."""
    while len(list((folder / "shards").glob("*.parquet"))) < after:
        time.sleep(0.05)
    # A busy worker is named after its task.
    found = subprocess.run(["pgrep", "-f", "ray::_write"], capture_output=True, text=True).stdout.split()
    for worker in found[:1]:
        os.kill(int(worker), signal.SIGKILL)
    print(f"killed {found[:1] or 'none'}")


def measure(data: str, engine: str, shards: int, kill: bool = False) -> None:
    """Prepare the data and print a line."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, size = Path(temporary) / "out", size_for(data, shards)
        if kill:
            threading.Thread(target=kill_a_worker, args=(folder, max(1, shards // 5)), daemon=True).start()
        began = time.monotonic()
        merged = prepare_shards(data, DEFAULT_CHAIN, folder, size=size, engine=engine)
        assert merged is not None
        seconds, clips = time.monotonic() - began, sum(merged.clips.values())
        line = {"engine": engine, "shards": len(merged.plan.names), "killed": kill, "seconds": round(seconds, 1)}
        line |= {"clips_a_second": round(clips / seconds, 1), "megabytes": round(merged.size / 1e6, 1)}
        print(
            json.dumps(line | {"clips": clips, "errors": len(merged.errors), "digest": merged.digest[:16]}), flush=True
        )


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--engines", nargs="+", default=["local", "ray"])
    parser.add_argument("--counts", nargs="+", type=int, default=[10, 100])
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    # Ray's workers give way to every other process of a machine; the local engine does not.
    os.environ.setdefault("RAY_worker_niceness", "0")
    for shards in arguments.counts:
        for engine in arguments.engines:
            measure(arguments.data, engine, shards)
    if "ray" in arguments.engines:
        measure(arguments.data, "ray", arguments.counts[0], kill=True)


if __name__ == "__main__":
    main()
