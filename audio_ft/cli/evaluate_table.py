"""The table of `audio-ft evaluate`: short, since --json holds everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.formatting import capitalized, format_duration, format_size
from audio_ft.metrics import Score

if TYPE_CHECKING:
    from audio_ft.evaluation.evaluate import Evaluation

# Lines of classes and of slices; the weakest come first.
CLASSES, SLICES = 10, 5


def table(evaluation: Evaluation, facts: Mapping[str, Any], speed: Mapping[str, Any] | None) -> str:
    """Return scores, classes, slices, calibration and speed as lines of text."""
    whole = {name: score for name, score in evaluation.scores.items() if "[" not in name}
    width = max([*map(len, whole), len(evaluation.split) + 6]) + 2
    lines = [f"{evaluation.split + ' split':<{width}}{evaluation.n:,} clips ({evaluation.rule})"]
    lines += [f"{name:<{width}}{score}" for name, score in whole.items()]
    lines.append(f"95 % intervals, {evaluation.resampling.partition(': ')[2]}")
    if evaluation.unreadable:
        lines.append(f"{len(evaluation.unreadable):,} unreadable recordings were excluded and are not in the scores.")
    parts = [classes(facts["per_class"]), slices(facts), trust(facts), cost(speed)]
    return "\n\n".join("\n".join(part) for part in [lines, *parts] if part)


def classes(per_class: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a line for each class, the weakest first."""
    if not per_class:
        return []
    # The first class may lack a score: a class without a clip has no recall.
    names = list(dict.fromkeys(name for found in per_class.values() for name in found))
    order = sorted(per_class, key=lambda label: per_class[label].get(names[0], {"value": 1.0})["value"])
    width = max(len("class"), *(len(label) for label in order[:CLASSES])) + 2
    lines = ["class".ljust(width) + "".join(f"{name:<24}" for name in names).rstrip()]
    for label in order[:CLASSES]:
        cells = [str(Score.from_dict(per_class[label][name])) if name in per_class[label] else "–" for name in names]
        lines.append(label.ljust(width) + "".join(f"{cell:<24}" for cell in cells).rstrip())
    return lines + _more(len(order) - CLASSES, "classes")


def slices(facts: Mapping[str, Any]) -> list[str]:
    """Return a line for each of the weakest slices, and the verdict on them."""
    found: Sequence[Mapping[str, Any]] = facts["slices"]["slices"]
    sentence = f"{capitalized(facts['slices']['verdict'])}."
    if not found:
        return [sentence]
    outstanding = sum(one["stands_out"] for one in found)
    shown = found[: max(SLICES, outstanding)]
    names = [f"{one['column']} {one['value']}" for one in shown]
    width = max(map(len, [*names, "slice"])) + 2
    metric = next(iter(shown[0]["scores"]))
    lines = [f"{'slice':<{width}}{metric:<24}elsewhere  clips"]
    for name, one in zip(names, shown, strict=True):
        score = str(Score.from_dict(one["scores"][metric]))
        mark = "  *" if one["stands_out"] else ""
        lines.append(f"{name:<{width}}{score:<24}{one['rest']['value']:<9.3f}  {one['n']:,}{mark}")
    return [*lines, *_more(len(found) - len(shown), "slices"), sentence]


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
    shares = [f"{float(share):.0%}: {Score.from_dict(score)}" for share, score in selective["at"].items()]
    return [line, f"accuracy on the most confident clips  {'   '.join(shares)}"]


def cost(speed: Mapping[str, Any] | None) -> list[str]:
    """Return how fast the model predicts on this machine."""
    if speed is None:
        return []
    memory = "" if speed["memory"] is None else f", {format_size(speed['memory'])} at most"
    threads = f"{speed['threads']} thread{'s' * (speed['threads'] != 1)}"
    alone, most, together = (format_duration(speed[name]) for name in ("median", "p95", "batch_median"))
    return [
        f"{alone} for a clip of {format_duration(speed['seconds'])} (95 % below {most}), "
        f"{together} in batches of {speed['batch']}",
        f"real-time factor {speed['real_time_factor']:.3f}, in batches {speed['batch_real_time_factor']:.3f}{memory}; "
        f"{speed['processor']}, {threads}",
    ]


def _more(left: int, what: str) -> list[str]:
    return [f"… and {left:,} more {what} (--json holds them)"] if left > 0 else []
