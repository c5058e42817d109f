"""Compare cleaning as one composed map with one map per step: time and disk space.

    python benchmarks/cleaning.py [CLIPS]

Both clean the same two-second 44.1 kHz stereo recordings with the same steps in one process. Prints the
seconds and megabytes of each and their ratios.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from datasets import Audio, Dataset, disable_progress_bars

from audio_ft.audio.clip import Clip, read
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.cleaning.dataset import Cleaner, clean

SHIPPED = Path(__file__).parents[1] / "audio_ft" / "assets" / "wav2vec2-mini"


def recordings(folder: Path, count: int) -> Dataset:
    """Write noisy two-second stereo recordings and return them as undecoded rows."""
    rng = np.random.default_rng(0)
    paths = []
    for index in range(count):
        path = folder / f"{index}.wav"
        envelope = np.hanning(88_200)[:, None]
        soundfile.write(path, 0.2 * envelope * rng.standard_normal((88_200, 2)), 44_100)
        paths.append(str(path))
    rows = Dataset.from_dict({"audio": paths, "key": paths})
    return rows.cast_column("audio", Audio(decode=False))


def bytes_under(folder: Path) -> int:
    """Return the size in bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def step_by_step(rows: Dataset, cache: Path) -> None:
    """Clean as tutorials do: decode, then one map per step, with samples as lists of floats."""

    def decode(row: dict[str, Any]) -> dict[str, Any]:
        clip = read(row["audio"]["path"])
        return {"samples": clip.samples.tolist(), "rate": clip.rate}

    current = rows.map(decode, remove_columns=["audio"], cache_file_name=str(cache / "decode.arrow"))
    for number, step in enumerate(DEFAULT_CHAIN.steps):

        def apply(row: dict[str, Any], step: Any = step) -> dict[str, Any]:
            clip = step(Clip(np.asarray(row["samples"], np.float32), row["rate"]))
            return {"samples": clip.samples.tolist(), "rate": clip.rate}

        current = current.map(apply, cache_file_name=str(cache / f"{number}.arrow"))


def main() -> None:
    """Run both and print time and size."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    disable_progress_bars()
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / name for name in ("wav", "composed", "separate", "warm")]
        for folder in folders:
            folder.mkdir()
        rows = recordings(folders[0], count)
        cleaner = Cleaner(DEFAULT_CHAIN, sample_rate=16_000)
        clean(rows.select(range(2)), cleaner, name="warm-up", workers=1, cache=folders[3])
        started = time.perf_counter()
        clean(rows, cleaner, name="bench", workers=1, cache=folders[1])
        composed = time.perf_counter() - started
        step_by_step(rows, folders[2])
        separate = time.perf_counter() - started - composed
        small, large = bytes_under(folders[1]) / 1e6, bytes_under(folders[2]) / 1e6
    print(f"one composed map    {composed:6.2f} s {small:8.1f} MB")
    print(f"one map per step    {separate:6.2f} s {large:8.1f} MB")
    print(f"ratio               {separate / composed:6.2f}   {large / small:8.1f}")


if __name__ == "__main__":
    main()
