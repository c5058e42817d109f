"""Synthesize the words shipped for `audio-ft quickstart`: eight commands, many eSpeak NG voices, rooms and noise.

    python benchmarks/make_quickstart_words.py audio_ft/assets/words

Needs the program `espeak-ng` (made with 1.51) and takes about fifteen seconds. The same seed gives the same samples;
the files still differ in a few bytes, because every Ogg stream contains a random serial number.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

Wave = NDArray[np.float64]

RATE = 16_000
WORDS = ("yes", "no", "up", "down", "left", "right", "stop", "go")
ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-us-nyc")
# One voice of each look-alike adapter (Gene and Gene2, robosoft to robosoft8, …): no test voice is also in training.
VOICES = {
    "train": """Alex Andrea Andy Annie Denis Diogo Gene Jacky Lee Mario Michael Tweaky adam antonio belinda boris david
        f1 f2 f4 grandma klatt klatt4 m1 m3 m4 m7 robosoft steph zac""",
    "validation": "Alicia Marco edward f3 klatt2 m2 pablo robert",
    "test": "Hugo Storm aunty caleb f5 grandpa iven klatt3 linda m5 m8 victor",
}
SNR = (8.0, 30.0)  # signal-to-noise ratio in dB
# For clips this short Opus needs a third of the bytes of Vorbis; 0.84 is about 24 kbit/s.
COMPRESSION = 0.86


@dataclass(frozen=True)
class Speaker:
    """Hold one synthetic speaker and the room it is recorded in."""

    voice: str
    accent: str
    speed: int  # words per minute
    pitch: int  # 0 to 99, eSpeak's scale
    reverberation: float  # reverberation time in seconds (60 dB)
    wet: float  # energy of the echo relative to the direct sound

    @property
    def name(self) -> str:
        """Return the identifier for file names and the speaker_id column."""
        return f"{self.accent}_{self.voice}".lower()


def draw_speaker(voice: str, rng: np.random.Generator) -> Speaker:
    """Draw accent, manner of speaking and room for one voice."""
    return Speaker(
        voice=voice,
        accent=str(rng.choice(ACCENTS)),
        speed=int(rng.integers(120, 230)),
        pitch=int(rng.integers(15, 85)),
        reverberation=float(rng.uniform(0.1, 0.5)),
        wet=float(rng.uniform(0.0, 0.3)),
    )


def speak(word: str, speaker: Speaker, rng: np.random.Generator) -> Wave:
    """Return one spoken word (time,) at 16 kHz without the silence around it, peak 1."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "word.wav"
        speed = round(speaker.speed * rng.uniform(0.9, 1.1))
        pitch = int(np.clip(speaker.pitch + rng.integers(-8, 9), 0, 99))
        voice = f"{speaker.accent}+{speaker.voice}"
        command = ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(path), word]
        subprocess.run(command, check=True, capture_output=True)
        samples, rate = soundfile.read(path)
    samples = soxr.resample(samples, rate, RATE)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    samples = samples[loud[0] : loud[-1] + 1]
    return samples / np.abs(samples).max()


def echo(samples: Wave, speaker: Speaker, rng: np.random.Generator) -> Wave:
    """Add a room: exponentially decaying noise as its impulse response."""
    time = np.arange(round(speaker.reverberation * RATE)) / RATE
    tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / speaker.reverberation)
    tail *= np.sqrt(speaker.wet / np.sum(tail**2))
    tail[0] += 1.0
    return np.convolve(samples, tail)[: len(samples) + round(0.1 * RATE)]


def noise(length: int, rng: np.random.Generator) -> Wave:
    """Return noise (length,) of power 1 whose spectrum falls by 0 to 6 dB an octave, sometimes with mains hum."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    frequencies = np.maximum(np.fft.rfftfreq(length, 1 / RATE), 20.0)
    samples = np.fft.irfft(spectrum * frequencies ** -rng.uniform(0.0, 1.0), length)
    samples /= np.sqrt(np.mean(samples**2))
    if rng.random() < 0.3:
        time = np.arange(length) / RATE
        mains = rng.choice([50.0, 60.0])
        samples += sum(np.sin(2 * np.pi * mains * k * time + rng.uniform(0, 2 * np.pi)) / k for k in (1, 2, 3))
    return samples / np.sqrt(np.mean(samples**2))


def color(samples: Wave, rng: np.random.Generator) -> Wave:
    """Filter the spectrum like a microphone."""
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE)
    tilt = (np.maximum(frequencies, 50.0) / 1000.0) ** rng.uniform(-0.5, 0.5)
    low, high = rng.uniform(40, 250), rng.uniform(3400, 7800)
    band = 1 / (1 + (low / np.maximum(frequencies, 1.0)) ** 4) / (1 + (frequencies / high) ** 8)
    return np.fft.irfft(np.fft.rfft(samples) * tilt * band, len(samples))


def record(word: str, speaker: Speaker, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return one recording (time,): the word in its room, with silence, noise and a random level."""
    spoken = echo(speak(word, speaker, rng), speaker, rng)
    before, after = (np.zeros(round(rng.uniform(0.05, 0.3) * RATE)) for _ in range(2))
    power = np.mean(spoken**2)
    samples = np.concatenate([before, spoken, after])
    decibels = rng.uniform(*SNR)
    samples = color(samples + noise(len(samples), rng) * np.sqrt(power / 10 ** (decibels / 10)), rng)
    peak = 10 ** (rng.uniform(-24, -2) / 20)
    return (samples * peak / np.abs(samples).max()).astype(np.float32)


def write_split(folder: Path, voices: Sequence[str], seed: int) -> int:
    """Write one split as an AudioFolder with metadata.csv; return the bytes of its recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.ogg"):
        stale.unlink()
    rows, size = [], 0
    for voice in voices:
        # One generator per voice: a new voice does not change the recordings of the others.
        rng = np.random.default_rng([seed, zlib.crc32(voice.encode())])
        speaker = draw_speaker(voice, rng)
        for word in WORDS:
            path = folder / f"{speaker.name}_{word}.ogg"
            samples = record(word, speaker, rng)
            soundfile.write(path, samples, RATE, format="OGG", subtype="OPUS", compression_level=COMPRESSION)
            rows.append((path.name, word, speaker.name))
            size += path.stat().st_size
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file_name", "label", "speaker_id"))
        writer.writerows(sorted(rows))
    return size


def main() -> None:
    """Write the three splits and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write train/, validation/ and test/ into")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for split, names in VOICES.items():
        voices = names.split()
        size = write_split(arguments.out / split, voices, arguments.seed)
        print(f"{split}: {len(voices)} voices, {len(voices) * len(WORDS)} clips, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
