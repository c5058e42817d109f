"""Compare two runs on the same clips: better, worse or not distinguishable."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, as_line, say, show
from audio_ft.cli.options import add_json
from audio_ft.cli.run_options import HELP, finished

if TYPE_CHECKING:
    from audio_ft.evaluation.compare_runs import Paired
    from audio_ft.metrics.comparison import Comparison

EPILOG = """examples:
  audio-ft compare runs/first runs/second
  audio-ft compare runs/first runs/second --split validation --json
  audio-ft compare me/keywords runs/second

Both runs are scored on the same clips, matched by file name, so that clips which are hard for both do not count. The
verdict goes by accuracy, micro F1 (several labels), mean absolute error (numbers) or word error rate (transcripts);
the table shows the other scores, of which about one in twenty differs by chance. A run on the Hub can be compared if it
was pushed with --predictions."""
_MOST_NAMED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `compare`."""
    parser.epilog = EPILOG
    parser.add_argument("first", metavar="RUN_A", help=HELP)
    parser.add_argument("second", metavar="RUN_B", help="the run to compare with it, given the same way")
    parser.add_argument("--split", default="test", choices=("validation", "test"), help="default: test")
    add_json(parser, "verdict, scores, differences and intervals")


def run(arguments: argparse.Namespace) -> int:
    """Compare the two runs and return the exit code."""
    from audio_ft.evaluation.compare_runs import compare_runs

    first, second = (finished(place, predictions=True) for place in (arguments.first, arguments.second))
    paired = compare_runs(first, second, arguments.split)
    for name, files in ((arguments.first, paired.only_first), (arguments.second, paired.only_second)):
        if files:
            more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
            say(f"warning: only {name} has predictions for {', '.join(files[:_MOST_NAMED])}{more}; left out.")
    if paired.unlike:
        say(
            f"warning: {len(paired.unlike):,} of {paired.headline.n:,} clips have another length in {arguments.second} "
            f"(first: {paired.unlike[0]}). Are they the same recordings?"
        )
    show(as_line(to_dict(paired)) if arguments.json else as_text(paired, arguments.first, arguments.second))
    return DONE


def to_dict(paired: Paired) -> dict[str, object]:
    """Return the comparison as plain JSON values, the headline's fields on top."""
    return {
        "split": paired.split,
        **paired.headline.to_dict(),
        "others": [each.to_dict() for each in paired.others],
        "only_first": list(paired.only_first),
        "only_second": list(paired.only_second),
        "unlike": list(paired.unlike),
    }


def as_text(paired: Paired, first: str, second: str) -> str:
    """Return the sentence and the table as lines of text."""
    rows: list[tuple[str, ...]] = [("", "first", "second", "difference", "95 % interval", "the second is")]
    rows += [_row(each) for each in (paired.headline, *paired.others)]
    widths = [max(len(row[column]) for row in rows) + 2 for column in range(len(rows[0]))]
    lines = ["".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    how = paired.headline.resampling.partition(": ")[2]
    return "\n".join([paired.headline.describe(first, second), "", *lines, f"{paired.split} split, paired, {how}"])


def _row(each: Comparison) -> tuple[str, ...]:
    ends = f"[{each.low:+.3f}, {each.high:+.3f}]" if math.isfinite(each.low) else "none"
    return each.metric, f"{each.first:.3f}", f"{each.second:.3f}", f"{each.difference:+.3f}", ends, each.verdict
