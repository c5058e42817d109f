"""The texts of the page about the run as a whole: title, result, training and settings."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from audio_ft.formatting import format_duration
from audio_ft.redaction import EXCLUDED, display_name, redact_run
from audio_ft.reporting.record import hardware

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audio_ft.run import Run
    from audio_ft.targets.judged import Judged

# How many of the most frequent notes about cleaning are listed.
NOTES = 6


def title(run: Run) -> str:
    """Return the recipe's name, or the checkpoint and the data if it has none."""
    return run.recipe.name or f"{display_name(run.recipe.model)} on {display_name(run.recipe.data.path)}"


def lead(run: Run, clips: Sequence[Judged]) -> str:
    """Return the result in one sentence."""
    train = run.splits["train"]
    return (
        f"{run.target.lead(clips)} by {display_name(run.recipe.model)}, fine-tuned on {train['clips']:,} recordings "
        f"({format_duration(train['seconds_before'])}) of {display_name(run.recipe.data.path)}."
    )


def errors_lead(run: Run, clips: Sequence[Judged], shown: int) -> str:
    """Return which errors are shown and in which order."""
    wrong = sum(clip.wrong for clip in clips)
    if not wrong:
        return "All test recordings are predicted correctly."
    wording = run.target.wording
    which = f"All {wrong:,}" if shown == wrong else f"The worst {shown:,} of {wrong:,}"
    return (
        f"{which} {wording.errors_name} on the test split, {wording.errors_order}. Players hold the original "
        "recording; spectrograms show it after cleaning, as the model receives it."
    )


def facts(run: Run, clips: Sequence[Judged]) -> list[tuple[str, str]]:
    """Return the key facts about the run."""
    groups = len({clip.group for clip in clips} - {None})
    column = run.data.get("group")
    total, trainable = run.parameters["total"] / 1e6, run.parameters["trainable"] / 1e6
    return [
        ("Checkpoint", display_name(run.recipe.model)),
        ("Data", display_name(run.recipe.data.path)),
        ("Splits", str(run.data.get("rule", "not recorded"))),
        ("Groups", f"{column} ({groups:,} in the test split)" if column else "unknown"),
        ("Network", f"{total:.1f} M parameters, {trainable:.1f} M trained"),
        ("Duration", f"{format_duration(run.seconds['total'])} on {hardware(run)}"),
    ]


def cleaning_notes(run: Run) -> list[tuple[str, int]]:
    """Return the most frequent notes made while cleaning, with the number of recordings each was made about."""
    counts: Counter[str] = Counter()
    for split in run.splits.values():
        counts.update({note.partition(":")[0]: count for note, count in split.get("notes", {}).items()})
    return counts.most_common(NOTES)


def excluded(run: Run) -> list[tuple[str, str]]:
    """Return every excluded recording with the reason."""
    return [
        (str(key), str(reason))
        for split in run.splits.values()
        for kind in EXCLUDED
        for key, reason in split.get(kind, ())
    ]


def training(run: Run) -> list[tuple[str, str]]:
    """Return how the training went."""
    seconds, used, rows = run.seconds, run.used, []
    if used:
        rate, head = used["learning_rate"], used.get("head_learning_rate")
        head_rate = "" if head in (None, rate) else f", {head:g} for the head"
        rows = [("Learning rate", f"{rate:g}{head_rate}"), ("Batch size", f"{used['clips_per_step']:,} clips per step")]
    window = run.data.get("window_seconds")
    return [
        ("Best checkpoint", f"step {run.best['step']:,}: {run.best['why']}"),
        *rows,
        ("Context length", "not recorded" if window is None else f"{window:g} s"),
        ("Augmentation", ", ".join(type(augment).__name__ for augment in run.recipe.augments) or "none"),
        ("Precision", str(run.hardware.get("precision", "not recorded"))),
        ("Hardware", hardware(run)),
        ("Time", ", ".join(f"{name} {format_duration(seconds[name])}" for name in seconds if name != "total")),
        ("Finished", run.created[:16].replace("T", " ") + " UTC" if run.created else "not recorded"),
    ]


def settings(run: Run) -> list[tuple[str, str]]:
    """Return the recipe's settings without tokens and local paths, then those that training used."""
    recipe = redact_run(run).recipe.to_dict()
    recipe |= {"model": display_name(run.recipe.model)}
    data = recipe.pop("data") | {"path": display_name(run.recipe.data.path)}
    chain = recipe.pop("chain")
    rows: dict[str, Any] = {"model": recipe.pop("model")}
    rows |= {f"data.{name}": value for name, value in data.items()}
    rows |= {f"chain {number}": step for number, step in enumerate(chain, start=1)}
    rows |= recipe | {f"used {name}": value for name, value in run.used.items()}
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
        for name, value in rows.items()
    ]
