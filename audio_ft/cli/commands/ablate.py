"""Show what each cleaning step and augmentation bought."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from audio_ft.cli.console import show_result, table
from audio_ft.cli.options import add_options
from audio_ft.cli.recipe_script import add_recipe_argument, add_recipe_options, chosen, train_recipe

if TYPE_CHECKING:
    from audio_ft.training.tuning.ablate import Ablation

STAGE = "judge"
EPILOG = """examples:
  audio-ft ablate recipes/hubert_emotion.py --set method=probe
  audio-ft ablate recipe.yaml --set seeds=3 --set max_steps=200
  audio-ft ablate --model facebook/wav2vec2-base --data recordings --output-dir runs/ablation

The recipe is trained as it is, and without each cleaning step and augmentation in turn. All are compared on the same
validation clips; nothing is predicted for the test split. With method=probe it takes seconds, and compares steps alone,
as a probe takes clips as they are. An ablation that was stopped goes on when the same command runs again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ablate`."""
    add_recipe_argument(parser)
    add_recipe_options(parser)
    add_options(parser, "--json", json="the table")


def run(arguments: argparse.Namespace) -> None:
    """Take a recipe apart as the arguments say, and show the table."""
    from audio_ft.training.tuning.ablate import ablate

    found: list[Ablation] = []

    def work(recipe: Any, folder: Any, *, overwrite: bool, smoke: bool, log: Any, report: Any) -> None:
        found.append(ablate(recipe, folder, overwrite=overwrite, log=log))

    recipe, options, name = chosen(arguments, "ablate")
    if name and not options.output_dir:
        options.output_dir = f"runs/{recipe.name or name}-ablation"
    train_recipe(recipe, options, name, work)
    show_result(arguments, found[0].to_dict(), as_text(found[0]))


def as_text(found: Ablation) -> list[str]:
    """Return the table as lines of text."""
    rows: list[tuple[str, ...]] = [("without", found.metric, "it bought", "95 % interval", "verdict", "seconds")]
    for row in found.rows:
        one = row.comparison
        ends = f"[{one.low:+.3f}, {one.high:+.3f}]" if math.isfinite(one.low) else "none"
        rows.append((row.left_out, f"{one.first:.3f}", f"{one.difference:+.3f}", ends, row.verdict,
                     f"{row.seconds:,.0f}"))  # fmt: skip
    clips = found.score.n // found.seeds
    chance = (
        f"the interval covers the chance of {found.seeds} trainings each"
        if found.seeds > 1
        else "one training each, whose chance the interval leaves out (seeds=3 has it)"
    )
    return [f"{found.metric} of the recipe as it is: {found.score}", "", *table(rows),
            f"{clips:,} validation clips, paired, {found.intervals.partition(': ')[2].rstrip('.')}; {chance}.",
            "Of twenty rows one differs by chance alone."]  # fmt: skip
