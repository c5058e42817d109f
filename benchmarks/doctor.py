"""Show which planted faults `audio-ft inspect` finds, and what it finds in recordings that nobody touched.

    python benchmarks/doctor.py ../shared/data/emotion_de ../shared/data/digits ../shared/data/prompts_asr

Of each data set, every kind of fault is planted in 30 recordings; the others are left as they are. The thresholds were
chosen on emotion_de, the others were only measured. Where a set has real faults (one speaker of digits hisses), they
count as false alarms here. Hum is measured in recordings of a second or more, and faint hiss in those of half a second,
which few of digits are: inspect calls the others too short to judge. An mp3 of 64 kbit/s is cut off only at high rates,
and these sets have 16 or 8 kHz: for it their samples are taken as recorded at 44.1 kHz, and one row shows them before
the mp3. Takes about two minutes.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from audio_ft.audio.clip import Clip, read, write
from audio_ft.audio.resampling import resample
from audio_ft.data import Data
from audio_ft.doctor.inspect import inspect

PLANTED = 30
Fault = Callable[[Clip, int, np.random.Generator], Clip]


def rms(clip: Clip) -> float:
    """Return the root mean square of all samples."""
    return float(np.sqrt(np.mean(np.square(clip.samples, dtype=np.float64))))


def fitted(clip: Clip, samples: Any) -> Clip:
    """Return a clip with samples that are attenuated where they would exceed full scale."""
    return clip.with_samples(samples / max(1.0, float(np.abs(samples).max())))


def clipped(gains: tuple[float, ...], clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Cut off 0.3, 1 or 5 % of the samples, and attenuate."""
    share = (0.003, 0.01, 0.05)[number % 3]
    level = np.quantile(np.abs(clip.samples), 1 - share)
    return clip.with_samples(np.clip(clip.samples, -level, level) / level * gains[number % len(gains)])


