"""The lines logged before the first step and after the last, the same on a terminal and in a log file."""

from __future__ import annotations

import math
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cleaning.dataset import expected_bytes
from audio_ft.formatting import format_duration, format_size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import TrainingArguments

    from audio_ft.run import Run
    from audio_ft.training.resolve import Resolved
    from audio_ft.training.setup import Prepared

# Weight, gradient and Adam's two moments, four bytes each.
BYTES_A_TRAINED_PARAMETER = 16
BYTES_A_FROZEN_PARAMETER = 4
# The scores that are shown; the others are in run.json.
HEADLINES = (
    "wer",
    "wer_normalized",
    "cer",
    "substitution_rate",
    "deletion_rate",
    "insertion_rate",
    "accuracy",
    "f1_macro",
    "unweighted_average_recall",
    "mean_average_precision",
    "roc_auc_macro",
    "concordance",
    "pearson",
    "mean_absolute_error",
    "root_mean_squared_error",
)


def briefing(
    prepared: Prepared,
    resolved: Resolved,
    arguments: TrainingArguments,
    rows: int,
    parameters: Mapping[str, int],
    resume: Path | None,
) -> str:
    """Describe the training that starts: data, classes, steps, parameters, disk and memory."""
    steps = optimizer_steps(arguments, rows)
    lines = [f"{prepared.recipe.model} on {prepared.recipe.data.path}", f"split       {prepared.loaded.rule}"]
    lines += [_split_line(name, prepared) for name in prepared.cleaned]
    lines += _note_lines(prepared)
    lines += prepared.task.describe(prepared.targets)
    cut = "cut at pauses" if prepared.task.whole else "cut and their predictions averaged"
    an_epoch = math.ceil(rows / _clips_a_step(arguments))
    epochs = steps / an_epoch
    epoch_count = "1 epoch" if epochs == 1 else f"{epochs:.3g} epochs"
    precision = "bf16" if arguments.bf16 else "fp16" if arguments.fp16 else "float32"
    lines += [
        f"cleaning    {prepared.recipe.steps.describe()}",
        f"window      {prepared.adapter.window:g} s (longer recordings are {cut})",
        f"network     {parameters['total']:,} parameters, {parameters['trainable']:,} of them trainable; "
        f"{precision}, {arguments.device}",
        f"steps       {steps:,} optimizer steps: {epoch_count} of at most {an_epoch:,}, "
        f"{_clips_a_step(arguments)} clips each, learning rate {arguments.learning_rate:g}",
        f"needs       about {format_size(_disk(prepared, parameters))} of disk, "
        f"and {format_size(_memory(parameters))} of memory beside the activations",
    ]
    if chosen := resolved.describe():
        lines.append(f"automatic   {chosen}")
    lines += _length_warnings(prepared, steps, epochs)
    if resume:
        lines.append(f"resuming from {resume.name}")
    else:
        lines += _disk_warnings(Path(str(arguments.output_dir)), _kept(parameters))
    return "\n".join(lines)


def _length_warnings(prepared: Prepared, steps: int, epochs: float) -> list[str]:
    """Warn when the training is too short to learn from."""
    enough, lines = prepared.task.enough_steps, []
    if steps < enough // 2:
        lines.append(
            f"warning: {steps} optimizer steps are few to learn from; small sets usually need {enough} or more. "
            "Raise num_train_epochs, or leave it out."
        )
    if prepared.recipe.freeze == "gradual" and epochs <= 1:
        lines.append(
            "warning: freeze=gradual unfreezes layers at the start of each epoch, so one epoch trains the head alone. "
            "Raise num_train_epochs, or leave it out."
        )
    return lines


def optimizer_steps(arguments: TrainingArguments, rows: int) -> int:
    """Return how many optimizer steps a training over `rows` windows makes."""
    if arguments.max_steps > 0:
        return int(arguments.max_steps)
    return math.ceil(arguments.num_train_epochs * math.ceil(rows / _clips_a_step(arguments)))


