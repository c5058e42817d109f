"""Fuzz the doors of audio_ft with atheris: `python tests/fuzz [--seconds 60] [DOOR …]`, one process a door.

Prints executions, minutes, crashes and hangs of each; an input that breaks a door is kept in `.fuzz/`. A crash is any
exception but InputError, a fault of the processor, or more than 2 GB; a hang is an input that takes over ten seconds.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOLDER = Path(".fuzz")
DOORS = ["data", "decoder", "manifest", "settings", "track"]


def main() -> int:
    """Fuzz the doors one after another and return 1 if any broke."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("doors", nargs="*", metavar="DOOR", default=DOORS)
    parser.add_argument("--seconds", type=float, default=60, help="for all doors together")
    arguments = parser.parse_args()
    return max([fuzz(door, arguments.seconds / len(arguments.doors)) for door in arguments.doors])


def fuzz(door: str, seconds: float) -> int:
    """Fuzz one door in another process, whose crash does not end this one, and print what came out."""
    corpus, broken = FOLDER / door, FOLDER / "broken"
    for folder in (corpus, broken):
        folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    command = [sys.executable, str(Path(__file__).with_name("fuzz_one.py")), door, str(corpus), "-print_final_stats=1"]
    command += [f"-max_total_time={max(1, round(seconds))}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=20000"]
    command += ["-reload=0", "-verbosity=1", f"-artifact_prefix={broken}/{door}-"]
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="audio_ft-fuzz-", dir=memory if memory.is_dir() else None) as place:
        environment = {**os.environ, "AUDIO_FT_FUZZ": place}
        outcome = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, env=environment
        )
    text = outcome.stdout + outcome.stderr
    ran = re.findall(r"number_of_executed_units:\s*(\d+)", text) or re.findall(r"#(\d+)", text)
    hung = "ALARM: working on the last Unit" in text or "libFuzzer: timeout" in text
    crashed = outcome.returncode != 0 and not hung
    minutes = (time.monotonic() - start) / 60
    sys.stdout.write(
        f"{door:<10}{int(ran[-1] if ran else 0):>10,} executions  {minutes:5.1f} min  {int(crashed)} crashes  "
        f"{int(hung)} hangs\n"
    )
    sys.stdout.flush()
    if crashed or hung:
        sys.stdout.write(text[-6000:])
    return int(crashed or hung)


if __name__ == "__main__":
    sys.exit(main())
