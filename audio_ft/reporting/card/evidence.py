"""What was measured beside the headline, if it was: slices.json and robustness.json, in words and tables."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audio_ft.data.columns import GROUP, among, plain
from audio_ft.evaluation.summary import SLICES_FILE, describes
from audio_ft.file_io import read_json
from audio_ft.metrics import Score
from audio_ft.metrics.names import SCORES, score_name
from audio_ft.redaction import display_name
from audio_ft.reporting.card.markdown import literal, table

if TYPE_CHECKING:
    from audio_ft.run import Run

logger = logging.getLogger(__name__)

ROBUSTNESS_FILE = "robustness.json"
# The weakest slices are shown, and every one that stands out.
WEAKEST = 3


def measured_slices(run: Run) -> dict[str, Any]:
    """Return what slices.json beside a run holds, nothing where there is none or it is another run's."""
    found = _beside(run, SLICES_FILE)
    return found if found and describes(found, run) else _left_out(run, SLICES_FILE, found, "evaluate")


def measured_robustness(run: Run) -> dict[str, Any]:
    """Return what robustness.json beside a run holds, nothing where there is none or it is another run's."""
    found = _beside(run, ROBUSTNESS_FILE)
    own = run.digests["model"] in found.get("of", {}).get("model", ())
    return found if own else _left_out(run, ROBUSTNESS_FILE, found, "perturbation")


def _beside(run: Run, file: str) -> dict[str, Any]:
    path = run.folder / file
    return read_json(path) if path.is_file() else {}


def _left_out(run: Run, file: str, found: dict[str, Any], verb: str) -> dict[str, Any]:
    """Return nothing, with a warning where something was there."""
    if found:
        logger.warning(
            "warning: %s is of another training than this run and is left out; `audio-ft %s %s DATA` measures this.",
            run.folder / file,
            verb,
            run.folder,
        )
    return {}


def slices(found: dict[str, Any], group: str | None) -> str:
    """Return a sentence and a table of the weakest slices of the test split; nothing where none was looked at."""
    kept = [one for one in found["slices"]["slices"] if one["column"] != group and not names_somebody(one["column"])]
    if not kept:
        return ""
    outstanding = [one for one in kept if one["stands_out"]]
    shown = kept[: max(WEAKEST, len(outstanding))]
    headline = next(iter(shown[0]["scores"]))
    rows = [
        [
            literal(f"{one['column']}: {one['value']}"),
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


def names_somebody(column: str) -> bool:
    """Tell whether a column's values are names of speakers or the like: a card is public."""
    return among(column, ("group", *GROUP)) or plain(column).endswith(("id", "name"))


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


def robustness(found: dict[str, Any], home: str) -> str:
    """Return a sentence and a table of what worse recordings do to the headline; nothing where it was not measured.

    `home` is the data of the training; others are named.
    """
    if not found.get("complete"):
        return ""
    where = "" if display_name(found["data"]) == display_name(home) else f" of `{display_name(found['data'])}`"
    rows = []
    for perturbation in found["perturbations"]:
        unit = f", {perturbation['unit']}" if perturbation["unit"] else ""
        cells = (_under(level, len(perturbation["levels"]) > 1) for level in perturbation["levels"])
        rows.append([f"{perturbation['title']}{unit}", "; ".join(cells)])
    title = score_name(found["metric"]).title
    said = found["sentence"]
    return (
        f"{found['n']:,} recordings of the {found['split']} split{where} were also heard in worse quality, "
        f"{title.lower()} {Score.from_dict(found['clean'])} when clean: {said}. Scores that are worse than "
        f"chance explains are in bold.\n\n{table(['change', title], rows)}"
    )


def _under(level: dict[str, Any], several: bool) -> str:
    """Return the score under one level of a perturbation, after the level where there are several."""
    score = "nothing can be heard" if level["score"] is None else f"{level['score']['value']:.3f}"
    if level["verdict"] == "worse":
        score = f"**{score}**"
    return f"{level['level']:g}: {score}" if several else score


def retention(found: Mapping[str, Mapping[str, Mapping[str, Score]]], second: str) -> str:
    """Return the table of what fine-tuning did to earlier abilities; nothing where it was not measured."""
    if not found:
        return ""
    places = {"test": "test split", "extra_eval": second}
    states = list(next(iter(found.values())))
    rows = [
        [f"{places[place]}: {known.title}", *(str(scores[state].get(name, "–")) for state in states)]
        for place, scores in found.items()
        for name, known in SCORES.items()
        if name in scores[states[0]]
    ]
    return table(["score", *(state.replace("untuned", "before") for state in states)], rows)
