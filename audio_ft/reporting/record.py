"""What the report and the card both read of a run: its hardware, and the measurements saved beside it, in words."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from audio_ft.evaluation.robustness import ROBUSTNESS_FILE
from audio_ft.evaluation.summary import SLICES_FILE, describes
from audio_ft.file_io import read_json
from audio_ft.formatting import capitalized
from audio_ft.metrics import Score
from audio_ft.metrics.names import score_name
from audio_ft.redaction import display_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audio_ft.run import Run

logger = logging.getLogger(__name__)


def hardware(run: Run) -> str:
    """Return the processors that a run was computed on, "2 × NVIDIA A100 and 8 cores of AMD EPYC"."""
    boards = Counter(str(name) for name in run.hardware["accelerators"])
    cores = f"{run.hardware['cores']} cores of {run.hardware['processor'] or 'an unnamed processor'}"
    return " and ".join([*(f"{count} × {name}" for name, count in boards.items()), cores])


def interval_method(run: Run) -> str:
    """Return how confidence intervals were computed, "resampled by group (12 groups)."."""
    return run.intervals.partition(": ")[2] or run.intervals


def slice_results(run: Run) -> dict[str, Any]:
    """Return the content of slices.json beside a run; {} without one, or with one of another run."""
    found = _beside(run, SLICES_FILE)
    return _own(run, SLICES_FILE, found, describes(found, run), "evaluate") if found else {}


def robustness_results(run: Run) -> dict[str, Any]:
    """Return the content of robustness.json beside a run; {} without one, or with an unfinished or another run's."""
    found = _beside(run, ROBUSTNESS_FILE)
    if found:
        own = run.digests["model"] in found.get("of", {}).get("model", ())
        found = _own(run, ROBUSTNESS_FILE, found, own, "robustness")
    return found if found.get("complete") else {}


def _beside(run: Run, file: str) -> dict[str, Any]:
    path = run.folder / file
    return read_json(path) if path.is_file() else {}


def _own(run: Run, file: str, found: dict[str, Any], own: bool, command: str) -> dict[str, Any]:
    """Return what was found if it belongs to the run; otherwise warn and return {}."""
    if own:
        return found
    logger.warning(
        "warning: %s belongs to another training than this run and is ignored; "
        "run `audio-ft %s %s DATA` to replace it.",
        run.folder / file,
        command,
        run.folder,
    )
    return {}


def calibration_text(found: Mapping[str, Any]) -> list[str]:
    """Return the calibration error beside the one that chance explains, and what temperature scaling changes."""
    error, limit = found["error"], found["chance_high"]
    judgment = "more than chance explains, so the model is miscalibrated" if error > limit else "within chance"
    text = (
        f"Expected calibration error: {error:.3f} over {found['n']:,} recordings. It is the average gap between "
        f"confidence and accuracy. A perfectly calibrated model would score {found['chance']:.3f} on average, and "
        f"below {limit:.3f} in 95 % of samples of this size; the error is {judgment}."
    )
    temperature = found["temperature"]
    if temperature is None:
        return [text, f"No temperature was fitted: {found['why']}."]
    confident = "overconfident" if temperature > 1 else "underconfident"
    return [
        text,
        f"On the validation split the model is {confident}: temperature scaling with T = {temperature:.2f} changes the "
        f"test error to {found['error_after']:.3f}.",
    ]


def robustness_text(found: Mapping[str, Any], run: Run) -> list[str]:
    """Return the clean score and the worst perturbation; the data is named if it is not that of the training."""
    data = display_name(found["data"])
    where = "" if data == display_name(str(run.data["path"])) else f" of {data}"
    title, clean = score_name(found["metric"]).title, Score.from_dict(found["clean"])
    return [
        f"{found['n']:,} recordings of the {found['split']} split{where} were scored without change "
        f"({title.lower()} {clean}) and under perturbations applied before the model's own cleaning.",
        f"{capitalized(found['sentence'])}.",
    ]
