"""Classify 200 recordings of one second beside the batched pipeline of transformers: processor time and accuracy.

    python benchmarks/short_clips.py DIGITS CHECKPOINT [CHECKPOINT ...]

Each recording repeats a spoken digit until a second is full. For each checkpoint a linear model on its best frozen
layer is trained and saved as a classifier, which both sides load. Ours is given paths, and cleans the recordings; the
pipeline decodes with soundfile and computes in batches of 16. Prints the least milliseconds of processor time a clip
of three rounds in turn, the accuracy of both, and how far bf16, if it is fast here, is from our answers in float32.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from bench import Measurement, report

import audio_ft as aft

CLIPS, ROUNDS, RATE = 200, 3, 16_000
# The target of the row: 1.6 times as fast as the pipeline.
AT_MOST = 1 / 1.6
Answers = list[tuple[str, float]]  # the most probable label of each recording, and its probability


def repeated(digits: Path, folder: Path) -> None:
    """Write the digits of each split as recordings of one second, of which the test split has `CLIPS`."""
    import soxr

    for split, count in (("train", 800), ("validation", 200), ("test", CLIPS)):
        (folder / split).mkdir(parents=True)
        files = sorted((digits / split).glob("*.wav"))
        for place in np.linspace(0, len(files) - 1, count).astype(int):
            samples, rate = soundfile.read(files[place], dtype="float32")
            second = np.resize(soxr.resample(samples, rate, RATE), RATE)
            (folder / split / files[place].name[0]).mkdir(exist_ok=True)
            soundfile.write(folder / split / files[place].name[0] / files[place].name, second, RATE)


def trained(checkpoint: str, data: Path, folder: Path) -> Path:
    """Return the folder of a classifier of which only the head learned."""
    recipe = aft.Recipe(model=checkpoint, data=aft.Data(path=str(data)), method="probe")
    return aft.train(recipe, folder).folder / "model"


def pipeline(folder: Path) -> Callable[[list[Path]], Answers]:
    """Return what predicts with the batched pipeline of transformers."""
    import transformers

    pipe: Any = transformers.pipeline("audio-classification", str(folder), device="cpu")

    def predict(files: list[Path]) -> Answers:
        found = pipe([soundfile.read(file, dtype="float32")[0] for file in files], top_k=1, batch_size=16)
        return [(one[0]["label"], one[0]["score"]) for one in found]

    return predict


def ours(folder: Path, precision: str) -> Callable[[list[Path]], Answers]:
    """Return what predicts with audio_ft."""
    model = aft.load(folder, device="cpu", precision=precision)
    return lambda files: [next(iter(found.items())) for found in model(files)]


def agreement(answers: Sequence[tuple[str, object]], others: Sequence[tuple[str, object]]) -> float:
    """Return the share of recordings with the same label on both sides."""
    return float(np.mean([one == other for (one, _), (other, _) in zip(answers, others, strict=True)]))


def main() -> None:
    """Measure both sides of each checkpoint."""
    torch.set_num_threads(1)
    logging.getLogger("audio_ft").setLevel(logging.ERROR)
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "seconds")
        repeated(Path(sys.argv[1]), data)
        files = sorted((data / "test").glob("*/*.wav"))
        for checkpoint in sys.argv[2:]:
            name = Path(checkpoint).name
            folder = trained(checkpoint, data, Path(scratch, name))
            sides = {"ours": ours(folder, "auto"), "float32": ours(folder, "float32"), "pipeline": pipeline(folder)}
            spent, answers = dict.fromkeys(sides, np.inf), dict[str, Answers]()
            for _ in range(ROUNDS + 1):  # the first one warms up
                for side, predict in sides.items():
                    started = time.process_time()
                    answers[side] = predict(files)
                    spent[side] = min(spent[side], 1000 * (time.process_time() - started) / CLIPS)
            truth = [(file.parent.name, file) for file in files]
            right = {side: f"{agreement(found, truth):.3f}" for side, found in answers.items()}
            same = agreement(answers["ours"], answers["float32"])
            moved = max(
                abs(one - other) for (_, one), (_, other) in zip(answers["ours"], answers["float32"], strict=True)
            )
            for side, more in (
                ("ours", f"; {same:.1%} of float32's answers, probabilities within {moved:.3f}"),
                ("float32", ""),
            ):
                work = f"classify a clip of 1 s, {name}{', float32' if side == 'float32' else ''}, ms"
                score = f"accuracy {right[side]} / {right['pipeline']}{more}"
                lines.append(Measurement(work, spent[side], "pipeline", spent["pipeline"], AT_MOST, score))
    report(lines)


if __name__ == "__main__":
    main()
