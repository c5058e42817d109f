"""The rows of the tables of a model card that need more than the run itself: weakest classes, settings and slices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audio_ft.data.table.columns import GROUP, among, plain
from audio_ft.metrics import Score
from audio_ft.metrics.names import score_name
from audio_ft.recipe import Recipe
from audio_ft.reporting import record
from audio_ft.run import Run

# With more classes than this, only the weakest are shown.
MOST_CLASSES = 40
WEAKEST_CLASSES = 10
# Rows of the log, about.
MOST_EVALUATIONS = 12
# Recipe fields that the card shows elsewhere. The window is left out because a run's recipe has it resolved.
SHOWN_ELSEWHERE = {
    "model", "revision", "data", "name", "task", "text", "chain", "augment", "training", "intended_use", "limits",
    "consent", "license", "push_to_hub", "extra_eval", "window",
}  # fmt: skip


def classes(run: Run) -> list[tuple[str, dict[str, Score | None]]]:
    """Return the label and the scores of each class, or of the weakest if there are many."""
    found = list(record.class_scores(run).items())
    if len(found) <= MOST_CLASSES:
        return found
    return sorted(found, key=lambda row: min(score.value for score in row[1].values() if score))[:WEAKEST_CLASSES]


def settings(run: Run) -> list[tuple[str, Any, str]]:
    """Return name, value and origin of the settings of training, and of the recipe's others that are not defaults."""
    recipe = run.recipe
    defaults = Recipe(model=recipe.model, data=recipe.data).to_dict()
    changed = {
        name: value
        for name, value in recipe.to_dict().items()
        if name not in SHOWN_ELSEWHERE and value != defaults[name]
    }
    used = [(name, setting["value"], setting["origin"]) for name, setting in run.training.items()]
    others = {**recipe.training, **changed}.items()
    return used + [(name, value, "recipe") for name, value in others if name not in run.training]


def log(run: Run) -> tuple[str, list[dict[str, Any]]]:
    """Return the title of the score that chose the checkpoint, and the log: a row for each evaluation in training.

    A row has epoch, step, training loss, validation loss and that score, None where it was not logged, and whether its
    checkpoint was kept. Of long trainings the rows are chosen evenly, with the kept one among them.
    """
    metric, kept = run.best.get("metric", ""), None if "kept" in run.best else run.best.get("step")
    rows, loss = [], None
    for entry in run.history:
        loss = entry.get("loss", loss)
        if "eval_loss" in entry:
            rows.append({"epoch": entry.get("epoch"), "step": entry.get("step"), "loss": loss,
                         "validation": entry["eval_loss"], "score": entry.get(f"eval_{metric}"),
                         "kept": kept is not None and entry.get("step") == kept})  # fmt: skip
    every = max(1, -(-len(rows) // MOST_EVALUATIONS))
    return score_name(metric).title, [row for number, row in enumerate(reversed(rows))
                                      if row["kept"] or number % every == 0][::-1]  # fmt: skip


def slices(found: Mapping[str, Any], group: str | None) -> list[dict[str, Any]]:
    """Return the slices of the test split, weakest first, without those that name people."""
    kept = [item for item in found["slices"]["slices"] if item["column"] != group and not names_people(item["column"])]
    headline = next(iter(kept[0]["scores"])) if kept else ""
    title = score_name(headline).title
    return [{**item, "title": title, "score": Score.from_dict(item["scores"][headline])} for item in kept]


def names_people(column: str) -> bool:
    """Return whether the values of a column are names of speakers or the like, which a public card leaves out."""
    return among(column, ("group", *GROUP)) or plain(column).endswith(("id", "name"))
