"""How many planted copies of recordings are found, how many clips are accused wrongly, and how the search grows.

    python benchmarks/leaks.py DATA [DATA …] [--copies 50] [--clips 100000]

DATA are folders of recordings, such as shared/data/digits. Every kind of copy is made of `--copies` random recordings
of each folder: as it is, as MP3 at 64 kbit/s, as Opus at 32 and 24 kbit/s, at 44,100 Hz, at 8,000 or 16,000 Hz, with 24
bits, with a gain of -20 to +3 dB, cut at both ends by 5 to 20 %, cut and gained, and inside a longer recording between
two others. All are cleaned by the default chain, as in training. A false alarm is a recording of the folder that is
called a copy of another one although their waves, aligned within 20 ms, correlate less than 0.9.

`--clips` simulates a large set: sums of two recordings at random speeds (0.7 to 1.4), which have the statistics of
sound. Pairs that are found there have a recording in common at speeds within 5 %; others are false alarms. Into the
largest set the planted copies of all folders are put, against the recordings that they were made of.
"""

from __future__ import annotations

import argparse
import io
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio_ft.audio.clip import Clip, read
from audio_ft.audio.fingerprint import fingerprint
from audio_ft.augmentation.codec import encoded
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.data.leaks.copies import Copy, find_copies

RATE = 16_000
Wave = NDArray[np.float32]


def wav(samples: Wave, rate: int, subtype: str = "PCM_16") -> bytes:
    """Return samples as the content of a file."""
    content = io.BytesIO()
    soundfile.write(content, np.clip(samples, -1, 1), rate, format="WAV", subtype=subtype)
    return content.getvalue()


def copies_of(clip: Clip, others: list[Wave], rng: np.random.Generator) -> Iterator[tuple[str, bytes]]:
    """Yield each kind of copy as a file; `others` are what it is put between."""
    wave, rate = clip.samples.mean(axis=0), clip.rate
    gain = np.float32(10 ** (rng.uniform(-20, 3) / 20))
    start, stop = (int(len(wave) * share) for share in (rng.uniform(0.05, 0.2), rng.uniform(0.8, 0.95)))
    pause = rng.normal(0, 1e-4, int(0.3 * rate)).astype(np.float32)
    other_rate = 8_000 if rate == 16_000 else 16_000
    yield "exact", wav(wave, rate)
    yield "MP3, 64 kbit/s", encoded(clip, "libmp3lame", "mp3", 16_000, 64)
    yield "Opus, 32 kbit/s", encoded(clip, "libopus", "ogg", 48_000, 32)
    yield "Opus, 24 kbit/s", encoded(clip, "libopus", "ogg", 48_000, 24)
    yield "44,100 Hz", wav(soxr.resample(wave, rate, 44_100), 44_100)
    yield "8,000 or 16,000 Hz", wav(soxr.resample(wave, rate, other_rate), other_rate)
    yield "24 bits", wav(wave, rate, "PCM_24")
    yield "gained", wav(wave * gain, rate)
    yield "cut", wav(wave[start:stop], rate)
    yield "cut and gained", wav(wave[start:stop] * gain, rate)
    yield "inside a longer one", wav(np.concatenate([others[0], pause, wave, pause, others[1]]), rate)


def cleaned(source: str | bytes) -> Wave:
    """Return the clean samples of a recording."""
    return DEFAULT_CHAIN(read(source)).samples[0]


def confirmed(one: Wave, other: Wave, copy: Copy) -> bool:
    """Return whether two waves correlate where the copy aligns them."""
    lag = round(copy.lag * 0.004 * RATE)
    start, stop = max(lag, 0), min(len(one), len(other) + lag)
    here, there = one[start:stop], other[start - lag : stop - lag]
    size = 2 * len(here)
    both = np.fft.irfft(np.fft.rfft(here, size) * np.conj(np.fft.rfft(there, size)), size)
    near = np.abs(np.concatenate([both[:320], both[-320:]])).max()
    return bool(near > 0.9 * np.linalg.norm(here) * np.linalg.norm(there))


Codes = NDArray[np.uint32]
# Fingerprints of recordings, and by kind (place of the recording, fingerprint of its copy).
Planted = tuple[list[Codes], dict[str, list[tuple[int, Codes]]]]


