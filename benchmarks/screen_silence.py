"""Measure the longest time without a change on the screen while a command runs, recorded in tmux at 80 columns.

    python benchmarks/screen_silence.py audio-ft train --model … --data … --output-dir …

Each screen that differs from the one before is kept, with the second at which it appeared (--frames FILE writes them
all). Printed are the longest times without a change, with the last line of the screen at that time.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

COLUMNS, ROWS, PERIOD = 80, 30, 0.1
MOST_NAMED = 5


def tmux(socket: Path, *words: str) -> str:
    """Run a command of tmux on a server of our own, and return what it prints."""
    return subprocess.run(["tmux", "-S", str(socket), *words], capture_output=True, text=True, check=False).stdout


def record(words: Sequence[str]) -> tuple[list[tuple[float, str]], float, int]:
    """Run a command on a screen of its own; return its screens with their seconds, the seconds it took, its code."""
    with tempfile.TemporaryDirectory() as scratch:
        socket, code = Path(scratch, "tmux"), Path(scratch, "code")
        # The pane ends only after its last screen was read.
        shell = f"{shlex.join(words)}; echo $? > {shlex.quote(str(code))}.new; mv {code}.new {code}; sleep 1000"
        tmux(socket, "-f", os.devnull, "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), shell)
        begin, frames = time.monotonic(), list[tuple[float, str]]()
        while True:
            ended = code.exists()
            screen = tmux(socket, "capture-pane", "-p").rstrip()
            if not frames or screen != frames[-1][1]:
                frames.append((time.monotonic() - begin, screen))
            if ended:
                break
            time.sleep(PERIOD)
        seconds = time.monotonic() - begin
        exit_code = int(code.read_text())
        tmux(socket, "kill-server")
    return frames, seconds, exit_code


def silences(frames: Sequence[tuple[float, str]], seconds: float) -> list[tuple[float, float, str]]:
    """Return (length, begin, last line of the screen then) of each time without a change, the longest first."""
    ends = [at for at, _ in frames[1:]] + [seconds]
    found = [(end - at, at, (screen or " ").splitlines()[-1]) for (at, screen), end in zip(frames, ends, strict=True)]
    return sorted(found, reverse=True)


def main() -> None:
    """Record a command, and print where its screen stood still."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, metavar="FILE", help="write all screens")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    frames, seconds, code = record(arguments.command)
    if arguments.frames:
        text = "".join(f"--- {at:.1f} s\n{screen}\n" for at, screen in frames)
        arguments.frames.write_text(text, encoding="utf-8")
    print(f"exit code {code} after {seconds:.1f} s, {len(frames):,} screens; longest times without a change:")
    for length, at, line in silences(frames, seconds)[:MOST_NAMED]:
        print(f"{length:6.1f} s from {at:6.1f} s on: {line}")


if __name__ == "__main__":
    main()
