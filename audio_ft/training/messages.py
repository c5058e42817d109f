"""The lines logged before the first step and after the last, the same on a terminal and in a log file."""

from __future__ import annotations

import logging
import math
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.cleaning.streamed import CleanedAgain
from audio_ft.data.leaks.certificate import Certificate
from audio_ft.formatting import counted, format_duration, format_size
from audio_ft.reporting.record import needs_audio_ft
from audio_ft.run import PREDICTIONS_FILE, RUN_FILE
from audio_ft.training.leaks import NEW_SPLITS
from audio_ft.training.resolving.arguments import clips_a_step, precision_of
from audio_ft.training.resolving.defaults import RESUMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from audio_ft.run import Run
    from audio_ft.training.setup import Prepared
    from audio_ft.training.steps.trainer import AudioTrainer

# The scores that are shown; the others are in run.json.
OF_TRANSCRIPTS = ("wer", "wer_normalized", "cer", "substitution_rate", "deletion_rate", "insertion_rate")
OF_LABELS = ("accuracy", "f1_macro", "unweighted_average_recall", "mean_average_precision", "roc_auc_macro")
OF_NUMBERS = ("concordance", "pearson", "mean_absolute_error", "root_mean_squared_error")
logger = logging.getLogger("audio_ft.training")

HEADLINES = (*OF_TRANSCRIPTS, *OF_LABELS, *OF_NUMBERS)


def progress(line: str) -> None:
    """Log a line of progress; a notebook in which nobody has set up logging shows it."""
    package = logging.getLogger("audio_ft")
    if "ipykernel" in sys.modules and not package.hasHandlers():
        package.addHandler(logging.StreamHandler(sys.stdout))
        package.setLevel(logging.INFO)
    logger.info(line)


# What happens to recordings that are longer than the window, by `Task.long_recordings`.
LONG = {
    "pooled": "and their predictions averaged",
    "joined": "at pauses",
    "blended": "with an overlap, where the predictions blend",
}


def briefing(trainer: AudioTrainer, parameters: Mapping[str, int], resume: Path | None) -> list[str]:
    """Describe in lines the training that starts: data, classes, steps, parameters, disk and memory."""
    prepared, arguments, clips = trainer.prepared, trainer.args, clips_a_step(trainer.args)
    recipe, adapter, task = prepared.recipe, prepared.adapter, prepared.task
    an_epoch = math.ceil(len(trainer.bucket_sampler) / clips)
    steps = arguments.max_steps if arguments.max_steps > 0 else math.ceil(arguments.num_train_epochs * an_epoch)
    epochs = "1 epoch" if steps == an_epoch else f"{steps / an_epoch:.3g} epochs"
    total, trainable = parameters["total"], parameters["trainable"]
    # Weights of four bytes; a trained one also has a gradient and Adam's two moments.
    memory = 4 * total + 12 * trainable
    # Two checkpoints (best and last) with the optimizer's moments, and the model.
    saved = 2 * (4 * total + 8 * trainable) + 4 * total
    padding = trainer.bucket_sampler.padding(
        trainer.args.train_batch_size, round(adapter.fewest_seconds * adapter.sample_rate)
    )
    cache = sum(cleaned.cached_bytes for cleaned in prepared.cleaned.values())
    lines = [
        *data_briefing(prepared),
        f"network     {total:,} parameters, {trainable:,} of them trainable; "
        f"{precision_of(arguments)}, {arguments.device}",
        f"steps       {steps:,} optimizer steps: {epochs} of at most {an_epoch:,}, "
        f"{clips} clips each ({padding:.1%} padding), learning rate {arguments.learning_rate:g}",
        f"needs       about {format_size(cache + saved)} of disk, "
        f"and {format_size(memory)} of memory besides the activations",
    ]
    if trainer.frozen:
        lines.append(trainer.frozen)
    if trainer.teacher:
        lines.append(trainer.teacher.describe())
    if trainer.pace.epochs > 1:
        lines.append(f"evaluation  after every {trainer.pace.epochs} epochs (eval_strategy=epoch: after each)")
    if trainer.resolved.training["gradient_accumulation_steps"].origin == RESUMED:
        size, pieces = arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps
        lines.append(f"steps take {clips} clips as before: {size} at a time on each device, {pieces} times")
    if chosen := trainer.resolved.describe():
        lines.append(f"automatic   {chosen}")
    if steps < task.enough_steps // 2:
        lines.append(
            f"warning: {steps} optimizer steps are few to learn from; small sets usually need {task.enough_steps} or "
            "more. Raise num_train_epochs, or leave it out."
        )
    if recipe.freeze == "gradual" and steps <= an_epoch:
        lines.append(
            "warning: freeze=gradual unfreezes layers at the start of each epoch, so one epoch trains the head alone. "
            "Raise num_train_epochs, or leave it out."
        )
    lines += [f"resuming from {resume.name}"] if resume else _disk_warnings(Path(str(arguments.output_dir)), saved)
    return lines