def measure(folder: Path, count: int) -> Planted:
    """Print the recall by kind and the false alarms of one folder, and return what was planted."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".wav", ".flac", ".mp3", ".ogg"))
    rng = np.random.default_rng(0)
    waves = [cleaned(str(path)) for path in files]
    started = time.process_time()
    prints = [fingerprint(wave, RATE) for wave in waves]
    computed = time.process_time() - started
    found = find_copies(prints)
    searched = time.process_time() - started - computed
    real = [copy for copy in found if confirmed(waves[copy.first], waves[copy.second], copy)]
    wrong = {clip for copy in found if copy not in real for clip in copy[:2]}
    seconds = sum(map(len, waves)) / RATE / len(waves)
    print(f"{folder.name}: {len(files):,} clips of {seconds:.2f} s")
    print(f"  false alarms: {len(wrong)} of {len(files):,} clips ({len(wrong) / len(files):.2%})")
    print(f"  copies in the data itself, confirmed by their waves: {len(real)} pairs")
    print(f"  a clip: {1e3 * computed / len(files):.2f} ms for its fingerprint, "
          f"{1e3 * searched / len(files):.2f} ms to search all others")  # fmt: skip
    planted: dict[str, list[tuple[int, Codes]]] = {}
    for place in rng.permutation(len(files))[:count].tolist():
        clip = read(str(files[place]))
        others = [read(str(files[other])) for other in rng.integers(0, len(files), 2)]
        between = [soxr.resample(other.samples.mean(axis=0), other.rate, clip.rate)[::-1] for other in others]
        for kind, content in copies_of(clip, between, rng):
            planted.setdefault(kind, []).append((place, fingerprint(cleaned(content), RATE)))
    for kind, copies in planted.items():
        pairs = {copy[:2] for copy in find_copies([*prints, *(codes for _, codes in copies)])}
        hits = sum((place, len(prints) + row) in pairs for row, (place, _) in enumerate(copies))
        print(f"  {kind:<22}{hits}/{len(copies)}")
    return prints, planted


def simulated(folders: list[Path], clips: int) -> tuple[list[Codes], list[dict[int, float]]]:
    """Return the fingerprints of sounds, each of two recordings at random speeds, and these speeds by recording."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in (".wav", ".flac")]
    waves = [cleaned(str(path))[: 2 * RATE] for path in files]
    rng = np.random.default_rng(0)
    prints, speeds = [], []
    for _ in range(clips):
        made, parts = {}, []
        for _ in range(2):
            number = int(rng.integers(len(waves)))
            made[number] = rng.uniform(0.7, 1.4)
            wave = waves[number] / np.abs(waves[number]).max()
            parts.append(np.asarray(soxr.resample(wave, RATE, RATE * made[number], quality="QQ")))
        length = min(map(len, parts))
        prints.append(fingerprint(parts[0][:length] + parts[1][:length], RATE))
        speeds.append(made)
    return prints, speeds


def recall_among(prints: list[Codes], planted: list[Planted]) -> None:
    """Print by kind how many copies are found where the recordings that they were made of are among many others."""
    known, copies = list(prints), list[Codes]()
    wanted: dict[str, list[tuple[int, int]]] = {}
    for own, kinds in planted:
        for kind, made in kinds.items():
            wanted.setdefault(kind, []).extend((len(known) + place, len(copies) + row) for row, (place, _) in
                                               enumerate(made))  # fmt: skip
            copies += [codes for _, codes in made]
        known += own
    found = {copy[:2] for copy in find_copies([*known, *copies], [0] * len(known) + [1] * len(copies))}
    for kind, pairs in wanted.items():
        hits = sum((place, len(known) + row) in found for place, row in pairs)
        print(f"  {kind:<22}{hits}/{len(pairs)} among {len(known):,}")


def timed(prints: list[Codes], sides: list[int]) -> tuple[list[Copy], float, float]:
    """Return the pairs found, the CPU seconds, and the peak memory in bytes of a search."""
    started = time.process_time()
    found = find_copies(prints, sides)
    took = time.process_time() - started
    tracemalloc.start()
    find_copies(prints, sides)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, took, peak


def main() -> None:
    """Print all measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--only-growth", action="store_true", help="leave out the planted copies")
    parser.add_argument("--copies", type=int, default=50)
    parser.add_argument("--clips", type=int, default=100_000)
    arguments = parser.parse_args()
    planted = [measure(folder, arguments.copies) for folder in arguments.folders if not arguments.only_growth]
    prints, speeds = simulated(arguments.folders, arguments.clips)
    print(f"simulated: {sum(map(len, prints)) * 4 / 1e6:.0f} MB of fingerprints for {len(prints):,} clips")
    before = 0.0
    for number in (len(prints) // 8, len(prints) // 4, len(prints) // 2, len(prints)):
        sides = [2 if clip % 10 == 0 else 1 if clip % 10 == 1 else 0 for clip in range(number)]
        found, took, peak = timed(prints[:number], sides)
        ratio = f"{took / before:.2f} times the half, " if before else ""
        before = took
        wrong = [copy for copy in found if not alike(speeds[copy.first], speeds[copy.second])]
        print(f"  {number:>7,} clips in 3 splits: {took:.2f} s of CPU, {ratio}{1e3 * took / number:.3f} ms a clip, "
              f"{peak / 1e6:,.0f} MB, {len(found):,} pairs, false alarms {len(wrong):,}")  # fmt: skip
    if planted:
        recall_among(prints, planted)


def alike(one: dict[int, float], other: dict[int, float]) -> bool:
    """Return whether two sounds have a recording in common at nearly the same speed."""
    return any(abs(one[wave] / other[wave] - 1) < 0.05 for wave in one.keys() & other.keys())


if __name__ == "__main__":
    main()
