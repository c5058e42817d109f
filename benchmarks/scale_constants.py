"""Measure the constants of scale.py on this machine, and compare its predictions with runs at three sizes.

Everything is processor time of one process with one thread, without the start of the interpreter and the imports. A
constant is the difference of two small runs, so what a run takes once is not in it.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cleaning_formats import SECONDS, recordings
from cleaning_workers import halves
from fixed_seconds import few_clips
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForAudioClassification

import audio_ft as aft
from audio_ft.cleaning.chain import DEFAULT_CHAIN
from audio_ft.data import Data
from audio_ft.data.shards.prepare import prepare_shards
from audio_ft.parallel import one_thread
from audio_ft.recipe import Recipe
from audio_ft.tasks.base import Checkpoint
from audio_ft.training.resolving.arguments import build_arguments
from audio_ft.training.setup import prepare as prepare_training
from audio_ft.training.steps.trainer import AudioTrainer

FEW, MORE = 80, 240  # clips of the two runs that a constant comes from
SIZES = {100: 12, 400: 24, 1600: 48}  # clips of the runs that are predicted, and steps of their training
STEPS, BATCH = (4, 44), 16  # of the trainings that a step comes from
FORMATS = ("wav", "flac", "mp3")


@dataclass(frozen=True)
class Constants:
    """Hold what was measured; times are processor seconds of one core of this machine.

    Attributes:
        cleaning_clip: of each clip, whatever its duration.
        cleaning: of a second of audio (44.1 kHz, stereo), by format.
        source: bytes of a second of that audio, by format.
        shards: bytes in shards of a second of clean speech.
        batch_clip: of each clip that is read from shards and augmented for a batch.
        batch: of a second of it.
        step: of a training step, of a second of audio in it.
        flops: floating point operations a second in such a step, forward and backward.
        checkpoint: bytes of a checkpoint for each weight.
    """

    cleaning_clip: float
    cleaning: dict[str, float]
    source: dict[str, float]
    shards: float
    batch_clip: float
    batch: float
    step: float
    flops: float
    checkpoint: float


@dataclass(frozen=True)
class Check:
    """Hold one prediction beside what a run took."""

    work: str
    clips: int
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Return the share by which the prediction is off."""
        return self.predicted / self.measured - 1


def measure(shared: Path) -> tuple[Constants, list[Check]]:
    """Return the constants and the checks."""
    checkpoint = shared / "checkpoints" / "wav2vec2-mini"
    # Other processors would share the cleaning, and their start would count.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as place, one_thread():
        scratch = Path(place)
        os.environ["AUDIO_FT_CACHE"] = str(scratch / "cache")
        prepare(shared / "data" / "emotion_de", scratch / "first")  # what is imported or compiled at first use
        clip, cleaning, source = formats(scratch)
        checks, shards = [], dict[str, Any]()
        for name in ("digits", "prompts_asr"):
            shards[name], found = prepared(shared / "data" / name, scratch)
            checks += found
        step, flops, saved, found = trained(checkpoint, scratch, "digits")
        whole = prepare(shared / "data" / "emotion_de", scratch / "emotion_de-out")
        short, long = (batches(checkpoint, scratch / f"{name}-out") for name in ("digits-1600", "emotion_de"))
    speech = (whole, shards["prompts_asr"])
    # Two data sets with clips of other durations give what a clip takes and what a second takes.
    each = [(one["clips"], one["seconds"], one["processor"]) for one in (short, long)]
    (n, s, t), (m, u, v) = each
    batch = (t / n - v / m) / (s / n - u / m)
    constants = Constants(
        cleaning_clip=clip,
        cleaning=cleaning,
        source=source,
        shards=sum(one["bytes"] for one in speech) / sum(one["seconds"] for one in speech),
        batch_clip=t / n - batch * s / n,
        batch=batch,
        step=step,
        flops=flops,
        checkpoint=saved,
    )
    return constants, [*checks, *found]


