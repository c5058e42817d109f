"""Score a model, with 95 % intervals, slices, calibration and speed."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from audio_ft.cli.colors import marked
from audio_ft.cli.console import blocks, columns, say, screen_width, show_result, step, table
from audio_ft.cli.inputs import labeled, run_of
from audio_ft.cli.options import (
    REPEATABLE,
    add_beam_options,
    add_labeled_options,
    add_options,
    beam_of,
    require_task,
)
from audio_ft.formatting import capitalized, format_duration, format_size

if TYPE_CHECKING:
    from audio_ft.evaluation.evaluate import Evaluation

STAGE = "judge"
EPILOG = """examples:
  audio-ft evaluate runs/first recordings --split test
  audio-ft evaluate me/keywords other_recordings.csv --target word --group speaker --json
  audio-ft evaluate runs/first recordings --slice voice --slice duration

If DATA is the training data of the model, columns and splits are those of the training, so the test split is the one
it was not trained on. Other data without splits is scored as a whole.

--json also holds "per_class", "slices", "calibration", "selective" (accuracy against the share of clips kept) and
"speed"; docs/guides/evaluation.md describes them."""
# Lines of classes and of slices; the weakest come first.
CLASSES, SLICES = 10, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    add_labeled_options(parser)
    slices = "slice only by this: a column of the data, class, group, duration, loudness, SNR or rate; repeatable"
    parser.add_argument("--slice", metavar="COLUMN", **REPEATABLE, help=slices)
    add_options(parser, "--json", json='everything, {"scores": {name: {value, low, high, n}}, …},')
    add_options(parser, "--language", "--precision", precision="float32, as the scores of a run")
    add_beam_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Score the model."""
    from audio_ft.evaluation.evaluate import evaluate
    from audio_ft.evaluation.leaks import EVALUATED, load_sides
    from audio_ft.evaluation.predictions import Predictions
    from audio_ft.evaluation.summary import describe, description
    from audio_ft.hub.load import load
    from audio_ft.inference.benchmark import measure
    from audio_ft.run import PREDICTIONS_FILE

    beam, language = beam_of(arguments), arguments.language
    model = load(arguments.model, beam=beam, language=language, precision=arguments.precision)
    require_task(arguments, model)
    data, need = labeled(arguments, model.folder)
    finished = run_of(model)
    known, trained = finished, load_sides(finished.folder) if finished else None
    evaluation = evaluate(model, data, arguments.split, need=need, columns=arguments.slice, trained=trained)
    for warning in evaluation.warnings:
        say(f"warning: {warning}")
    for file, reason in evaluation.unreadable:
        say(f"excluded: {file}: {reason}")
    if finished and not (finished.folder / PREDICTIONS_FILE).is_file():
        finished = None
    step("comparing slices")
    # The temperature is fitted on the run's own validation clips, whatever data is evaluated.
    validation = Predictions.of(finished).split("validation") if finished else None
    facts = description(
        evaluation.predictions, validation, evaluation.scores, split=evaluation.split, columns=arguments.slice or None
    )
    if finished and need and not (arguments.where or arguments.set or arguments.target or arguments.group):
        # slices.json in the folder of the run, for its report and its card.
        describe(finished)
    step("measuring the speed")
    speed = asdict(measure(model, evaluation.sources))
    content = evaluation.to_dict() | facts | {"speed": speed}
    lines = as_text(evaluation, facts, speed)
    if evaluation.certificate and known and known.leaks.get("digests"):
        content["split_of_run"] = evaluation.certificate.split_of(known.leaks["digests"], EVALUATED)
        lines += ["", _checked(content["split_of_run"])]
    show_result(arguments, content, lines)


def _checked(split: str | None) -> str:
    """Return whether the recordings that were scored are those that the certificate of the run is about."""
    if split:
        return f"Scored: the {split} split as the leak certificate of the run checked it, by the digest of its samples."
    return "Scored: none of the splits that the leak certificate of the run checked, by the digest of its samples."


