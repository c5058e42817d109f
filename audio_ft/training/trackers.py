"""Trackers that Trainer reports to: their files lie in the run's folder, and they hear the final scores last."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_ft.system import environment

if TYPE_CHECKING:
    from transformers import Trainer

    from audio_ft.metrics import Score

# Tracker: the variable that it reads its place from, and what that is below the run's folder. Trainer's own place for
# TensorBoard is among the checkpoints, which go when the training is over; W&B makes a folder "wandb" itself. W&B
# and trackio read theirs once a process: a second training there has its files in the folder of the first.
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


class Listeners:
    """The trackers of one training that know what to do with a score after its end: those of `PLACES`.

    Trainer ends a training where ours is not scored yet, and leaves W&B's run open: the next training of the process
    would go on in it. A W&B run that was open beforehand is the caller's, and stays so.
    """

    def __init__(self, trackers: Sequence[str], folder: Path) -> None:
        self._folder = folder
        self._names = [name for name in trackers if name in PLACES]
        self._callers_own = _wandb_is_open()
        self._callbacks: list[Any] = []
        self._settings: tuple[Any, Any, Any] | None = None

    def __enter__(self) -> Listeners:
        """Begin to report."""
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        """End what a training that failed has begun; one that did not has its scores yet to tell."""
        if kind is not None:
            self.leave(failed=True)

    def join(self, trainer: Trainer) -> None:
        """Remember whom a trainer that has finished reports to; not the trainer, which holds the optimizer's memory."""
        from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

        known = tuple(INTEGRATION_TO_CALLBACK[name] for name in self._names)
        self._callbacks = [one for one in trainer.callback_handler.callbacks if isinstance(one, known)]
        self._settings = (trainer.args, trainer.state, trainer.control)

    def hear(self, model: Any, scores: Mapping[str, Score]) -> None:
        """Tell the scores on the test split as "test/accuracy" and the like, those of single classes aside."""
        logs = {f"test_{name}": score.value for name, score in scores.items() if not name.endswith("]")}
        if self._settings is None or not self._settings[1].is_world_process_zero:
            return
        with tracked(self._names, self._folder):
            for callback in self._callbacks:
                # TensorBoard and trackio open what they closed, under the same name, and close it again.
                callback.on_log(*self._settings, model=model, logs=dict(logs))
                if type(callback).__name__ != "WandbCallback":
                    callback.on_train_end(*self._settings, model=model)
        self.leave()

    def leave(self, *, failed: bool = False) -> None:
        """End the W&B run of this training, if there is one."""
        if "wandb" in self._names and not self._callers_own and _wandb_is_open():
            # After `teardown`, which would have WANDB_DIR read anew, the next run of the process fails.
            sys.modules["wandb"].finish(exit_code=1 if failed else 0)


def _wandb_is_open() -> bool:
    """Tell whether W&B has an open run in this process; a process that has not imported it has none."""
    wandb = sys.modules.get("wandb")
    return wandb is not None and wandb.run is not None