def data_briefing(prepared: Prepared) -> list[str]:
    """Describe in lines the data of a training: source, splits, classes, cleaning and window."""
    recipe, task, window = prepared.recipe, prepared.task, prepared.adapter.window
    return [
        f"{recipe.model} on {recipe.data.path}",
        f"split       {prepared.loaded.rule}",
        *(f"source      {name}: {_source_line(facts)}" for name, facts in prepared.loaded.sources.items()),
        f"targets     column {prepared.loaded.column!r}: {prepared.loaded.reading}",
        *_data_lines(prepared),
        *task.describe(prepared.targets),
        f"cleaning    {recipe.steps.describe()}",
        f"window      {window:g} s (longer recordings are cut {LONG[task.long_recordings]})",
    ]


def _source_line(facts: Mapping[str, Any]) -> str:
    """Return the clips of a source in each split, and which share of the training clips an epoch draws from it."""
    counts = ", ".join(f"{split} {count:,}" for split, count in facts["clips"].items())
    weight = "" if facts["weight"] == 1 else f", weight {facts['weight']:g}"
    return f"{counts}; {facts['share']:.0%} of the training clips drawn{weight}"


def _data_lines(prepared: Prepared) -> list[str]:
    """Return a line for each split, and the most frequent notes about the recordings."""
    lines, notes = [], Counter[str]()
    if (files := prepared.windows("train").files) is not None:
        lines.append(f"streaming   train is read from {counted(int(files[-1]) + 1, 'file')} as it is needed "
                     "(data.streaming=false copies it into the cache first)")  # fmt: skip
    if isinstance(prepared.cleaned["train"], CleanedAgain):
        lines.append("streaming   each clip of train is cleaned again when a batch needs it, and no clean copy is kept")
    for name, cleaned in prepared.cleaned.items():
        before, after = format_duration(cleaned.seconds_before), format_duration(cleaned.seconds)
        line = f"{name:<12}{cleaned.clips:,} clips, {after} after cleaning ({before} before)"
        lines.append(f"{line}, {len(cleaned.errors)} unreadable, excluded" if cleaned.errors else line)
        for note, count in cleaned.notes.items():
            notes[note.partition(":")[0]] += count
    return lines + [f"noticed     {count:,} x {note}" for note, count in notes.most_common(5)]


