"""Caption joined recordings as if live: how late each word comes, and what is lost against the offline transcript.

    python benchmarks/live_captions.py openai/whisper-tiny.en ../shared/data/prompts_asr --language en

Recordings of the test, validation and training split are joined with pauses of 0.3 to 1 s of faint noise. The clock
counts processor time, as on a machine with nothing else to do, and does not wait. It prints for each model the word
error rates against the offline transcript and against the text, both normalized, and the median and 95th percentile
of the seconds from the end of a word, by the times of the offline transcript, until its caption.
"""

from __future__ import annotations

import argparse
import csv
import difflib
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jiwer
import numpy as np

import audio_ft as aft
from audio_ft.inference.streaming.agreement import letters
from audio_ft.inference.streaming.choice import listener_for
from audio_ft.inference.streaming.live import Clock, TimedMessage, as_if_live, listen
from audio_ft.inference.streaming.voice import Level, silero
from audio_ft.metrics.text_normalizers import normalizer

COLUMNS = ("transcription", "text")
RATE = 16_000


def rows(data: Path, language: str) -> Iterator[tuple[Path, str]]:
    """Yield the recordings of a data set with their texts, those of the test split first."""
    for split in ("test", "validation", "train"):
        with (data / split / "metadata.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("language", language) == language:
                    yield data / split / row["file_name"], next(row[name] for name in COLUMNS if name in row)


def joined(data: Path, language: str, seconds: float) -> tuple[aft.Clip, str]:
    """Return recordings joined to at least so many seconds, and what is said in them."""
    from audio_ft.audio.resampling import resample

    rng = np.random.default_rng(0)
    parts: list[Any] = []
    texts: list[str] = []
    length = 0
    for file, text in rows(data, language):
        pause = rng.standard_normal(round(rng.uniform(0.3, 1.0) * RATE)) * 1e-4
        new = [resample(aft.read(file), RATE).samples[0], pause.astype(np.float32)]
        parts, length = parts + new, length + sum(map(len, new))
        texts.append(text)
        if length > seconds * RATE:
            break
    return aft.Clip(np.concatenate(parts), RATE), " ".join(texts)


def words_of(prediction: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the words of a transcript with their times."""
    return [word for segment in prediction["segments"] for word in segment["words"]]


def latencies(timed: Sequence[TimedMessage], offline: Sequence[dict[str, Any]]) -> list[float]:
    """Return for each word that both have the seconds from its end in the offline transcript to its caption."""
    live = [(word, one.at) for one in timed if one.message.kind == "words" for word in one.message.content["words"]]
    ours, theirs = [letters(word) for word, _ in live], [letters(word) for word in offline]
    same = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [live[block.a + at][1] - offline[block.b + at]["end"] for block in same for at in range(block.size)]


def main() -> None:
    """Measure the models that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("data", type=Path, help="folder with train, validation and test")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--language", default="en")
    parser.add_argument("--vad", choices=("silero", "level"), default="silero")
    arguments = parser.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)
    recording, text = joined(arguments.data, arguments.language, arguments.seconds)
    norm = normalizer(arguments.language)
    print(f"{recording.seconds:.1f} s, {len(text.split())} words")
    for name in arguments.models:
        model = aft.load(name)
        began = time.process_time()
        offline = model(recording, words=True)
        took = time.process_time() - began
        clock = Clock(time.process_time, sleep=None)
        began = time.process_time()
        detector = silero() if arguments.vad == "silero" else Level()
        timed = list(listen(listener_for(model, detector), as_if_live(recording, clock), clock))
        live_took = time.process_time() - began
        live = " ".join(word["text"] for one in timed for word in one.message.content.get("words", ()))
        late = latencies(timed, words_of(offline))
        print(
            f"{name}: WER live against offline {jiwer.wer(norm(offline['text']), norm(live)):.3f}, "
            f"live against text {jiwer.wer(norm(text), norm(live)):.3f}, "
            f"offline against text {jiwer.wer(norm(text), norm(offline['text'])):.3f}; "
            f"latency of {len(late)} words: median {np.median(late):.2f} s, 95 % {np.percentile(late, 95):.2f} s; "
            f"processor time offline {took:.1f} s, live {live_took:.1f} s"
        )


if __name__ == "__main__":
    main()
