"""Where trackers keep their files: in the folder of the run, unless the user has told them where."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from audio_ft.quiet import environment

# Tracker: the variable that it reads its place from, and what that is below the run's folder. Trainer's own place for
# TensorBoard is among the checkpoints, which go when the training is over; W&B makes a folder "wandb" itself.
PLACES = {
    "tensorboard": ("TENSORBOARD_LOGGING_DIR", "tensorboard"),
    "trackio": ("TRACKIO_DIR", "trackio"),
    "wandb": ("WANDB_DIR", ""),
}
FOLDERS = tuple(PLACES)


def tracked(trackers: Sequence[str], folder: Path) -> AbstractContextManager[None]:
    """Have these trackers keep their files in a run's folder for as long as the context lasts."""
    places = [PLACES[name] for name in trackers if name in PLACES]
    return environment({variable: str(folder.resolve() / below) for variable, below in places})