def up_sampled(clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Save what has 8 kHz with 16 kHz."""
    return resample(resample(clip, 8_000), 16_000)


def mp3(kilobits: int, clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Encode as MP3 with a constant bit rate, and decode."""
    import av

    content = io.BytesIO()
    with av.open(content, "w", format="mp3") as file:
        stream: Any = file.add_stream("libmp3lame", rate=clip.rate)
        stream.bit_rate, stream.layout = kilobits * 1000, "mono"
        steps = np.clip(np.rint(clip.samples[:1] * 32767), -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(steps, format="s16p", layout="mono")
        frame.sample_rate = clip.rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return read(content.getvalue())


def as_wide(clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Return the same samples as if recorded at 44.1 kHz: what filled half of the old rate fills half of that."""
    return Clip(clip.samples, 44_100)


def offset(clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Add a DC offset of 0.05, 0.1 or 0.2."""
    return clip.with_samples(np.clip(clip.samples * 0.7 + (0.05, 0.1, 0.2)[number % 3], -1, 1))


def hiss(clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Add white noise at an SNR of 5, 10 or 15 dB."""
    level = rms(clip) * 10 ** (-(5, 10, 15)[number % 3] / 20)
    return fitted(clip, clip.samples + rng.standard_normal(clip.samples.shape) * level)


def hum(clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Add hum of 50 or 60 Hz with harmonics, 10 or 20 dB below the speech."""
    mains, below = (50, 60)[number % 2], (10, 20)[number // 2 % 2]
    moments = np.arange(clip.length) / clip.rate
    weights = (1, 0.6, 0.7, 0.2, 0.3, 0.1)
    wave = sum(
        weight * np.sin(2 * np.pi * harmonic * mains * moments + rng.uniform(0, 6.28))
        for harmonic, weight in enumerate(weights, start=1)
    )
    return fitted(clip, clip.samples + wave * (rms(clip) * 10 ** (-below / 20) / np.sqrt(np.mean(np.square(wave)))))


def near_silent(clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Attenuate to a peak of -50, -55 or -60 dBFS."""
    peak = 10 ** (-(50, 55, 60)[number % 3] / 20)
    return clip.with_samples(clip.samples * (peak / float(np.abs(clip.samples).max())))


def scaled(left: float, right: float, clip: Clip, number: int, rng: np.random.Generator) -> Clip:
    """Return stereo with the channel multiplied for both sides."""
    return clip.with_samples(np.concatenate([clip.samples[:1] * left, clip.samples[:1] * right]))


# Each fault: the finding that should name it, and how it is planted; None: only the file is changed.
FAULTS: dict[str, tuple[str, Fault | None]] = {
    "clipped": ("clipped", partial(clipped, (1.0,))),
    "clipped, then attenuated": ("clipped", partial(clipped, (0.5, 0.1))),
    "8 kHz saved with 16 kHz": ("up-sampled", up_sampled),
    "mp3 of 24 kbit/s at 16 kHz": ("up-sampled", partial(mp3, 24)),
    "mp3 of 64 kbit/s at 44.1 kHz": ("up-sampled", lambda clip, *more: mp3(64, as_wide(clip, *more), *more)),
    "(44.1 kHz before that mp3)": ("up-sampled", as_wide),
    "DC offset": ("DC offset", offset),
    "hiss": ("hiss", hiss),
    "hum": ("hum", hum),
    "silent": ("silent", partial(scaled, 0.0, 0.0)),
    "near-silent": ("near-silent", near_silent),
    "anti-phase": ("anti-phase", partial(scaled, 0.7, -0.7)),
    "dead channel": ("dead channel", partial(scaled, 0.7, 0.0001)),
    "truncated": ("truncated", None),
    "copies": ("duplicate", None),
}


def save(clip: Clip, file: Path) -> None:
    """Write a clip with 16 bits, its peaks within full scale."""
    write(clip.with_samples(np.clip(clip.samples, -1, 1)), file)


def plant(folder: Path, files: list[Path], seed: int = 0) -> tuple[int, dict[str, int]]:
    """Fill a folder with untouched recordings and planted faults; return the number of each."""
    rng = np.random.default_rng(seed)
    order = [files[place] for place in rng.permutation(len(files))]
    counts, used = {}, 0
    for name, (_, fault) in FAULTS.items():
        (folder / name).mkdir(parents=True)
        chosen = order[used : used + PLANTED]
        if name == "mp3 of 24 kbit/s at 16 kHz" and read(str(chosen[0])).rate < 16_000:
            chosen = []
        for number, file in enumerate(chosen):
            _plant_one(folder / name, file, number, name, fault, rng)
        counts[name], used = len(chosen), used + len(chosen)
    (folder / "untouched").mkdir()
    for file in order[used:]:
        os.symlink(file, folder / "untouched" / f"{file.parent.name}-{file.name}")
    return len(order) - used, counts


def _plant_one(folder: Path, file: Path, number: int, name: str, fault: Fault | None, rng: np.random.Generator) -> None:
    clip, target = read(str(file)), folder / f"{number:02d}.wav"
    if fault is not None:
        save(fault(clip, number, rng), target)
    elif name == "truncated":
        save(clip, target)
        content = target.read_bytes()
        target.write_bytes(content[: len(content) * (50 + number) // 100])
    else:  # two copies: the same bytes, or another container
        shutil.copyfile(file, folder / f"{number:02d}a{file.suffix}")
        if number % 2:
            shutil.copyfile(file, folder / f"{number:02d}b{file.suffix}")
        else:
            save(clip, folder / f"{number:02d}b.{'wav' if file.suffix == '.flac' else 'flac'}")


def processor() -> float:
    """Return the seconds that this process and its finished workers have computed."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def show(path: Path) -> None:
    """Plant faults in a data set, inspect it, and print what was found."""
    files = sorted(file.resolve() for file in path.rglob("*") if file.suffix in (".wav", ".flac"))
    with tempfile.TemporaryDirectory() as place:
        os.environ["AUDIO_FT_CACHE"] = f"{place}/cache"
        untouched, counts = plant(Path(place) / "data", files)
        start, before = time.perf_counter(), processor()
        found = inspect(Data(f"{place}/data"), decode=True)
        took, used = time.perf_counter() - start, processor() - before
    names = {one.key: one.findings for one in found.recordings}
    print(f"\n{path.name}: {untouched:,} untouched, {len(names) - untouched:,} planted; for 1,000 recordings "
          f"{1000 * took / len(names):.1f} s, {1000 * used / len(names):.1f} s of a processor")  # fmt: skip
    print(f"{'planted':<30}{'finding':<16}{'found':>9}{'false alarms':>18}{'precision':>11}")
    for name, (finding, _) in FAULTS.items():
        own = [key for key in names if key.startswith(f"{name}/")]
        wanted = {finding, "copies in two splits"} if name == "copies" else {finding}
        right = sum(bool(wanted.intersection(names[key])) for key in own)
        alarms = sum(bool(wanted.intersection(names[key])) for key in names if key.startswith("untouched/"))
        if counts[name]:
            share = f"{right / (right + alarms):.3f}" if right + alarms else "–"
            print(f"{name:<30}{finding:<16}{right:>4} of {len(own):>2}{alarms:>9} of {untouched:>5,}{share:>11}")
    quiet = {finding for finding, _ in FAULTS.values()}
    others = {one.name: sum(key.startswith("untouched/") for key in one.keys) for one in found.findings}
    more = ", ".join(f"{name} {count:,}" for name, count in others.items() if count and name not in quiet)
    print(f"other findings on untouched recordings: {more or 'none'}")


def main() -> None:
    """Show what is found in each data set that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path, metavar="FOLDER")
    for path in parser.parse_args().data:
        show(path)


if __name__ == "__main__":
    main()
