"""Compare the default chain with the chain that people write themselves, and with the C routines below both.

    python benchmarks/cleaning_formats.py [CLIPS]

Each cleans the same five-second stereo recordings at 44.1 kHz, made of the spoken sentences that ship with audio_ft.
`textbook` is librosa.load, librosa.effects.trim, scipy's filtfilt and librosa.util.normalize; `C routines` only decode,
average the channels and resample. Ours measures each recording too (level, signal-to-noise ratio, checksum, 16-bit
codes). Prints milliseconds of processor time a clip with one thread, the median of five rounds that take turns.
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile
import soxr
from bench import Measurement, report
from scipy.signal import butter, filtfilt

from audio_ft.audio.clip import read
from audio_ft.audio.clip_stats import ClipStats
from audio_ft.audio.pcm16 import quantize
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.parallel import one_thread

SENTENCES = Path(__file__).parents[1] / "audio_ft" / "assets" / "sentences"
RATE, SECONDS, ROUNDS = 44_100, 5, 5
# How many times as fast as the textbook, and at most how many times the C routines.
TARGETS = {"wav": (1.4, 1.3), "flac": (1.15, 1.3), "mp3": (1.1, 1.3)}


def recordings(folder: Path, count: int, suffix: str) -> list[str]:
    """Write stereo recordings of continuous speech with a little noise and return their paths."""
    rng = np.random.default_rng(0)
    spoken = [read(file) for file in sorted(SENTENCES.rglob("*.ogg"))]
    speech = np.concatenate([soxr.resample(clip.samples[0], clip.rate, RATE) for clip in spoken])
    paths = []
    for index in range(count):
        start = index * RATE * SECONDS % (len(speech) - RATE * SECONDS)
        left = speech[start : start + RATE * SECONDS]
        both = np.stack([left, 0.8 * np.roll(left, 7)], axis=1) + rng.normal(0, 3e-4, (len(left), 2))
        path = folder / f"{index}.{suffix}"
        soundfile.write(path, both / max(1.0, np.abs(both).max()), RATE)
        paths.append(str(path))
    return paths


def ours(path: str) -> None:
    """Clean one recording as training does."""
    raw = read(path)
    codes, _ = quantize(DEFAULT_CHAIN(raw).samples[0])
    hashlib.sha256(codes.tobytes())
    ClipStats.of(raw)


def textbook(path: str) -> None:
    """Clean one recording as tutorials do."""
    wave, rate = librosa.load(path, sr=16_000, mono=True)
    wave, _ = librosa.effects.trim(wave, top_db=40)
    wave = filtfilt(*butter(4, [50, 7_600], "bandpass", fs=rate), wave)
    librosa.util.normalize(wave)


def c_routines(path: str) -> None:
    """Decode, average and resample."""
    samples, rate = soundfile.read(path, dtype="float32")
    soxr.resample(samples.mean(axis=1), rate, 16_000, quality="HQ")


def milliseconds(work: Callable[[str], None], paths: list[str]) -> float:
    """Return the processor time of one clip."""
    started = time.process_time()
    for path in paths:
        work(path)
    return 1e3 * (time.process_time() - started) / len(paths)


def main() -> None:
    """Measure each format."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rivals: dict[str, Callable[[str], Any]] = {"ours": ours, "textbook": textbook, "C routines": c_routines}
    lines = []
    with tempfile.TemporaryDirectory() as scratch, one_thread():
        for suffix, (faster, above) in TARGETS.items():
            paths = recordings(Path(scratch), count, suffix)
            rounds = [{name: milliseconds(work, paths) for name, work in rivals.items()} for _ in range(ROUNDS + 1)]
            found = {name: statistics.median(one[name] for one in rounds[1:]) for name in rivals}
            for rival, at_most in (("textbook", 1 / faster), ("C routines", above)):
                lines.append(Measurement(f"cleaning {suffix}, ms a clip", found["ours"], rival, found[rival], at_most))
    report(lines)


if __name__ == "__main__":
    main()
