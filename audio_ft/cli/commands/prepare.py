"""Clean a data set into a folder of recordings, features and lists."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import say, show
from audio_ft.cli.inputs import chosen_recipe, local
from audio_ft.cli.options import CHAINS, FLAG, add_data_options, add_options, changed, for_task, number
from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.data.prepare import Prepared
    from audio_ft.data.shards.merge import Merged
    from audio_ft.recipe import Recipe

STAGE = "data"
EPILOG = """examples:
  audio-ft prepare recordings prepared
  audio-ft prepare calls.csv prepared --target intent --group caller --seed 1
  audio-ft train --model facebook/wav2vec2-base --data prepared --output-dir runs/first
  audio-ft prepare calls.csv shards --shard-size 256
  audio-ft prepare calls.csv shards --shard $SLURM_ARRAY_TASK_ID/100   (for each)
  audio-ft prepare --merge shards

OUT/processed holds the clean recordings, OUT/features one .npy each, OUT/splits the lists. Raw files are only read.
As shards, OUT/shards holds Parquet files of clean samples, which training takes as they are, or streams.
A call that was stopped continues when it runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `prepare`."""
    add_options(parser, "data")
    parser.add_argument("output", metavar="OUT", nargs="?", help="folder to write")
    parser.add_argument("--model", metavar="ID_OR_PATH", help="features of this model's extractor instead of log-mel")
    add_options(parser, "--recipe", "--code")
    add_data_options(parser, set=CHAINS)
    parser.add_argument("--seed", type=int, help="seed of the splits, where the data has none (default: 0)")
    shards = parser.add_argument_group("shards, for data sets of many hours and several machines")
    size = number(float, lambda size: size > 0, "a number of megabytes above 0")
    shards.add_argument("--shard-size", metavar="MB", type=size, help="write Parquet files of so many megabytes (256)")
    shards.add_argument("--shard", metavar="I/N", type=_share, help="write the I-th of N shares of them, from 1/N")
    shards.add_argument("--merge", **FLAG, help="check and merge all shares in the folder OUT, the only argument then")
    shards.add_argument("--engine", choices=("local", "ray"), default="local", help="what runs the work (local)")
    shards.add_argument("--address", metavar="HOST:PORT", help="of a Ray cluster, or auto (default: this machine)")


def run(arguments: argparse.Namespace) -> None:
    """Prepare as the arguments say."""
    recipe = changed(chosen_recipe(arguments.recipe), arguments)
    if arguments.merge:
        from audio_ft.data.shards.merge import merge

        if arguments.output is not None:
            raise InputError("--merge takes the folder of the shards alone: audio-ft prepare --merge OUT.")
        show(*merged_as_text(merge(Path(local(arguments.data)), recipe.max_corrupt)))
        return
    if arguments.output is None:
        raise InputError("prepare needs the folder to write: audio-ft prepare DATA OUT.")
    say(recipe.steps.describe())
    if arguments.shard_size or arguments.shard or arguments.engine != "local" or arguments.address:
        _prepare_shards(arguments, recipe)
    else:
        _prepare_files(arguments, recipe)


def _prepare_files(arguments: argparse.Namespace, recipe: Recipe) -> None:
    from audio_ft.data.model_input import ModelInput
    from audio_ft.data.prepare import prepare
    from audio_ft.models import load_adapter
    from audio_ft.tasks import targets_of

    features = None
    if arguments.model is not None:
        adapter = load_adapter(recipe.model, recipe.revision)
        recipe.steps.require_rate(adapter.sample_rate)
        features = ModelInput(adapter, recipe.model)
    prepared = for_task(
        arguments,
        lambda task: prepare(
            recipe.data,
            recipe.steps,
            Path(local(arguments.output)),
            targets=targets_of(task),
            features=features,
            max_corrupt=recipe.max_corrupt,
        ),
        usual=recipe.task if arguments.recipe else None,
    )
    for warning in prepared.warnings:
        say(f"warning: {warning}")
    show(*as_text(prepared))


def _prepare_shards(arguments: argparse.Namespace, recipe: Recipe) -> None:
    from audio_ft.data.shards.plan import SIZE
    from audio_ft.data.shards.prepare import prepare_shards
    from audio_ft.tasks import targets_of

    if arguments.model is not None:
        raise InputError("--model computes features, and shards have none: training computes them. Leave it out.")
    if arguments.address and arguments.engine != "ray":
        raise InputError("--address is that of a Ray cluster: add --engine ray, or leave it out.")
    if arguments.shard and arguments.engine == "ray":
        raise InputError("--shard is for schedulers without Ray, which shares out the work itself; leave one of them "
                         "out.")  # fmt: skip
    if arguments.code and arguments.engine == "ray":
        raise InputError("--code runs a file in this process, and Ray's workers do not have it; use --shard, or put "
                         "its steps into an installed package.")  # fmt: skip
    folder = Path(local(arguments.output))
    merged = for_task(
        arguments,
        lambda task: prepare_shards(
            recipe.data,
            recipe.steps,
            folder,
            targets=targets_of(task),
            size=arguments.shard_size or SIZE,
            share=arguments.shard or (1, 1),
            engine=arguments.engine,
            address=arguments.address,
            max_corrupt=recipe.max_corrupt,
        ),
        usual=recipe.task if arguments.recipe else None,
    )
    if merged is not None:
        show(*merged_as_text(merged))
    else:
        show(f"written: share {'/'.join(map(str, arguments.shard))} of {folder}; after all of them: "
             f"audio-ft prepare --merge {folder}")  # fmt: skip


def _share(text: str) -> tuple[int, int]:
    """Read "3/100"."""
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a share such as 3/100")
    return int(number), int(count)


def as_text(prepared: Prepared) -> list[str]:
    """Return what was written, as lines of text."""
    from audio_ft.cleaning.to_files import summary

    report = prepared.report
    counts = ", ".join(f"{split} {number:,}" for split, number in prepared.clips.items())
    lines = [*summary(report), f"split:   {prepared.rule}", f"clips:   {counts}"]
    if report.errors:
        lines.append(f"excluded: {len(report.errors):,} recordings, listed in {prepared.folder / 'unreadable.csv'}")
    if report.already_done:
        lines.append(f"before:  {report.already_done:,} of {len(report.outcomes):,} were cleaned by an earlier call")
    return [*lines, f"written: {prepared.folder} (see README.txt there)"]


def merged_as_text(merged: Merged) -> list[str]:
    """Return what a folder of shards holds, as lines of text."""
    from audio_ft.formatting import counted, format_duration, format_size

    counts = ", ".join(f"{split} {number:,}" for split, number in merged.clips.items())
    before, after = map(format_duration, merged.seconds)
    lines = [f"cleaned: {before}, now {after}", f"split:   {merged.plan.facts['rule']}", f"clips:   {counts}"]
    if merged.errors:
        lines.append(f"excluded: {len(merged.errors):,} recordings, listed in {merged.folder / 'unreadable.csv'}")
        lines += [f"  {key}: {why}" for _, key, why in merged.errors[:5]]
    if merged.copies:
        lines.append(f"copies:  {counted(len(merged.copies), 'recording')} left out, which a later split has too")
        lines += [f"  {split}: {key} is {why}" for split, key, why in merged.copies[:5]]
    if merged.repeated:
        lines.append(f"repeats: {merged.repeated:,} recordings hold the same sound as another one")
    lines += [f"warning: {sentence}" for sentence in merged.certificate.sentences()]
    shards = counted(len(merged.plan.names), "shard")
    return [
        *lines,
        f"digest:  {merged.digest[:16]}",
        f"written: {shards}, {format_size(merged.size)} in {merged.folder}",
    ]
