"""Transcribe a recording of two minutes beside faster-whisper: processor time and word error rate of both.

    python benchmarks/longform.py WHISPER_TINY_EN PROMPTS_ASR [SPLIT]

The recording is the English prompts of a split, joined with pauses of 0.3 to 2.2 seconds of faint noise. Ours runs in
transformers and in CTranslate2 with 8 bits (both are in `dev`), faster-whisper in float32 and with 8 bits,
each in a process of its own that loads the model first. Time is that of the transcription alone. faster-whisper is no
dependency: `make bench ROW=longform` installs it into a temporary folder.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from bench import Measurement, report

OURS = """
import json, sys, time, torch
import audio_ft as aft
torch.set_num_threads(1)
checkpoint, recording, backend = sys.argv[1:]
model = aft.load(checkpoint, backend=backend, device="cpu")
started = time.process_time()
text = model(recording)["text"]
print(json.dumps([time.process_time() - started, text]))
"""
THEIRS = """
import json, sys, time
from faster_whisper import WhisperModel
folder, recording, kind = sys.argv[1:]
model = WhisperModel(folder, device="cpu", compute_type=kind, cpu_threads=1)
started = time.process_time()
text = " ".join(segment.text for segment in model.transcribe(recording, language="en")[0])
print(json.dumps([time.process_time() - started, text]))
"""


def joined(folder: Path, recording: Path) -> str:
    """Write the English prompts of a folder as one recording, and return what is said."""
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["language"] == "en"]
    rng, parts, rate = np.random.default_rng(0), [], 0
    for row in rows:
        samples, rate = soundfile.read(folder / row["file_name"], dtype="float32")
        parts += [samples, 1e-4 * rng.standard_normal(round(rng.uniform(0.3, 2.2) * rate)).astype(np.float32)]
    soundfile.write(recording, np.concatenate(parts), rate)
    return " ".join(row["transcription"] for row in rows)


def converted(checkpoint: str, folder: Path) -> None:
    """Write a checkpoint as faster-whisper reads it."""
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(checkpoint, copy_files=["tokenizer.json"]).convert(str(folder))


def measured(program: str, *arguments: str) -> tuple[float, str]:
    """Return the processor seconds and the text that a program prints."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, text = json.loads(done.stdout.splitlines()[-1])
    return float(seconds), str(text)


def main() -> None:
    """Measure both sides."""
    import jiwer

    from audio_ft.metrics.text_normalizers import normalizer

    checkpoint, prompts = sys.argv[1:3]
    plain = normalizer("en")
    with tempfile.TemporaryDirectory() as scratch:
        recording, folder = f"{scratch}/joined.wav", Path(scratch, "converted")
        said = plain(joined(Path(prompts, *(sys.argv[3:4] or ["validation"])), Path(recording)))
        converted(checkpoint, folder)
        lines = []
        for backend, kind, most in (("transformers", "float32", 1.0), ("ctranslate2", "int8", 1.15)):
            ours, text = measured(OURS, checkpoint, recording, backend)
            other, theirs = measured(THEIRS, str(folder), recording, kind)
            wers = " / ".join(f"wer {jiwer.wer(said, plain(one)):.3f}" for one in (text, theirs))
            work = f"transcribe {soundfile.info(recording).duration:.0f} s of joined prompts, {backend}, s"
            lines.append(Measurement(work, ours, f"faster-whisper {kind}", other, most, wers))
    report(lines)


if __name__ == "__main__":
    main()
