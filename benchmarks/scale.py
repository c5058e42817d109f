"""Plan cleaning and training of 10 to 50,000 hours on 1 to 64 GPUs: how long, how many bytes, and what is slowest.

    python benchmarks/scale.py                    # the tables of docs/scale.md, from scale.json
    python benchmarks/scale.py --measure SHARED   # measures scale.json again; SHARED has data/ and checkpoints/

What this machine can measure is in scale.json (scale_constants.py says how). What it cannot is `ASSUMED`, the one table
to change for another cluster, and `NETWORKS`: operations counted by torch's FlopCounterMode on the published sizes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scale_constants import Check, Constants, measure, to_json

KEPT = Path(__file__).with_name("scale.json")
HOURS, GPUS = (10, 100, 2_000, 50_000), (1, 8, 64)
# Passes over the data: small sets need more.
EPOCHS = {10: 20, 100: 10, 2_000: 3, 50_000: 1}


@dataclass(frozen=True)
class Assumed:
    """Hold what was not measured: figures of hardware that is not here, and of the recordings.

    Attributes:
        peak: bf16 operations a second of a GPU, dense, as its maker states for an H100 SXM.
        utilization: the share of it that training reaches.
        node: GPUs in a machine.
        cores: processor cores for each GPU.
        core: speed of such a core beside one of the machine that measured.
        storage: bytes a second that a machine reads from shared storage (25 Gbit/s).
        inside: bytes a second between GPUs of a machine (NVLink, a third of 900 GB/s).
        between: bytes a second between machines (400 Gbit/s for each).
        batch: seconds of audio in a batch of one GPU.
        clip: seconds of a clip.
        format: of the recordings.
        copies: processor seconds to compare 100,000 clips with each other (benchmarks/leaks.py), in one process.
        validation: share of the clips; it is scored once an epoch.
        start: seconds until the first step: libraries, weights, tables.
    """

    peak: float = 989e12
    utilization: float = 0.35
    node: int = 8
    cores: int = 12
    core: float = 1.0
    storage: float = 3.1e9
    inside: float = 300e9
    between: float = 50e9
    batch: float = 160.0
    clip: float = 6.0
    format: str = "flac"
    copies: float = 9.8
    validation: float = 0.05
    start: float = 60.0


ASSUMED = Assumed()
# Millions of weights, and billions of operations of a forward pass for a second of audio: clips of 6 s, or a window of
# 30 s that is full of them, with 100 tokens.
NETWORKS = {"wav2vec2-base": (95, 14.5), "whisper-large-v3": (1_543, 92.5)}


@dataclass(frozen=True)
class Cell:
    """Hold the plan for so many hours on so many GPUs; `parts` are the seconds of each part that could be slowest."""

    hours: int
    gpus: int
    cleaning: float
    comparing: float
    start: float
    steps: float
    parts: dict[str, float]

    @property
    def training(self) -> float:
        """Return the seconds of training: its start, then the slowest of its parts, which overlap."""
        return self.start + max(self.parts.values())

    @property
    def slowest(self) -> str:
        """Return what has to become faster first."""
        steps = {**self.parts, "cleaning CPU": self.cleaning, "comparing": self.comparing, "start": self.start}
        return max(steps, key=steps.__getitem__)


def planned(measured: Constants, assumed: Assumed, network: str, hours: int, gpus: int) -> Cell:
    """Return the plan of one cell."""
    weights, forward = NETWORKS[network]
    seconds, epochs = hours * 3600.0, EPOCHS[hours]
    nodes, cores = -(-gpus // assumed.node), gpus * assumed.cores * assumed.core
    clips = seconds / assumed.clip
    read = seconds * measured.source[assumed.format] / (assumed.storage * nodes)
    compute = clips * measured.cleaning_clip + seconds * measured.cleaning[assumed.format]
    # Forward and backward, and a forward pass of the validation clips, in each epoch.
    passes = epochs * seconds * (3 + assumed.validation)
    a_clip = measured.batch_clip + assumed.clip * measured.batch
    steps = epochs * seconds / (assumed.batch * gpus)
    # A ring sends each gradient twice; the slowest link decides.
    link = assumed.inside if gpus <= assumed.node else assumed.between
    sent = 2 * 4e6 * weights * (gpus - 1) / gpus
    return Cell(
        hours,
        gpus,
        cleaning=max(compute / cores, read),
        # 2.1 times the time for twice the clips.
        comparing=assumed.copies * (clips / 100_000) ** 1.07,
        start=assumed.start,
        steps=steps,
        parts={
            "GPU": passes * forward * 1e9 / (assumed.peak * assumed.utilization * gpus),
            "batch CPU": epochs * clips * a_clip / cores,
            "storage": epochs * seconds * measured.shards / (assumed.storage * nodes),
            "links": steps * sent / link,
        },
    )


def table(measured: Constants, assumed: Assumed, network: str) -> Iterator[str]:
    """Yield the plan of a network for all cells."""
    yield "| hours | GPUs | cleaning | comparing | training | steps | GPU | batch CPU | storage | links | slowest |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for hours in HOURS:
        for gpus in GPUS:
            cell = planned(measured, assumed, network, hours, gpus)
            parts = " | ".join(
                f"{share:.0%}" for share in (part / max(cell.parts.values()) for part in cell.parts.values())
            )
            times = " | ".join(duration(part) for part in (cell.cleaning, cell.comparing, cell.training))
            yield f"| {hours:,} | {gpus} | {times} | {cell.steps:,.0f} | {parts} | {cell.slowest} |"


def bytes_table(measured: Constants, assumed: Assumed) -> Iterator[str]:
    """Yield what is on the disk."""
    yield "| hours | recordings | shards | clips | " + " | ".join(f"checkpoint of {name}" for name in NETWORKS) + " |"
    yield "|---|---|---|---|" + "---|" * len(NETWORKS)
    for hours in HOURS:
        seconds = hours * 3600.0
        saved = " | ".join(size(measured.checkpoint * weights * 1e6) for weights, _ in NETWORKS.values())
        yield (
            f"| {hours:,} | {size(seconds * measured.source[assumed.format])} | {size(seconds * measured.shards)} | "
            f"{seconds / assumed.clip:,.0f} | {saved} |"
        )


def constants_table(measured: Constants) -> Iterator[str]:
    """Yield what was measured."""
    yield "| constant | measured |"
    yield "|---|---|"
    yield f"| cleaning, whatever the duration | {1e3 * measured.cleaning_clip:.2f} ms a clip |"
    for name, cost in measured.cleaning.items():
        yield f"| cleaning {name}, 44.1 kHz, stereo | {1e3 * cost:.2f} ms for a second of audio |"
        yield f"| {name}, 44.1 kHz, stereo | {size(3600 * measured.source[name])} an hour |"
    yield f"| shards of speech | {size(3600 * measured.shards)} an hour |"
    batch = f"{1e3 * measured.batch_clip:.2f} ms a clip, and {1e3 * measured.batch:.2f} ms for a second of audio"
    yield f"| a batch from shards, augmented | {batch} |"
    yield f"| a training step of wav2vec2-mini, batch 16 | {1e3 * measured.step:.1f} ms for a second of audio |"
    yield f"| that is | {measured.flops / 1e9:.0f} billion operations a second |"
    yield f"| checkpoint | {measured.checkpoint:.1f} bytes a weight |"


def checks_table(checks: list[Check]) -> Iterator[str]:
    """Yield the predictions beside what the runs took."""
    yield "| work | clips | predicted | measured | off by |"
    yield "|---|---|---|---|---|"
    for check in checks:
        yield f"| {check.work} | {check.clips:,} | {check.predicted:.3g} | {check.measured:.3g} | {check.error:+.1%} |"


def duration(seconds: float) -> str:
    """Return a duration with its unit."""
    units = (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0))
    unit, length = next(((unit, length) for unit, length in units if seconds >= 2 * length), ("s", 1.0))
    return f"{seconds / length:,.3g} {unit}"


def size(count: float) -> str:
    """Return bytes with their unit."""
    unit, length = next((pair for pair in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)) if count >= pair[1]), ("kB", 1e3))
    return f"{count / length:,.3g} {unit}"


def main() -> None:
    """Print the plan, after measuring if that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", type=Path, metavar="SHARED")
    arguments = parser.parse_args()
    if arguments.measure:
        KEPT.write_text(to_json(*measure(arguments.measure)), encoding="utf-8")
    plain = json.loads(KEPT.read_text(encoding="utf-8"))
    measured, checks = Constants(**plain["constants"]), [Check(**check) for check in plain["checks"]]
    parts = {"Measured": constants_table(measured), "Predicted and measured": checks_table(checks)}
    parts["On the disk"] = bytes_table(measured, ASSUMED)
    parts |= {network: table(measured, ASSUMED, network) for network in NETWORKS}
    for title, lines in parts.items():
        print(f"\n{title}\n", *lines, sep="\n")


if __name__ == "__main__":
    main()
