"""Find spoken digits in recordings of two minutes, with onset and offset: `task=events` beside cutting at pauses.

Recordings are joined from single digits of one speaker, with pauses of 0.1 to 2 s; every sixth digit begins before
the last one has ended. Speakers are disjoint between splits. Run it with the folder of digits (see --help). On one core
that other programs shared, wav2vec2-mini took 18 minutes and whisper-tiny.en 11:

    python benchmarks/events.py ../shared/data/digits WORK --model whisper-tiny.en --model wav2vec2-mini

prints a table with 95 % intervals by recording. A second call shows finished trainings again. Without --model it only
makes the recordings. Event F1 and segment F1 of whisper-tiny.en: 0.937 [0.738, 0.988] and 0.959 [0.746, 0.995], of
wav2vec2-mini: 0.584 [0.491, 0.672] and 0.682 [0.565, 0.780], cut at pauses: 0.431 [0.232, 0.655] and
0.464 [0.224, 0.722].
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from audio_ft.metrics import Score
    from audio_ft.run import Run

RATE = 8_000
SECONDS = 120.0
# Recordings a split, dealt out to its speakers in turn.
RECORDINGS = {"train": 8, "validation": 3, "test": 5}
PAUSE, OVERLAPPING = (0.1, 2.0), 1 / 6
# Faint noise in pauses, as recorders have it; a pause of zeros would give itself away.
NOISE = (0.0005, 0.004)
# Digits are short, and half the usual window is half the work.
STEPS, BATCH, WINDOW = 160, 8, 5.0
SHOWN = ("event_f1", "event_onset_f1", "segment_f1", "event_precision", "event_recall")


def main() -> None:
    """Make the recordings, train, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("digits", type=Path, help="folder with train, validation and test, each with a metadata.csv")
    parser.add_argument("work", type=Path, help="folder for the recordings and the runs")
    parser.add_argument("--model", action="append", default=[], help="a checkpoint; may be repeated")
    parser.add_argument("--steps", type=int, default=STEPS, help="optimizer steps of each training")
    arguments = parser.parse_args()
    data = arguments.work / "recordings"
    if not (data / "events.csv").is_file():
        make(arguments.digits, data)
    if not arguments.model:
        print(f"{data / 'events.csv'} lists the events of the recordings; --model trains on them")
        return
    runs = {Path(model).name: trained(model, data, arguments.work, arguments.steps) for model in arguments.model}
    print(table(runs))


def make(digits: Path, folder: Path) -> None:
    """Write the recordings and events.csv: file_name, onset, offset, label, speaker and split."""
    rows = []
    for number, (split, count) in enumerate(RECORDINGS.items()):
        with (digits / split / "metadata.csv").open(newline="") as listed:
            clips = list(csv.DictReader(listed))
        rng = np.random.default_rng(number)
        waiting = {
            speaker: [row for row in rng.permutation(np.array(clips, object)) if row["speaker_id"] == speaker]
            for speaker in sorted({row["speaker_id"] for row in clips})
        }
        for recording in range(count):
            speaker = list(waiting)[recording % len(waiting)]
            name = f"{split}/{speaker}-{recording}.wav"
            events = write(folder / name, digits / split, waiting[speaker], rng)
            rows += [{"file_name": name, **event, "speaker": speaker, "split": split} for event in events]
    with (folder / "events.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write(
    file: Path, digits: Path, waiting: list[dict[str, str]], rng: np.random.Generator
) -> list[dict[str, str | float]]:
    """Write one recording of the clips that wait, which are taken from the list, and return its events."""
    import soundfile

    wave: NDArray[np.float64] = rng.normal(0, rng.uniform(*NOISE), int(SECONDS * RATE))
    events: list[dict[str, str | float]] = []
    start = float(rng.uniform(*PAUSE))
    while waiting:
        samples, rate = soundfile.read(digits / waiting[-1]["file_name"])
        if rate != RATE:
            raise ValueError(f"{waiting[-1]['file_name']}: expected {RATE} Hz, got {rate}")
        length = len(samples) / RATE
        if start + length > SECONDS:
            break
        first = int(start * RATE)
        wave[first : first + len(samples)] += samples
        events.append({"onset": round(start, 3), "offset": round(start + length, 3), "label": waiting.pop()["label"]})
        overlaps = rng.random() < OVERLAPPING
        start += float(rng.uniform(0.4, 0.8)) * length if overlaps else length + float(rng.uniform(*PAUSE))
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, np.clip(wave, -1, 1), RATE)
    return events


def trained(model: str, data: Path, work: Path, steps: int) -> Run:
    """Return the finished run of a checkpoint, trained if need be."""
    from audio_ft import Data, Recipe, Run
    from audio_ft.training.train import train

    folder = work / Path(model).name
    if (folder / "run.json").is_file():
        return Run.load(folder)
    recipe = Recipe(
        model=model,
        data=Data(path=str(data / "events.csv"), group="speaker"),
        task="events",
        window=WINDOW,
        training={
            "max_steps": steps,
            "per_device_train_batch_size": BATCH,
            "eval_strategy": "steps",
            "eval_steps": max(1, steps // 4),
        },
    )
    return train(recipe, folder, log=print)


def table(runs: dict[str, Run]) -> str:
    """Return a row for each run and each baseline of the first one, with the scores on the test split."""
    first = next(iter(runs.values()))
    named: dict[str, dict[str, Score]] = {name: dict(run.scores["test"]) for name, run in runs.items()}
    named |= {name: dict(scores) for name, scores in first.baselines.items()}
    facts = first.splits["test"]
    events = sum(facts["classes"].values())
    lines = [
        f"{facts['clips']} test recordings, {facts['seconds'] / 60:.1f} min, {events} events; {first.intervals}",
        "".join(f"{cell:<24}" for cell in ("", *SHOWN)).rstrip(),
    ]
    for name, scores in named.items():
        lines.append("".join(f"{cell:<24}" for cell in (name, *(str(scores[each]) for each in SHOWN))).rstrip())
    return "\n".join(lines)


if __name__ == "__main__":
    main()
