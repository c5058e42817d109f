"""The Markdown tables of a model card."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_ft.data.columns import GROUP, among, plain
from audio_ft.formatting import format_duration
from audio_ft.metrics import Score
from audio_ft.metrics.names import headlines, score_name
from audio_ft.recipe import Recipe
from audio_ft.redaction import EXCLUDED
from audio_ft.reporting import record

if TYPE_CHECKING:
    from audio_ft.run import Run

# With more classes than this, only the weakest are shown.
MOST_CLASSES = 40
WEAKEST_CLASSES = 10
# The weakest slices are shown, and all that are significantly worse.
WEAKEST_SLICES = 3
# Recipe fields that the card shows elsewhere. The window is left out because a run's recipe has it resolved.
SHOWN_ELSEWHERE = {
    "model", "revision", "data", "name", "task", "text", "chain", "augment", "training", "intended_use", "limits",
    "consent", "license", "push_to_hub", "extra_eval", "window",
}  # fmt: skip


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Return a Markdown table; the columns `numbers` are aligned right."""
    rule = ["---:" if column in numbers else "---" for column in range(len(header))]
    cells = ([str(text).replace("|", r"\|").replace("\n", " ") for text in row] for row in (header, rule, *rows))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def code(text: object) -> str:
    """Return text as inline code."""
    return f"`{str(text).replace('`', chr(39))}`"


def literal(text: object) -> str:
    """Return text with Markdown and HTML escaped: a label such as <noise> would not be shown otherwise."""
    return re.sub(r"([\\`*<>\[\]])", r"\\\1", str(text))


def scores(run: Run) -> str:
    """Return the headline scores of the test split beside those of the baselines."""
    rows = []
    for name in headlines(run.scores["test"]):
        score = run.scores["test"][name]
        baselines = [str(others.get(name, "–")) for others in run.baselines.values()]
        rows.append([score_name(name).title, f"{score.n:,}", f"**{score}**", *baselines])
    return table(["score", "recordings", "this model", *run.baselines], rows, numbers=(1,))


def classes(run: Run) -> str:
    """Return the scores of each class, or of the weakest if there are many; "" without classes."""
    found, counts = record.class_scores(run), run.splits["test"]["classes"]
    if not found:
        return ""
    heading, shown = "", list(found)
    if len(found) > MOST_CLASSES:
        heading = f"The {WEAKEST_CLASSES} weakest of {len(found)} classes.\n\n"
        shown.sort(key=lambda label: min(score.value for score in found[label].values() if score))
        shown = shown[:WEAKEST_CLASSES]
    rows = [
        [code(label), f"{counts.get(label, 0):,}", *(str(score or "–") for score in found[label].values())]
        for label in shown
    ]
    return heading + table(["class", "recordings", *found[shown[0]]], rows, numbers=(1,))


def splits(run: Run) -> str:
    """Return the recordings and durations of each split, and how many recordings were excluded."""
    rows = [
        [
            name,
            f"{split['clips']:,}",
            format_duration(split["seconds_before"]),
            format_duration(split["seconds"]),
            f"{sum(len(split.get(kind, ())) for kind in EXCLUDED):,}",
        ]
        for name, split in run.splits.items()
    ]
    return table(["split", "recordings", "duration", "after cleaning", "excluded"], rows, numbers=(1, 2, 3, 4))


def settings(run: Run) -> str:
    """Return the settings that training used with their origin, and the recipe's others that are not defaults."""
    recipe = run.recipe
    defaults = Recipe(model=recipe.model, data=recipe.data).to_dict()
    changed = {
        name: value
        for name, value in recipe.to_dict().items()
        if name not in SHOWN_ELSEWHERE and value != defaults[name]
    }
    used = {name: (setting["value"], setting["origin"]) for name, setting in run.training.items()}
    others = {name: (value, "recipe") for name, value in {**recipe.training, **changed}.items() if name not in used}
    rows = [[code(name), code(json.dumps(value)), origin] for name, (value, origin) in {**used, **others}.items()]
    return table(["setting", "value", "chosen by"], rows) if rows else ""


def retention(run: Run) -> str:
    """Return the headline scores before and after fine-tuning, on the test split and on `extra_eval`."""
    found = record.retention(run)
    rows = [[title, *(str(scores.get(state, "–")) for state in found["columns"])] for title, scores in found["rows"]]
    return table(["score", *found["columns"]], rows)


def slices(found: Mapping[str, Any], group: str | None) -> str:
    """Return the weakest slices of the test split, without those that name people; "" if there are none."""
    kept = [item for item in found["slices"]["slices"] if item["column"] != group and not names_people(item["column"])]
    if not kept:
        return ""
    worse = sum(item["stands_out"] for item in kept)
    shown = kept[: max(WEAKEST_SLICES, worse)]
    headline = next(iter(shown[0]["scores"]))
    rows = [
        [
            literal(f"{item['column']}: {item['value']}"),
            f"{item['n']:,}",
            str(Score.from_dict(item["scores"][headline])),
            f"{item['rest']['value']:.3f}",
            "yes" if item["stands_out"] else "no",
        ]
        for item in shown
    ]
    header = ["slice", "recordings", score_name(headline).title, "all others", "significantly worse"]
    return (
        f"{worse or 'None'} of {len(kept)} slices of the test split {'are' if worse > 1 else 'is'} significantly worse "
        f"than the rest, corrected for multiple comparisons. The weakest:\n\n{table(header, rows, numbers=(1, 3))}"
    )


def names_people(column: str) -> bool:
    """Return whether the values of a column are names of speakers or the like, which a public card leaves out."""
    return among(column, ("group", *GROUP)) or plain(column).endswith(("id", "name"))


def robustness(found: Mapping[str, Any]) -> str:
    """Return the score at each level of each perturbation; "" if not measured."""
    if not found:
        return ""
    rows = []
    for perturbation in found["perturbations"]:
        unit = f", {perturbation['unit']}" if perturbation["unit"] else ""
        cells = [_level(level) for level in perturbation["levels"]]
        if len(cells) > 1:
            levels = [level["level"] for level in perturbation["levels"]]
            cells = [f"{level:g}: {cell}" for level, cell in zip(levels, cells, strict=True)]
        rows.append([f"{perturbation['title']}{unit}", "; ".join(cells)])
    return table(["perturbation", score_name(found["metric"]).title], rows)


def _level(level: Mapping[str, Any]) -> str:
    """Return the score at one level, bold if it is significantly worse than on clean recordings."""
    if level["score"] is None:
        return "no recording left"
    score = f"{level['score']['value']:.3f}"
    return f"**{score}**" if level["verdict"] == "worse" else score
