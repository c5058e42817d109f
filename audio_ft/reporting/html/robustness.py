"""The section on robustness, from what `audio-ft robustness` left beside the run; nothing where it was not finished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audio_ft.metrics import Score
from audio_ft.metrics.names import score_name
from audio_ft.redaction import display_name
from audio_ft.reporting.html import figures
from audio_ft.reporting.html.page import LevelRow, Robustness
from audio_ft.reporting.record import robustness_results as measured_robustness

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audio_ft.reporting.html.figures import Picture
    from audio_ft.run import Run


def robustness(run: Run) -> Robustness | None:
    """Return what worse recordings do to the score: the worst of it in words, curves, and every level."""
    found = measured_robustness(run)
    if not found.get("complete"):
        return None
    title, clean = score_name(found["metric"]).title, Score.from_dict(found["clean"])
    home = display_name(found["data"]) == display_name(str(run.data["path"]))
    where = f"{found['split']} split" + ("" if home else f" of {display_name(found['data'])}")
    sentence = str(found["sentence"])
    return Robustness(
        said=(
            f"{found['n']:,} recordings of the {where} were heard as they are, {title.lower()} {clean}, and again at "
            "each level of what makes recordings worse, before the model's own cleaning.",
            f"{sentence[:1].upper()}{sentence[1:]}.",
        ),
        metric=title,
        pictures=tuple(
            curve(perturbation, found["metric"], clean)
            for perturbation in found["perturbations"]
            if len(drawn(perturbation)) > 1
        ),
        rows=tuple(
            row(perturbation, level) for perturbation in found["perturbations"] for level in perturbation["levels"]
        ),
    )


def drawn(perturbation: Mapping[str, Any]) -> list[tuple[float, Score]]:
    """Return the levels at which something could be heard, with the score there."""
    return [(level["level"], Score.from_dict(level["score"])) for level in perturbation["levels"] if level["score"]]


def curve(perturbation: Mapping[str, Any], metric: str, clean: Score) -> Picture:
    """Return the curve of a perturbation, captioned with the levels that are worse than clean."""
    title = f"{perturbation['title'][:1].upper()}{perturbation['title'][1:]}"
    worse = [f"{level['level']:g}".replace("-", "−") for level in perturbation["levels"] if level["verdict"] == "worse"]
    unit = f" {perturbation['unit']}" if perturbation["unit"] else ""
    told = f"worse than clean at {', '.join(worse)}{unit}" if worse else "no level is worse than chance explains"
    return figures.perturbation(
        drawn(perturbation),
        title=title,
        unit=perturbation["unit"],
        metric=metric,
        clean=clean,
        caption=f"{title}: {told}.",
    )


def row(perturbation: Mapping[str, Any], level: Mapping[str, Any]) -> LevelRow:
    """Return one level of a perturbation."""
    score, difference = level["score"], level["difference"]
    return LevelRow(
        perturbation=perturbation["title"],
        said=level["said"],
        score=Score.from_dict(score) if score else None,
        difference=difference["value"] if difference else None,
        worse=level["verdict"] == "worse",
        failed=level["failed"],
    )
