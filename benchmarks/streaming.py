"""Measure a stream of shards: memory, bytes read against bytes used, resuming, and the shares of two nodes.

    python benchmarks/streaming.py FOLDER --clips 30000 [--source ../shared/data/emotion_de] [--shard-size 32]

Write into FOLDER as many clips, made of the recordings of the source at other speeds and gains and with noise (30,000
are about 3 GB), prepare them as shards, and read one epoch of batches as a training does, each measurement in a process
of its own. What is there is not made again.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from audio_ft.audio.clip import read, write
from audio_ft.augmentation import Gain, Noise, Speed
from audio_ft.augmentation.base import apply_wave
from audio_ft.cleaning.chain import DEFAULT_CHAIN, Chain
from audio_ft.cleaning.dataset import Cleaner
from audio_ft.cleaning.streamed import stream
from audio_ft.data import Data, load
from audio_ft.data.shards.plan import name_of
from audio_ft.data.shards.prepare import prepare_shards
from audio_ft.inference.batching import Windows
from audio_ft.parallel import parallel_map
from audio_ft.training.steps.stream_order import StreamSampler

BATCH, WINDOW = 16, 4.0


def make(source: Path, folder: Path, clips: int) -> Path:
    """Write the clips and their table, and return it."""
    table = folder / "clips.csv"
    if table.is_file():
        return table
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    rows = [row for split in load(Data(str(source))).splits.values() for row in split]
    jobs = ((rows[number % len(rows)]["audio"]["path"], folder / "raw" / f"{number:06d}.wav", number)
            for number in range(clips))  # fmt: skip
    for _ in parallel_map(changed, jobs, clips, describe="making clips"):
        pass
    with table.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["file_name", "label", "speaker_id", "split"])
        for number in range(clips):
            row = rows[number % len(rows)]
            split = ("validation", "test")[number % 2] if number % 20 < 2 else "train"
            lines.writerow([f"raw/{number:06d}.wav", row["target"], f"{row['group']}-{split}", split])
    return table


def changed(job: tuple[str, Path, int]) -> None:
    """Write a recording at another speed and gain and with noise."""
    path, target, number = job
    clip, rng = read(path), np.random.default_rng(number)
    wave = apply_wave((Speed(), Gain(), Noise()), clip.samples[0], clip.rate, rng)
    write(clip.with_samples(wave[np.newaxis] / max(1.0, float(np.abs(wave).max()))), target)


def multiplied(folder: Path, copies: int) -> Path:
    """Return shards with so many copies of each file of train, which is quicker than to make more clips."""
    target = folder.with_name(f"{folder.name}-x{copies}")
    if (target / "plan.json").is_file():
        return target
    plan, manifest = (json.loads((folder / name).read_bytes()) for name in ("plan.json", "manifest.json"))
    rows, count = pq.read_table(folder / "rows" / "train.parquet"), plan["shards"]["train"]
    (target / "shards").mkdir(parents=True)
    parts, shards = [], {name: own for name, own in manifest["shards"].items() if not name.startswith("train")}
    for copy in range(copies):
        names = {name_of("train", number, count): name_of("train", copy * count + number, copies * count)
                 for number in range(count)}  # fmt: skip
        for old, new in names.items():
            shutil.copy(folder / "shards" / f"{old}.parquet", target / "shards" / f"{new}.parquet")
            shards[new] = manifest["shards"][old]
        changed = {"shard": [names[name] for name in rows.column("shard").to_pylist()],
                   "key": [f"{key}#{copy}" for key in rows.column("key").to_pylist()]}  # fmt: skip
        parts.append(rows)
        for name, cells in changed.items():
            parts[-1] = parts[-1].set_column(rows.column_names.index(name), name, pa.array(cells))
    shutil.copytree(folder / "rows", target / "rows")
    pq.write_table(pa.concat_tables(parts), target / "rows" / "train.parquet")
    plan["shards"]["train"], plan["counts"]["train"] = count * copies, len(rows) * copies
    (target / "manifest.json").write_text(json.dumps(manifest | {"shards": shards}))
    (target / "plan.json").write_text(json.dumps(plan))
    return target


def windows_of(folder: Path) -> Windows:
    """Return the windows of the training clips."""
    loaded = load(Data(str(folder), streaming=True), need=("train",))
    return Windows(stream(loaded.splits["train"], Cleaner(Chain(()), 16_000)), None, WINDOW)


def bytes_read() -> int:
    """Return how many bytes this process has read."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("rchar")))


