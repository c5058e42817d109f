"""Measure whether a budget of time is kept, and what it gives.

    python benchmarks/budget.py CHECKPOINT DATA... [--budgets 30s,2min,10min] [--set key=value]

Each training is a command of its own, from the start of the interpreter to its end. For each data set and budget, one
line: the wall time and its share of the budget, the score of the test split, the stages with their seconds and
validation scores, and the stage that was kept. Recordings are cleaned before, by a command that is not measured; give
the machine nothing else to do.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from audio_ft import Data, InputError, Recipe, Run


def main() -> None:
    """Print a line for each data set and budget."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint")
    parser.add_argument("data", nargs="+")
    parser.add_argument("--budgets", default="30s,2min,10min")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    settings = [word for setting in arguments.set for word in ("--set", setting)]
    for data in arguments.data:
        first = ["train", "--model", arguments.checkpoint, "--data", data, *settings]
        with tempfile.TemporaryDirectory() as folder:
            # Cleans all recordings, which the next ones find in the cache.
            command(*first, "--set", "method=probe", "--output-dir", f"{folder}/run")
        for budget in arguments.budgets.split(","):
            print(measured(first, arguments.checkpoint, data, budget), flush=True)


def measured(first: list[str], checkpoint: str, data: str, budget: str) -> str:
    """Train within a budget in a temporary folder, and return the line of the table."""
    seconds = Recipe(model=checkpoint, data=Data(path=data)).replace(budget=budget).budget or 0.0
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        done = command(*first, "--budget", budget, "--output-dir", f"{folder}/run")
        wall = time.monotonic() - began
        line = f"{Path(checkpoint).name:<16}{Path(data).name:<12}{budget:<6}"
        try:
            run = Run.load(Path(folder) / "run")
        except InputError:
            return f"{line} {wall:.1f} s: {done.stderr.strip().splitlines()[-1]}"
    name = run.target.headline
    stages = ", ".join(
        f"{stage['name']} {stage['value']:.3f} ({stage['seconds']:.0f} s, {stage['steps']} steps)"
        for stage in run.budget["stages"]
    )
    return (
        f"{line} {wall:.1f} s ({wall / seconds:.1%})  {name} {run.scores['test'][name]}  "
        f"{run.budget['metric']} on validation: {stages}; kept {run.budget['kept']}. {run.budget['early']}"
    )


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run audio-ft in a process of its own."""
    return subprocess.run([sys.executable, "-m", "audio_ft", *words], capture_output=True, text=True, check=False)


if __name__ == "__main__":
    main()
