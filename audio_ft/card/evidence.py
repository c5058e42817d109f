"""What was measured beside the headline, if it was: slices.json and stress.json, in words and tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from audio_ft.card.names import score_name
from audio_ft.card.tables import table
from audio_ft.metrics import Score

SLICES_FILE = "slices.json"
STRESS_FILE = "stress.json"
# The weakest slices are shown, and every one that stands out.
WEAKEST = 3
# Names of speakers are names of people, and a card is public.
PRIVATE = "group"


def measured(folder: Path, file: str) -> dict[str, Any]:
    """Return what a file beside run.json holds, nothing where there is none."""
    path = folder / file
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def slices(found: dict[str, Any], group: str | None) -> str:
    """Return a sentence and a table of the weakest slices of the test split; nothing where none was looked at."""
    kept = [one for one in found["slices"]["slices"] if one["column"] not in (PRIVATE, group)]
    if not kept:
        return ""
    outstanding = [one for one in kept if one["stands_out"]]
    shown = kept[: max(WEAKEST, len(outstanding))]
    headline = next(iter(shown[0]["scores"]))
    rows = [
        [
            f"{one['column']}: {one['value']}",
            f"{one['n']:,}",
            str(Score.from_dict(one["scores"][headline])),
            f"{one['rest']['value']:.3f}",
            "yes" if one["stands_out"] else "no",
        ]
        for one in shown
    ]
    count = f"{len(outstanding)} are" if len(outstanding) != 1 else "one is"
    title = score_name(headline).title
    header = ["slice", "recordings", title, "elsewhere", "beyond chance"]
    return (
        f"Of {len(kept)} slices of the test split, {count if outstanding else 'none is'} worse than the rest by more "
        f"than chance among so many explains. The weakest:\n\n{table(header, rows, numbers=(1, 3))}"
    )


def calibration(found: dict[str, Any]) -> str:
    """Say how far stated probabilities are from the share that is right; nothing where they were not looked at."""
    told = found.get("calibration")
    if not told:
        return ""
    sentence = (
        f"The probability it states and the share that is right differ by {told['error']:.3f} on average (expected "
        f"calibration error over {told['n']:,} recordings; chance alone makes {told['chance']:.3f} of it)."
    )
    if told["temperature"] is None or told["error_after"] is None:
        return sentence
    return (
        f"{sentence} Dividing the logits by {told['temperature']:.2f}, which suits the validation split best, changes "
        f"this to {told['error_after']:.3f}."
    )
