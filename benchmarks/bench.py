"""Run the rows of rows.toml, each ours against a named rival in one run, and write a table and a JSON.

    make bench                   # every row whose data is there
    make bench ROW=cleaning      # one row (or several: ROW="cleaning workers")
    python benchmarks/bench.py --list

A row is a script beside this file that ends with `report([...])`, and an entry in rows.toml: `script`, `arguments`
({shared} stands for the folder of data and checkpoints, {whisper} for the weights of whisper-tiny.en) and `packages` of
a rival, which are installed into a temporary folder. Rows run one after another, with one numeric thread unless
`threads` says otherwise. What a row measured replaces its lines in results.json and in the table of README.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomllib

HERE = Path(__file__).parent
RESULTS, TABLE = HERE / "results.json", HERE / "README.md"
BEGIN, END = "<!-- table: make bench -->\n", "<!-- end of table -->\n"
# Where a script writes what it measured, for the runner.
OUTPUT = "AUDIO_FT_BENCH_OUTPUT"
PLACES = {
    "{shared}": Path(os.environ.get("AUDIO_FT_SHARED", HERE.parents[1] / "shared")),
    "{whisper}": Path(os.environ.get("AUDIO_FT_WHISPER", Path.home() / ".cache/audio_ft_tests/whisper-tiny.en")),
}


@dataclass(frozen=True)
class Measurement:
    """Hold one line of the table, measured in one run.

    Attributes:
        work: what was done, with the unit.
        ours: our figure; smaller is better.
        rival: whose figure `other` is; without one the target is for `ours` itself.
        other: the rival's figure.
        at_most: the target: the most that `ours / other`, or `ours`, may be; None where there is none.
        score: what both answered, "ours / other", where speed could be had at its cost.
    """

    work: str
    ours: float
    rival: str = ""
    other: float | None = None
    at_most: float | None = None
    score: str = ""

    @property
    def judged(self) -> float:
        """Return what the target is for."""
        return self.ours if self.other is None else self.ours / self.other

    @property
    def verdict(self) -> str:
        """Return "met" or "missed", or nothing without a target."""
        return "" if self.at_most is None else "met" if self.judged <= self.at_most else "missed"


@dataclass(frozen=True)
class Used:
    """Hold what a process used: wall and processor seconds, and the megabytes at its peak."""

    wall: float
    processor: float
    megabytes: float


def used(command: Sequence[str], **environment: str) -> Used:
    """Run a command without its output and return what it used, with the processes it waited for.

    Raises:
        SystemExit: it fails.
    """
    # Modules are compiled once, as pip does for what it installs, whatever this shell says.
    compiled = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**compiled, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed")
    wall = time.perf_counter() - started
    return Used(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def report(lines: Iterable[Measurement]) -> None:
    """Print what a script measured, and hand it to the runner if that started it."""
    lines = list(lines)
    print("\n".join(table(lines)))
    if os.environ.get(OUTPUT):
        Path(os.environ[OUTPUT]).write_text(json.dumps([asdict(line) for line in lines]), encoding="utf-8")


def table(lines: Iterable[Measurement]) -> Iterator[str]:
    """Yield the rows of a Markdown table."""
    yield "| work | ours | other | ours / other | target | |"
    yield "|---|---|---|---|---|---|"
    for line in lines:
        other = "" if line.other is None else f"{line.rival}: {line.other:.3g}"
        ratio = "" if line.other is None else f"{line.judged:.2f}"
        target = "" if line.at_most is None else f"≤ {line.at_most:.3g}"
        work = f"{line.work} (scores: {line.score})" if line.score else line.work
        yield f"| {work} | {line.ours:.3g} | {other} | {ratio} | {target} | {line.verdict} |"


def main() -> None:
    """Run the rows that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--list", action="store_true", help="print the rows and end")
    arguments = parser.parse_args()
    rows = tomllib.loads((HERE / "rows.toml").read_text(encoding="utf-8"))
    if arguments.list:
        print("\n".join(f"{name:20}{row['work']}" for name, row in rows.items()))
        return
    if unknown := set(arguments.rows) - rows.keys():
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
    failed = [name for name in arguments.rows or rows if not run(name, rows[name])]
    results = measured_so_far()
    write_table({name: results[name] for name in rows if name in results})
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def run(name: str, row: Mapping[str, Any]) -> bool:
    """Run a row in a process of its own, and keep what it measured; return whether it ended well or had no data."""
    command = [filled(part) for part in row.get("arguments", ())]
    absent = [str(place) for key, place in PLACES.items() if key in str(row) and not place.exists()]
    if absent:
        print(f"\n{name}: skipped, there is no {', '.join(absent)}")
        return True
    print(f"\n{name}: {row['work']}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        output, packages = Path(scratch) / "measured.json", Path(scratch) / "packages"
        paths = [str(packages), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        if row.get("packages"):
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages)]
            subprocess.run([*pip, "-c", str(HERE.parent / "constraints.txt"), *row["packages"]], check=True)
        settings = {OUTPUT: str(output), "OMP_NUM_THREADS": str(row.get("threads", 1)), "HF_HUB_OFFLINE": "1"}
        settings |= {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "AUDIO_FT_CACHE": f"{scratch}/cache"}
        started, load = time.perf_counter(), os.getloadavg()[0]
        ended = subprocess.run(
            [sys.executable, str(HERE / row["script"]), *command], env={**os.environ, **settings}, check=False
        )
        if ended.returncode or not output.is_file():
            return False
        lines = json.loads(output.read_text(encoding="utf-8"))
    known = measured_so_far()
    facts = {"date": datetime.date.today().isoformat(), "machine": machine(), "seconds": time.perf_counter() - started}
    known[name] = {**facts, "load": load, "lines": lines}
    RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return True


def measured_so_far() -> dict[str, Any]:
    """Return what results.json has."""
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}


def filled(part: str) -> str:
    """Return an argument with its places filled in."""
    for key, place in PLACES.items():
        part = part.replace(key, str(place))
    return part


def machine() -> str:
    """Return processor and libraries in one line."""
    from audio_ft.system.machine import describe, versions

    facts, known = describe(), versions()
    libraries = ", ".join(f"{name} {known[name]}" for name in ("torch", "transformers", "datasets"))
    return f"{facts['processor']}, {facts['cores']} cores, Python {known['python']}, {libraries}"


def write_table(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the table of all rows into README.md, and below it when and where each was measured."""
    text = TABLE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    lines = [Measurement(**line) for row in results.values() for line in row["lines"]]
    when = [
        f"- {name}: {row['date']}, load {row['load']:.1f} before, {row['seconds']:.0f} s"
        for name, row in results.items()
    ]
    machines = dict.fromkeys(row["machine"] for row in results.values())
    body = "\n".join([*table(lines), "", *(f"Machine: {one}." for one in machines), "", *when, ""])
    TABLE.write_text(before + BEGIN + body + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
