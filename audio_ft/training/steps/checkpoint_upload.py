"""Upload checkpoints to a branch on the Hub during training, in the background, following Trainer's hub_strategy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback
from transformers.trainer_utils import HubStrategy

from audio_ft.errors import AudioFTError
from audio_ft.file_io import as_json, read_json
from audio_ft.hub.commit import commit
from audio_ft.hub.errors import explain, request_timeout
from audio_ft.hub.push import TRAINING_BRANCH
from audio_ft.hub.repository import destination, hub_api
from audio_ft.redaction import local_paths, redact, redact_recipe
from audio_ft.run import CHAIN_FILE, RECIPE_FILE
from audio_ft.training.weights.ema import STEPPED_FILE

if TYPE_CHECKING:
    from concurrent.futures import Future

    from transformers import TrainerState, TrainingArguments

    from audio_ft.training.setup import Prepared

STATE_FILE = "trainer_state.json"
# Trainer's pickle of its settings, which contains local paths; nothing reads it.
PICKLED_SETTINGS = "training_args.bin"


class Uploads(TrainerCallback):
    """Send each saved checkpoint to a branch of the repository, so that the main one shows finished models only.

    The branch loads with `audio_ft.load("user/name@training")`. As in Trainer, a checkpoint is skipped while the
    previous one is still uploading, and hub_strategy adds the files needed to resume: "checkpoint" in the folder
    last-checkpoint, "all_checkpoints" each in its own folder.
    """

    def __init__(self, prepared: Prepared, folder: Path, log: Callable[[str], None]) -> None:
        self.prepared, self.log, self.api = prepared, log, hub_api(None)
        self.repository = str(prepared.recipe.push_to_hub)
        self.paths = local_paths(prepared.recipe, folder)
        self.jobs: list[Future[Any]] = []

    def on_save(self, args: TrainingArguments, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Send the checkpoint that was just saved."""
        if self.jobs and not self.jobs[-1].done() and not args.hub_always_push:
            return
        checkpoint = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        staged = self._stage(checkpoint, HubStrategy(args.hub_strategy).value)
        branch = args.hub_revision or TRAINING_BRANCH
        self.jobs.append(self.api.run_as_future(self._send, staged, branch, f"Training, step {state.global_step}"))

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for running uploads, and log those that failed."""
        if errors := [error for job in self.jobs if (error := job.exception()) is not None]:
            last = errors[-1]
            reason = str(last) if isinstance(last, AudioFTError) else f"{explain(last, self.repository)}."
            self.log(f"warning: {len(errors)} of {len(self.jobs)} checkpoints did not reach the Hub: {reason}")

    def _stage(self, checkpoint: Path, strategy: str) -> Path:
        """Copy the files to a folder laid out like the repository; Trainer soon removes the checkpoint."""
        prepared, staged = self.prepared, checkpoint.with_name(f"sending-{checkpoint.name}")
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        prepared.task.save(prepared.task.inference_adapter(prepared.adapter), staged)
        prepared.recipe.steps.save(staged / CHAIN_FILE)
        (staged / RECIPE_FILE).write_bytes(as_json(redact_recipe(prepared.recipe.to_dict(), self.paths)))
        later = {"checkpoint": "last-checkpoint", "all_checkpoints": checkpoint.name}.get(strategy)
        if later:
            (staged / later).mkdir()
            state = redact(read_json(checkpoint / STATE_FILE), self.paths)
            (staged / later / STATE_FILE).write_bytes(as_json(state))
        for file in checkpoint.iterdir():
            if file.suffix in (".json", ".safetensors") and file.name not in (STATE_FILE, STEPPED_FILE):
                _link(file, staged / file.name)
            elif later and file.is_file() and file.name not in (STATE_FILE, PICKLED_SETTINGS):
                _link(file, staged / later / file.name)
        return staged

    def _send(self, staged: Path, branch: str, title: str) -> None:
        """Commit a staged folder, check that the branch holds it, and remove it."""
        from huggingface_hub import CommitOperationAdd

        files = [file for file in sorted(staged.rglob("*")) if file.is_file()]
        operations = [CommitOperationAdd(file.relative_to(staged).as_posix(), str(file)) for file in files]
        try:
            with request_timeout():
                commit(self.api, destination(self.api, self.repository, branch), operations, title)
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def _link(file: Path, place: Path) -> None:
    """Hard-link a file to a second path, or copy it where the file system has no links."""
    try:
        os.link(file, place)
    except OSError:
        shutil.copyfile(file, place)