def _disk_warnings(folder: Path, needed: float) -> list[str]:
    """Warn when checkpoints may fill the disk. This is not an error, because some optimizers keep less state."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(existing).free
    if needed <= free:
        return []
    return [
        f"warning: checkpoints and model take about {format_size(needed)}, and {format_size(free)} are free in "
        f"{existing}. Free some: a full disk stops the training, which then has to resume from its last checkpoint."
    ]


def results(run: Run) -> list[str]:
    """Return lines with the scores of a finished run next to its baselines, and the paths of its files."""
    test = run.scores["test"]
    names = [name for name in HEADLINES if name in test] or list(test)
    columns = {run.weights: test, **run.other_baselines}
    lines = ["", _row("test split", columns, 26)]
    lines += [_row(name, (scores.get(name, "–") for scores in columns.values()), 26) for name in names]
    if run.below_probe:
        lines.append(f"warning: {run.below_probe}")
    if run.without_leaks:
        left = {"without leaks": run.without_leaks}
        lines += [_row("", left, 26)]
        lines += [_row(name, [run.without_leaks[name]], 26) for name in names if name in run.without_leaks]
        lines.append(f"new splits  {NEW_SPLITS} keeps copies and groups together")
    for column, found in run.by.items():
        lines += ["", _row(column, ["clips", *next(iter(found.values()))], 26)]
        lines += [_row(value, [f"{next(iter(own.values())).n:,}", *own.values()], 26) for value, own in found.items()]
    lines += of_seeds(run) + _retention_lines(run)
    lines += [
        f"{test[names[0]].n:,} clips; 95 % intervals, {run.intervals.partition(': ')[2] or run.intervals}",
        f"kept        {run.kept}",
        *([f"pretrained  {run.pretrained}"] if run.pretraining else []),
        *([f"budget      {run.within_budget}"] if run.budget else []),
        *([f"tuned       {run.tuned}"] if run.tuned else []),
        f"model       {run.model_folder} (loads with {'audio_ft' if needs_audio_ft(run) else 'plain transformers'})",
        f"record      {run.folder / 'run.json'}, {run.folder / 'predictions.parquet'}",
        f"took        {run.seconds['total']:,.0f} s: cleaning {run.seconds['cleaning']:,.0f}, "
        f"training {run.seconds['training']:,.0f}, scoring {run.seconds['scoring']:,.0f}",
    ]
    if run.smoke:
        lines.append("smoke run   data, model and settings fit together. Its scores mean nothing.")
    return lines


def of_seeds(run: Run) -> list[str]:
    """Return lines with the headline scores of each seed, and how they spread; [] for a run of one seed."""
    if not run.seeds:
        return []
    names = [name for name in HEADLINES if name in run.spread][:2] or list(run.spread)[:1]
    lines = ["", _row("seed", [*names, f"validation {names[0]}"], 16)]
    for seed, own in run.seeds.items():
        lines.append(_row(seed, [*(own["scores"][name] for name in names), f"{own['validation'][names[0]]:.3f}"], 16))
    return [*lines, *(f"{name} of {run.spread[name].n} seeds: {run.spread[name]}" for name in names)]


def of_folds(run: Run) -> list[str]:
    """Return lines with the headline scores of each fold next to its baselines, and those of all folds together."""
    scores = run.scores["test"]
    names = [name for name in HEADLINES if name in scores][:2] or list(scores)[:1]
    lines = ["", _row("test fold", ["clips", *names, *(f"{name} ({names[0]})" for name in run.baselines)], 26)]
    for name, fold in run.folds.items():
        others = (fold["baselines"].get(baseline, {}).get(names[0]) for baseline in run.baselines)
        cells = (f"{score.value:.3f}" if score else "–" for score in others)
        lines.append(
            _row(name, [f"{fold['scores'][names[0]].n:,}", *(fold["scores"][each] for each in names), *cells], 26)
        )
    pooled = (run.baselines[baseline][names[0]] for baseline in run.baselines)
    lines += [
        _row("all folds together", [f"{scores[names[0]].n:,}", *(scores[name] for name in names), *pooled], 26),
    ]
    if left := run.without_leaks:
        lines.append(_row("without leaks", [f"{left[names[0]].n:,}", *(left[name] for name in names)], 26))
    lines += [
        "each clip was predicted once, by the network that did not train on its fold; 95 % intervals, "
        f"{run.intervals.partition(': ')[2] or run.intervals}",
        f"models      {run.folder / 'fold-…'}, one a fold; none has trained on all recordings",
        f"record      {run.folder / RUN_FILE}, {run.folder / PREDICTIONS_FILE}",
        f"took        {run.seconds['total']:,.0f} s",
    ]
    if run.leaks:
        lines.append(f"leaks       {Certificate.from_dict(run.leaks).summary()}")
    if run.smoke:
        lines.append("smoke run   data, model and settings fit together. Its scores mean nothing.")
    return lines


def _retention_lines(run: Run) -> list[str]:
    """Return the table of scores before and after training, on the test split and on the second set."""
    if not run.retention:
        return []
    states = list(next(iter(run.retention.values())))
    lines = ["", _row("before and after", states, 30)]
    for place, title in (("test", "test split"), ("extra_eval", "second set")):
        scores = run.retention.get(place, {})
        for name in (name for name in HEADLINES if scores and name in scores[states[0]]):
            lines.append(_row(f"{title}, {name}", (scores[state][name] for state in states), 30))
    return [*lines, ""]


def _row(label: str, cells: Iterable[Any], width: int) -> str:
    return f"{label:<{width}}{''.join(f'{cell!s:<23} ' for cell in cells)}".rstrip()
