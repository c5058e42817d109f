"""The finished run that `card`, `compare`, `report` and `reproduce` take: a folder, or a repository on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from audio_ft.errors import InputError

if TYPE_CHECKING:
    from audio_ft.run import Run

RUN_OR_MODEL = "RUN_OR_MODEL"
HELP = "a run's folder, or a model's id on the Hub"


def repository_of(place: str) -> str | None:
    """Return the repository on the Hub, without its revision; None if `place` is a local folder."""
    return None if Path(place).expanduser().is_dir() else place.partition("@")[0]


def finished(place: str, *, predictions: bool = False) -> Run:
    """Return the run in a folder, or that of a repository on the Hub, downloaded without its weights.

    `predictions` requires predictions.parquet too.

    Raises:
        InputError: no such folder and no such repository, no run.json in it, or no predictions where they are needed.
        AudioFTError: the Hub cannot be reached.
    """
    from audio_ft.hub.download import pull
    from audio_ft.run import PREDICTIONS_FILE, RUN_FILE, Run

    repository = repository_of(place)
    if repository is None:
        return Run.load(Path(place).expanduser())
    folder = pull(place, only=(RUN_FILE, *((PREDICTIONS_FILE,) if predictions else ())))
    if not (folder / RUN_FILE).is_file():
        raise InputError(
            f"{place} has no {RUN_FILE}, so it is unknown how it was trained; `audio-ft push` uploads one."
        )
    if predictions and not (folder / PREDICTIONS_FILE).is_file():
        raise InputError(
            f"{place} has no {PREDICTIONS_FILE}, which this command needs: it was pushed without them, or not "
            f"downloaded while there was a network. The owner of the run can upload them with `audio-ft push RUN "
            f"{repository} --predictions`; `audio-ft evaluate {place} DATA` scores the model without them."
        )
    return Run.load(folder)
