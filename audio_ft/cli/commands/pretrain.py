"""Continue pretraining on recordings without labels."""

from __future__ import annotations

import argparse

from audio_ft.cli.console import say, show
from audio_ft.cli.inputs import unlabeled
from audio_ft.cli.options import DATA_SETTINGS, add_options, number

STAGE = "train"
EPOCHS, RATE, UNITS = 10.0, 1e-4, 100
EPILOG = """examples:
  audio-ft pretrain facebook/wav2vec2-base calls --output checkpoints/calls
  audio-ft train --model checkpoints/calls --data labeled --output-dir runs/calls

Wav2Vec2 learns to tell masked frames from others (its contrastive objective), HuBERT to name the units of masked frames
(k-means of its middle layer). All weights learn. The result is an ordinary checkpoint. An interrupted pretraining goes
on from its last checkpoint. Leave the recordings of your test out."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pretrain`."""
    parser.add_argument(
        "model", metavar="CHECKPOINT", help="a Wav2Vec2 or HuBERT checkpoint: a folder or an id on the Hub"
    )
    add_options(parser, "data")
    parser.add_argument("--output", metavar="DIR", required=True, help="folder of the new checkpoint")
    positive = number(float, lambda value: value > 0, "a number above 0")
    passes = f"passes over the recordings (default: {EPOCHS:g})"
    parser.add_argument("--epochs", metavar="N", type=positive, default=EPOCHS, help=passes)
    rate = f"greatest learning rate (default: {RATE:g})"
    parser.add_argument("--learning-rate", metavar="RATE", type=positive, default=RATE, help=rate)
    several = number(int, lambda value: value >= 2, "a whole number of at least 2")
    units = f"units of HuBERT (default: {UNITS})"
    parser.add_argument("--units", metavar="N", type=several, default=UNITS, help=units)
    seed = number(int, lambda value: value >= 0, "a whole number")
    parser.add_argument("--seed", metavar="N", type=seed, default=0, help="of masks, units and order (default: 0)")
    add_options(parser, "--group", "--where", "--set", "--code", set=DATA_SETTINGS)


def run(arguments: argparse.Namespace) -> None:
    """Continue the pretraining."""
    from audio_ft.training.unlabeled.pretrain import pretrain

    done = pretrain(
        arguments.model,
        unlabeled(arguments),
        arguments.output,
        epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        units=arguments.units,
        seed=arguments.seed,
        log=say,
    )
    learned = f"{done.steps:,} steps on {done.seconds / 60:.1f} min"
    show(f"held-out loss {done.before:.3f} before and {done.after:.3f} after {learned}: {done.folder}")
