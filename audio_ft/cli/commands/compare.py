"""Compare two runs on the same clips: better, worse or neither."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from audio_ft.cli.console import DONE, FAILED, say, show_result, table
from audio_ft.cli.inputs import finished
from audio_ft.cli.options import FLAG, SHARED, add_options

if TYPE_CHECKING:
    from audio_ft.evaluation.compare_runs import Paired

STAGE = "judge"
EPILOG = """examples:
  audio-ft compare runs/first runs/second
  audio-ft compare runs/first runs/second --split validation --json
  audio-ft compare runs/released runs/new --fail-if-worse
  audio-ft compare me/keywords runs/second

Both runs are scored on the same clips, matched by file name, so that clips which are hard for both do not count. The
verdict goes by accuracy, micro F1 (several labels), mean absolute error (numbers) or word error rate (transcripts);
the table shows the other scores, of which about one in twenty differs by chance. A run on the Hub can be compared if it
was pushed with --predictions."""
_MOST_NAMED = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `compare`."""
    parser.add_argument("first", metavar="RUN_A", help=SHARED["run"]["help"])
    parser.add_argument("second", metavar="RUN_B", help="the run to compare with it, given the same way")
    split = "whose predictions are compared (default: test); a run keeps none of train"
    parser.add_argument("--split", default="test", choices=("validation", "test"), help=split)
    worse = "exit with 1 if RUN_B is worse, for continuous integration"
    parser.add_argument("--fail-if-worse", **FLAG, help=worse)
    add_options(parser, "--json", json="verdict, scores, differences and intervals")


def run(arguments: argparse.Namespace) -> int:
    """Compare the two runs; the exit code is 1 if the second is worse and that was asked for."""
    from audio_ft.evaluation.compare_runs import compare

    first, second = (finished(place, predictions=True) for place in (arguments.first, arguments.second))
    paired = compare(first, second, arguments.split)
    for name, files in ((arguments.first, paired.only_first), (arguments.second, paired.only_second)):
        if files:
            more = f" and {len(files) - _MOST_NAMED:,} more" if len(files) > _MOST_NAMED else ""
            say(f"warning: only {name} has predictions for {', '.join(files[:_MOST_NAMED])}{more}; left out.")
    if paired.unlike:
        say(
            f"warning: {len(paired.unlike):,} of {paired.headline.n:,} clips have another length in {arguments.second} "
            f"(first: {paired.unlike[0]}). Are they the same recordings?"
        )
    content = {
        "split": paired.split,
        **paired.headline.to_dict(),
        "others": [each.to_dict() for each in paired.others],
        "only_first": paired.only_first,
        "only_second": paired.only_second,
        "unlike": paired.unlike,
    }
    show_result(arguments, content, as_text(paired, arguments.first, arguments.second))
    return FAILED if arguments.fail_if_worse and paired.headline.verdict == "worse" else DONE


def as_text(paired: Paired, first: str, second: str) -> list[str]:
    """Return the sentence and the table as lines of text."""
    rows: list[tuple[str, ...]] = [("", "first", "second", "difference", "95 % interval", "verdict")]
    for each in (paired.headline, *paired.others):
        ends = f"[{each.low:+.3f}, {each.high:+.3f}]" if math.isfinite(each.low) else "none"
        scores = f"{each.first:.3f}", f"{each.second:.3f}", f"{each.difference:+.3f}"
        rows.append((each.metric, *scores, ends, each.verdict if each.verdict in ("better", "worse") else "neither"))
    how = paired.headline.resampling.partition(": ")[2]
    sentence = paired.headline.describe(first, second)
    return [sentence, "", *table(rows), f"{paired.split} split, paired, {how}"]
