"""Show and play what in a recording a prediction rests on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.cli.console import blocks, columns, say, show, show_result
from audio_ft.cli.inputs import recordings_found
from audio_ft.cli.options import add_options
from audio_ft.file_io import require_parent
from audio_ft.formatting import format_size

if TYPE_CHECKING:
    from audio_ft.explaining.explain import Explanations

KEYS = ("deletion", "insertion")
MEANING = [
    "By how much the area under the curve of the label's probability is better than",
    "with random orders, of at most 1. What is not better than random means nothing.",
]
STAGE = "judge"
EPILOG = """examples:
  audio-ft explain runs/first door.wav --html door.html
  audio-ft explain runs/first recordings --label bell --json

Spans of time and mel bands are left out of the recording by occlusion, and weighed by integrated gradients of networks;
models on named features have Shapley values. The page plays the evidence alone, and the recording without it. Each
explanation is compared with random orders of the same parts: by deletion (the sooner the probability falls, the better)
and by insertion (the sooner it rises), with 95 % intervals over several recordings. Needs audio-ft[explain]."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `explain`."""
    add_options(parser, "model")
    files = "recordings, folders, or patterns such as 'day*/*.wav'"
    parser.add_argument("files", metavar="FILES", nargs="+", help=files)
    parser.add_argument("--label", metavar="LABEL", help="label to explain (default: the one that is predicted)")
    parser.add_argument("--html", metavar="FILE", help="write a page with figures and players")
    add_options(parser, "--json", "--code", json="all values, curves and scores")


def run(arguments: argparse.Namespace) -> None:
    """Explain predictions, print how far each explanation can be trusted, and write the page."""
    from audio_ft.explaining.explain import explain
    from audio_ft.hub.load import load
    from audio_ft.reporting.html.explanations import write_explanations

    page = Path(arguments.html).expanduser() if arguments.html else None
    if page:
        require_parent(page)
    files = recordings_found(arguments.files)
    found = explain(load(arguments.model), files, label=arguments.label)
    for file, reason in found.excluded:
        say(f"excluded: {file}: {reason}")
    show_result(arguments, found.to_dict(), as_lines(found))
    if page:
        write_explanations(found, page, arguments.model)
        say(f"written: {page} ({format_size(page.stat().st_size)})")
    elif not arguments.json:
        show("", "--html FILE writes a page with figures, and the evidence to listen to.")


def as_lines(found: Explanations) -> list[str]:
    """Return for each explanation whether it is better than random orders, and the scores over all recordings."""
    from audio_ft.explaining.faithfulness import ALARM

    parts = []
    for item in found:
        rows: list[tuple[str, ...]] = [("", "deletion", "insertion", "evidence alone", "without it")]
        for each in item.weighed:
            gains = (_judged(f"{gain:+.3f}", each.measured.p_values[key] <= ALARM)
                     for key, gain in each.measured.gains.items())  # fmt: skip
            rows.append((each.method, *gains, *(f"{label} {likely:.2f}" for label, likely in item.said(each))))
        reasons = [f"no {method}: {reason}" for method, reason in item.left_out.items()]
        parts.append([f"{item.file}: {item.label} {item.probabilities[item.label]:.2f}", *columns(rows), *reasons])
    rows = [(f"all {len(found):,} recordings", *KEYS)]
    for method, scores in found.faithfulness.items():
        rows.append((method, *(_judged(format(score, "+.3f"), score.low > 0) for score in scores.values())))
    return blocks([*parts, columns(rows) if len(found) > 1 else [], MEANING])


def _judged(value: str, better: bool) -> str:
    return f"{value} {'better' if better else 'not better'}"