def as_text(evaluation: Evaluation, facts: Mapping[str, Any], speed: Mapping[str, Any]) -> list[str]:
    """Return scores, classes, slices, calibration and speed as lines of text; --json holds more."""
    whole = [(name, str(score)) for name, score in evaluation.scores.items() if "[" not in name]
    heading, *lines = columns([(f"{evaluation.split} split", f"{evaluation.n:,} clips ({evaluation.rule})"), *whole])
    headline = evaluation.predictions.target.headline
    named = zip(whole, lines, strict=True)
    lines = [marked(heading), *(marked(line) if name == headline else line for (name, _), line in named)]
    lines.append(f"95 % intervals, {evaluation.resampling.partition(': ')[2]}")
    if evaluation.unreadable:
        lines.append(f"{len(evaluation.unreadable):,} unreadable recordings were excluded and are not in the scores.")
    parts = [lines, leaks(evaluation), classes(facts["per_class"]), slices(facts), trust(facts), cost(speed)]
    return blocks(parts)


def leaks(evaluation: Evaluation) -> list[str]:
    """Return what of the evaluated recordings was in the training, and the scores of the others."""
    if evaluation.certificate is None:
        return []
    lines = []
    if left := [(name, str(score)) for name, score in evaluation.without_leaks.items() if "[" not in name]:
        clips = next(iter(evaluation.without_leaks.values())).n
        lines = columns([("without leaks", f"{clips:,} clips"), *left])
    sentences = [evaluation.certificate.summary("evaluated"), *evaluation.certificate.sentences()]
    width = min(screen_width() or 100, 100)
    return [line for sentence in sentences for line in textwrap.wrap(sentence, width)] + lines


def classes(per_class: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each class, the weakest first."""
    if not per_class:
        return []
    # The first class may lack a score: a class without a clip has no recall.
    names = list(dict.fromkeys(name for found in per_class.values() for name in found))
    order = sorted(per_class, key=lambda label: per_class[label].get(names[0], {"value": 1.0})["value"])
    rows = [(label, *(_score(per_class[label].get(name)) for name in names)) for label in order[:CLASSES]]
    return table([("class", *names), *rows]) + _more(len(order) - CLASSES, "classes")


def slices(facts: Mapping[str, Any]) -> list[str]:
    """Return a line for each of the weakest slices, and the verdict on them."""
    found: Sequence[Mapping[str, Any]] = facts["slices"]["slices"]
    sentence = f"{capitalized(facts['slices']['verdict'])}."
    if not found:
        return [sentence]
    shown = found[: max(SLICES, sum(one["stands_out"] for one in found))]
    metric = next(iter(shown[0]["scores"]))
    rows = [("slice", metric, "elsewhere", "clips", "")]
    for one in shown:
        score, elsewhere = _score(one["scores"][metric]), f"{one['rest']['value']:.3f}"
        mark = "*" if one["stands_out"] else ""
        rows.append((f"{one['column']} {one['value']}", score, elsewhere, f"{one['n']:,}", mark))
    return [*table(rows), *_more(len(found) - len(shown), "slices"), sentence]


def trust(facts: Mapping[str, Any]) -> list[str]:
    """Return calibration and selective accuracy; nothing if the target is not one label."""
    calibration, selective = facts["calibration"], facts["selective"]
    if calibration is None or selective is None:
        return []
    line = f"expected calibration error {calibration['error']:.3f} ({calibration['chance']:.3f} by chance alone)"
    if calibration["temperature"] is None:
        line += f"; no temperature: {calibration['why']}"
    else:
        line += f"; {calibration['error_after']:.3f} at temperature {calibration['temperature']:.2f}"
    shares = [f"{float(share):.0%}: {_score(score)}" for share, score in selective["at"].items()]
    return [line, f"accuracy on the most confident clips  {'   '.join(shares)}"]


def cost(speed: Mapping[str, Any]) -> list[str]:
    """Return how fast the model predicts on this machine."""
    memory = "" if speed["memory"] is None else f", {format_size(speed['memory'])} at most"
    threads = f"{speed['threads']} thread{'s' * (speed['threads'] != 1)}"
    alone, most, together = (format_duration(speed[name]) for name in ("median", "p95", "batch_median"))
    return [
        f"{alone} for a clip of {format_duration(speed['seconds'])} (95 % below {most}), "
        f"{together} in batches of {speed['batch']}",
        f"real-time factor {speed['real_time_factor']:.3f}, in batches {speed['batch_real_time_factor']:.3f}{memory}; "
        f"{speed['processor']}, {threads}, {speed['precision']}",
    ]


def _score(plain: Mapping[str, Any] | None) -> str:
    from audio_ft.metrics import Score

    return "–" if plain is None else str(Score.from_dict(plain))


def _more(left: int, what: str) -> list[str]:
    return [f"… and {left:,} more {what} (--json holds them)"] if left > 0 else []
