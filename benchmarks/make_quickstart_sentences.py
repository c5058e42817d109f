"""Synthesize the sentences shipped for `audio-ft quickstart --task transcription`, with the voices of the words.

    python benchmarks/make_quickstart_sentences.py audio_ft/assets/sentences

Needs the program `espeak-ng` (made with 1.51) and takes about half a minute. The same seed gives the same samples;
the files still differ in a few bytes, because every Ogg stream contains a random serial number.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from make_quickstart_words import RATE, VOICES, draw_speaker, record

# A sentence has one entry of each column; "" is left out.
GRAMMAR = (
    ("open", "find", "sell", "lift", "paint", "take"),
    ("the", "my", "this"),
    ("", "red", "old", "big", "small", "green"),
    ("box", "lamp", "boat", "ring", "table", "window"),
    ("", "now", "today"),
)
SENTENCES = {"train": 16, "validation": 5, "test": 5}  # per voice
# Opus in Ogg; 0.93 is about 26 kbit/s.
COMPRESSION = 0.93


def sentences(seed: int) -> dict[str, list[str]]:
    """Return all sentences of the grammar in random order, divided among the splits without overlap."""
    every = list(dict.fromkeys(" ".join(filter(None, words)) for words in itertools.product(*GRAMMAR)))
    shuffled = [every[place] for place in np.random.default_rng(seed).permutation(len(every))]
    parts, start = {}, 0
    for split, count in SENTENCES.items():
        end = start + count * len(VOICES[split].split())
        parts[split], start = shuffled[start:end], end
    return parts


def write_split(folder: Path, voices: Sequence[str], texts: Sequence[str], seed: int) -> tuple[int, float]:
    """Write one split as an AudioFolder with metadata.csv; return the bytes and seconds of its recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.ogg"):
        stale.unlink()
    rows, size, seconds = [], 0, 0.0
    each = len(texts) // len(voices)
    for place, voice in enumerate(voices):
        # The first draws are those of the words, so a voice is the same speaker in the same room in both sets.
        rng = np.random.default_rng([seed, zlib.crc32(voice.encode())])
        speaker = draw_speaker(voice, rng)
        for number, text in enumerate(texts[place * each : (place + 1) * each], start=1):
            path = folder / f"{speaker.name}_{number}.ogg"
            samples = record(text, speaker, rng)
            soundfile.write(path, samples, RATE, format="OGG", subtype="OPUS", compression_level=COMPRESSION)
            rows.append((path.name, text, speaker.name))
            size, seconds = size + path.stat().st_size, seconds + len(samples) / RATE
    with (folder / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file_name", "transcript", "speaker_id"))
        writer.writerows(sorted(rows))
    return size, seconds


def main() -> None:
    """Write the three splits and print their sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write train/, validation/ and test/ into")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for split, texts in sentences(arguments.seed).items():
        voices = VOICES[split].split()
        size, seconds = write_split(arguments.out / split, voices, texts, arguments.seed)
        print(f"{split}: {len(voices)} voices, {len(texts)} sentences, {seconds / 60:.1f} min, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