def peak() -> float:
    """Return the largest memory of this process so far in MB; getrusage would count that of the one that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def epoch(folder: Path, processes: int, process: int, skipped: int) -> dict[str, Any]:
    """Read the batches of one process but the first ones, and return what that took."""
    from accelerate.data_loader import BatchSamplerShard, skip_first_batches
    from torch.utils.data import BatchSampler, DataLoader

    windows = windows_of(folder)
    files = windows.files
    assert files is not None
    sampler = StreamSampler(windows.lengths, files, BATCH, 0, processes=processes)
    shard = BatchSamplerShard(BatchSampler(sampler, BATCH, False), processes, process, even_batches=False)
    batches = skip_first_batches(DataLoader(windows, batch_sampler=shard, collate_fn=list), skipped)  # type: ignore[arg-type]
    before, began, used, rows, early = bytes_read(), time.monotonic(), 0, [], 0.0
    for number, batch in enumerate(batches):
        rows.append([row["index"] for row in batch])
        used += sum(row["samples"].nbytes for row in batch)
        if number == 100:
            early = peak()
    return {
        "rows": rows,
        "windows": len(windows),
        "clips_mb": round(used / 1e6, 1),
        "read_mb": round((bytes_read() - before) / 1e6, 1),
        "files_mb": round(sum(file.stat().st_size for file in (folder / "shards").glob("train-*.parquet")) / 1e6, 1),
        "files": len(set(files[np.concatenate(rows)].tolist())),
        "seconds": round(time.monotonic() - began, 1),
        "peak_mb_after_100_batches": round(early),
        "peak_mb": round(peak()),
    }


def measured(folder: Path, processes: int = 1, process: int = 0, skipped: int = 0) -> dict[str, Any]:
    """Return what `epoch` measures in a new process."""
    command = [sys.executable, __file__, str(folder), "--epoch", str(processes), str(process), str(skipped)]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]))


def main() -> None:
    """Make the data and print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", type=Path, default=Path("../shared/data/emotion_de"))
    parser.add_argument("--clips", type=int, default=30_000)
    parser.add_argument("--shard-size", type=float, default=32.0)
    parser.add_argument("--copies", type=int, default=1, help="of each file of train")
    parser.add_argument("--epoch", nargs=3, type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.epoch:
        print(json.dumps(epoch(arguments.folder, *arguments.epoch)))
        return
    table, shards = make(arguments.source, arguments.folder, arguments.clips), arguments.folder / "out"
    began = time.monotonic()
    merged = prepare_shards(str(table), DEFAULT_CHAIN, shards, size=arguments.shard_size)
    assert merged is not None
    print(f"prepared: {len(merged.plan.names)} shards, {merged.size / 1e6:.0f} MB, {time.monotonic() - began:.0f} s")
    if arguments.copies > 1:
        shards = multiplied(shards, arguments.copies)
    whole = measured(shards)
    rows = whole.pop("rows")
    print("one epoch:", json.dumps(whole))
    at = len(rows) * 3 // 4
    resumed = measured(shards, skipped=at)
    print("resumed at three quarters:", {"same batches": resumed.pop("rows") == rows[at:], **resumed})
    nodes = [measured(shards, 2, node) for node in range(2)]
    shares = [set(chain.from_iterable(node.pop("rows"))) for node in nodes]
    complete = len(shares[0] | shares[1]) == whole["windows"]
    sizes = [len(share) for share in shares]
    print("two nodes:", {"disjoint": not shares[0] & shares[1], "complete": complete, "windows": sizes})
    for node in nodes:
        print("  node:", json.dumps(node))


if __name__ == "__main__":
    main()