def results(run: Run) -> str:
    """Return the scores of a finished run next to its baselines, and the paths of its files."""
    test = run.scores["test"]
    names = [name for name in HEADLINES if name in test] or list(test)
    others = list(run.baselines)
    titles = ["fine-tuned", *others]
    lines = ["", f"{'test split':<26}" + "".join(f"{title:<24}" for title in titles).rstrip()]
    for name in names:
        cells = [test.get(name), *(run.baselines[other].get(name) for other in others)]
        lines.append(f"{name:<26}" + "".join(f"{'–' if cell is None else str(cell):<24}" for cell in cells).rstrip())
    lines += retained(run)
    lines += [
        f"{test[names[0]].n:,} clips; 95 % intervals, {run.intervals.partition(': ')[2] or run.intervals}",
        f"kept        step {run.best['step']}: {run.best['why']}",
        f"model       {run.model_folder} (loads with plain transformers)",
        f"record      {run.folder / 'run.json'}, {run.folder / 'predictions.parquet'}",
        f"took        {run.seconds['total']:,.0f} s: cleaning {run.seconds['cleaning']:,.0f}, "
        f"training {run.seconds['training']:,.0f}, scoring {run.seconds['scoring']:,.0f}",
    ]
    return "\n".join(lines)


def retained(run: Run) -> list[str]:
    """Return the table of scores before and after training, on the test split and on the second set."""
    if not run.retention:
        return []
    places = {"test": "test split", "extra_eval": "second set"}
    states = list(next(iter(run.retention.values())))
    lines = ["", f"{'before and after':<30}" + "".join(f"{state:<24}" for state in states).rstrip()]
    for place, title in places.items():
        scores = run.retention.get(place, {})
        for name in (name for name in HEADLINES if scores and name in scores[states[0]]):
            cells = "".join(f"{scores[state][name]!s:<24}" for state in states)
            lines.append(f"{f'{title}, {name}':<30}{cells}".rstrip())
    return [*lines, ""]


def _split_line(name: str, prepared: Prepared) -> str:
    cleaned = prepared.cleaned[name]
    before, after = format_duration(cleaned.seconds_before), format_duration(cleaned.seconds)
    line = f"{name:<12}{cleaned.clips:,} clips, {after} after cleaning ({before} before)"
    if cleaned.errors:
        line += f", {len(cleaned.errors)} unreadable, excluded"
    return line


def _note_lines(prepared: Prepared) -> list[str]:
    counts: Counter[str] = Counter()
    for cleaned in prepared.cleaned.values():
        counts.update({note.partition(":")[0]: count for note, count in cleaned.notes.items()})
    return [f"noticed     {count:,} x {note}" for note, count in counts.most_common(5)]


def _clips_a_step(arguments: TrainingArguments) -> int:
    return int(arguments.train_batch_size * arguments.gradient_accumulation_steps * max(arguments.world_size, 1))


def _disk(prepared: Prepared, parameters: Mapping[str, int]) -> float:
    seconds = sum(cleaned.seconds for cleaned in prepared.cleaned.values())
    cache = expected_bytes(seconds, prepared.adapter.sample_rate)
    return cache + _kept(parameters)


def _kept(parameters: Mapping[str, int]) -> float:
    """Estimate the bytes written: two checkpoints (best and last) with optimizer state, and the model."""
    return 2 * (4 * parameters["total"] + 8 * parameters["trainable"]) + 4 * parameters["total"]


def _disk_warnings(folder: Path, needed: float) -> list[str]:
    """Warn when checkpoints may fill the disk. This is no error, because some optimizers keep less state."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    if needed <= free:
        return []
    return [
        f"warning: checkpoints and model take about {format_size(needed)}, and {format_size(free)} are free in "
        f"{there}. Free some: a full disk ends a training, which then has to go on from its last checkpoint."
    ]


def _memory(parameters: Mapping[str, int]) -> float:
    frozen = parameters["total"] - parameters["trainable"]
    return BYTES_A_TRAINED_PARAMETER * parameters["trainable"] + BYTES_A_FROZEN_PARAMETER * frozen