def formats(scratch: Path) -> tuple[float, dict[str, float], dict[str, float]]:
    """Return the seconds of cleaning a clip, those of a second of audio by format, and the bytes of that."""
    made: dict[str, list[str]] = {}
    for suffix in FORMATS:
        (scratch / suffix).mkdir()
        made[suffix] = recordings(scratch / suffix, MORE, suffix)
    half = halves(scratch / "halves", made["wav"])
    costs = {suffix: a_clip(scratch, suffix, files) for suffix, files in {**made, "halves": half}.items()}
    wav = (costs["wav"] - costs["halves"]) / (SECONDS - 0.5)
    clip = costs["halves"] - 0.5 * wav
    size = {suffix: sum(map(os.path.getsize, files)) / len(files) / SECONDS for suffix, files in made.items()}
    return clip, {suffix: (costs[suffix] - clip) / SECONDS for suffix in FORMATS}, size


def a_clip(scratch: Path, name: str, files: Sequence[str]) -> float:
    """Return the seconds that cleaning each of these files takes."""
    taken = []
    for count in (FEW, MORE):
        table = scratch / f"{name}-{count}.csv"
        with table.open("w", newline="", encoding="utf-8") as file:
            lines = csv.writer(file)
            lines.writerow(["file_name", "label", "split"])
            splits = ("train", "train", "train", "validation", "test")
            lines.writerows([path, "ab"[at // 5 % 2], splits[at % 5]] for at, path in enumerate(files[:count]))
        taken.append(least(partial(_prepare, table))["processor"])
    return float(taken[1] - taken[0]) / (MORE - FEW)


def prepared(data: Path, scratch: Path) -> tuple[dict[str, Any], list[Check]]:
    """Prepare samples of a data set of several sizes, and return the largest and the checks of the three largest."""
    runs = {}
    for clips in (FEW, MORE, *SIZES):
        part, counts = scratch / f"{data.name}-{clips}", splits_of(data, clips)
        few_clips(data, part, counts)
        runs[clips] = least(partial(_prepare, part))
        runs[clips]["asked"] = sum(counts.values())
    few, more = runs[FEW], runs[MORE]
    each = (more["processor"] - few["processor"]) / (more["asked"] - few["asked"])
    row = (more["bytes"] - few["bytes"]) / (more["seconds"] - few["seconds"])
    checks = []
    for clips in SIZES:
        run = runs[clips]
        seconds = few["processor"] + each * (run["asked"] - few["asked"])
        size = few["bytes"] + row * (run["seconds"] - few["seconds"])
        checks.append(Check(f"cleaning {data.name}, s", run["asked"], seconds, run["processor"]))
        checks.append(Check(f"shards of {data.name}, MB", run["asked"], size / 1e6, run["bytes"] / 1e6))
    return runs[max(SIZES)], checks


def _prepare(part: Path, turn: int) -> dict[str, Any]:
    return prepare(part, part.with_name(f"{part.stem}-out{turn or ''}"))


def splits_of(data: Path, clips: int) -> dict[str, int]:
    """Return how many clips of each split are a sample of so many."""
    there = {}
    for split in ("train", "validation", "test"):
        with (data / split / "metadata.csv").open(encoding="utf-8", newline="") as file:
            there[split] = sum(1 for _ in csv.DictReader(file))
    share = min(1.0, clips / sum(there.values()))
    return {split: max(8, round(share * count)) for split, count in there.items()}


def trained(checkpoint: Path, scratch: Path, name: str) -> tuple[float, float, float, list[Check]]:
    """Train on prepared samples; return a step's seconds a second of audio, its rate, checkpoint bytes and checks."""

    def run(clips: int, steps: int) -> dict[str, Any]:
        return train(checkpoint, scratch / f"{name}-{clips}-out", steps)

    first, longer, wider = run(FEW, STEPS[0]), run(FEW, STEPS[1]), run(MORE, STEPS[0])
    step = (longer["processor"] - first["processor"]) / (STEPS[1] - STEPS[0])
    once = (wider["processor"] - first["processor"]) / (wider["clips"] - first["clips"])
    checks = []
    for clips, steps in SIZES.items():
        found = run(clips, steps)
        expected = first["processor"] + (steps - STEPS[0]) * step + (found["clips"] - first["clips"]) * once
        checks.append(Check(f"training on {name}, {steps} steps, s", found["clips"], expected, found["processor"]))
    seconds = BATCH * first["seconds"]
    return step / seconds, BATCH * first["flops"] / step, first["checkpoint"], checks


def least(run: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
    """Return the run of two that took less: what else the machine does adds to both."""
    return min((run(turn) for turn in range(2)), key=lambda one: float(one["processor"]))


def processor() -> float:
    """Return the processor seconds of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def prepare(data: Path, out: Path) -> dict[str, Any]:
    """Prepare shards with one process."""
    began = processor()
    merged = prepare_shards(data, DEFAULT_CHAIN, out)
    assert merged is not None
    return {"processor": processor() - began, "bytes": merged.size, "seconds": merged.seconds[1]}


def train(model: Path, data: Path, steps: int) -> dict[str, Any]:
    """Train with one evaluation and one checkpoint at the end."""
    training: dict[str, Any] = {"max_steps": steps, "per_device_train_batch_size": BATCH}
    training |= {f"{name}_steps": steps for name in ("eval", "save", "logging")}
    training |= {"eval_strategy": "steps", "save_strategy": "steps"}
    sizes, save = [], AudioTrainer._save_checkpoint

    def weighed(self: Any, *arguments: Any, **settings: Any) -> None:
        save(self, *arguments, **settings)
        sizes.append(sum(file.stat().st_size for file in Path(self.args.output_dir).rglob("*") if file.is_file()))

    AudioTrainer._save_checkpoint = weighed  # type: ignore[method-assign]
    plain: dict[str, Any] = {"precision": "float32", "probe": False, "patience": 0}
    recipe = Recipe(model=str(model), data=Data(str(data)), training=training, **plain)
    with tempfile.TemporaryDirectory() as out:
        began = processor()
        run = aft.train(recipe, Path(out, "run"), log=lambda line: None)
        taken = processor() - began
        AudioTrainer._save_checkpoint = save  # type: ignore[method-assign]
        clips, seconds = run.splits["train"]["clips"], run.splits["train"]["seconds"]
        operations = 3 * forward_flops(run.folder / "model", seconds / clips)
    return {
        "processor": taken,
        "clips": sum(split["clips"] for split in run.splits.values()),
        "seconds": seconds / clips,
        "flops": operations,
        "checkpoint": sizes[0] / run.parameters["total"],
    }


def forward_flops(folder: Path, seconds: float) -> float:
    """Return the floating point operations of a forward pass of a saved wave model for one clip."""
    model = AutoModelForAudioClassification.from_pretrained(folder).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, round(16_000 * seconds)))
    return float(counter.get_total_flops())


def batches(model: Path, data: Path) -> dict[str, Any]:
    """Read an epoch of training batches from shards, without a network."""
    training = {"per_device_train_batch_size": BATCH, "dataloader_num_workers": 0}
    recipe = Recipe(model=str(model), data=Data(str(data), streaming=True), precision="float32", training=training)
    found = prepare_training(recipe, lambda line: None)
    network = found.task.build(Checkpoint(found.adapter, str(model)), found.resolved.head)
    with tempfile.TemporaryDirectory() as folder:
        arguments = build_arguments(found.resolved.arguments(), Path(folder))
        loader = AudioTrainer(found, found.resolved, network, arguments).get_train_dataloader()
        began = processor()
        clips = sum(len(batch["index"]) for batch in loader)
        taken = processor() - began
    return {"processor": taken, "clips": clips, "seconds": found.cleaned["train"].seconds}


def to_json(constants: Constants, checks: Sequence[Check]) -> str:
    """Return both as they are kept beside the script."""
    plain = {"constants": asdict(constants), "checks": [asdict(check) for check in checks]}
    return json.dumps(plain, indent=1) + "\n"
