"""Experiment trackers: keep their files in the run's folder, and log the final scores to them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.system.machine import environment

if TYPE_CHECKING:
    from transformers import Trainer

    from audio_ft.metrics import Score

# Tracker: the variable that names its folder, and the subfolder of the run. Trainer would put TensorBoard's files among
# the checkpoints, which are removed after training; W&B itself adds "wandb". W&B and trackio read their variable once a
# process: a second training in it writes to the folder of the first.
PLACES = {
    "tensorboard": ("TENSORBOARD_LOGGING_DIR", "tensorboard"),
    "trackio": ("TRACKIO_DIR", "trackio"),
    "wandb": ("WANDB_DIR", ""),
}


@contextmanager
def tracked(trackers: Sequence[str], folder: Path) -> Iterator[Trackers]:
    """Point trackers to the folder of a run within the context, and close the W&B run of a training that fails."""
    tracking = Trackers(trackers, folder)
    try:
        with environment(tracking.variables):
            yield tracking
    except BaseException:
        tracking.close(failed=True)
        raise


class Trackers:
    """Log the test scores to the trackers of one training, after Trainer has finished.

    Trainer ends before the test split is scored, and leaves W&B's run open, so that the next training in the process
    would continue it. A W&B run that was open beforehand belongs to the caller and stays open.
    """

    def __init__(self, trackers: Sequence[str], folder: Path) -> None:
        self.names = [name for name in trackers if name in PLACES]
        places = [PLACES[name] for name in self.names]
        self.variables = {variable: str(folder.resolve() / below) for variable, below in places}
        self.closes_wandb = "wandb" in self.names and not _wandb_is_open()
        self.callbacks: list[Any] = []

    def attach(self, trainer: Trainer) -> None:
        """Take the callbacks of a finished trainer, but not the trainer itself, which holds the optimizer's memory."""
        from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

        known = tuple(INTEGRATION_TO_CALLBACK[name] for name in self.names)
        self.callbacks = [one for one in trainer.callback_handler.callbacks if isinstance(one, known)]
        self.settings = (trainer.args, trainer.state, trainer.control)

    def log_scores(self, model: Any, scores: Mapping[str, Score]) -> None:
        """Log the test scores as "test/accuracy" and so on, except those of single classes."""
        logs = {f"test_{name}": score.value for name, score in scores.items() if not name.endswith("]")}
        with environment(self.variables):
            for callback in self.callbacks:
                # TensorBoard and trackio reopen their files under the same name, and close them again.
                callback.on_log(*self.settings, model=model, logs=dict(logs))
                if type(callback).__name__ != "WandbCallback":
                    callback.on_train_end(*self.settings, model=model)
        self.close()

    def close(self, *, failed: bool = False) -> None:
        """Close the W&B run of this training, if there is one."""
        if self.closes_wandb and _wandb_is_open():
            # `teardown` would make W&B read WANDB_DIR again, but then the next run of the process fails.
            sys.modules["wandb"].finish(exit_code=1 if failed else 0)


def _wandb_is_open() -> bool:
    """Return whether W&B has an open run in this process."""
    wandb = sys.modules.get("wandb")
    return wandb is not None and wandb.run is not None
